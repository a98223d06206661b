"""`iomodels check --self-test`: the gate's own false alarms and power on this machine."""

from __future__ import annotations

import secrets
import sys

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels import selftest
from iomodels.exports.change_text import share
from iomodels.results import Interval
from iomodels.selftest import KindResult, Report

from . import console, pair_progress


def show(*, as_json: bool) -> int:
    """Run it and print the last report; 1 where a kind of cell could not be measured."""
    messages = console.err()
    messages.print(
        f"about {selftest.DEFAULT_BUDGET_S / 60:.0f} minutes; Ctrl-C keeps what there is"
    )
    last: Report | None = None
    interrupted = False
    try:
        with pair_progress.display(messages, seed := secrets.randbits(32)) as listener:
            for report in selftest.run(seed=seed, listener=listener):
                last = report
    except KeyboardInterrupt:
        interrupted = True
    if last is None:
        return 130
    _write(last, as_json=as_json)
    if interrupted:
        return 130
    return 1 if any(kind.error for kind in last.kinds) else 0


def _write(report: Report, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(_plain(report))) + b"\n")
        return
    output = console.out()
    for part in _report(report):
        output.print(part)


def _plain(report: Report) -> dict[str, object]:
    return {
        "slowdown": report.slowdown,
        "elapsed_s": report.elapsed_s,
        "kinds": [
            {
                "name": result.kind.name,
                "engine": result.kind.engine,
                "slowed_by": result.kind.slowed_by,
                "decisions": result.decisions,
                "false_alarm_rate": result.false_alarm_rate,
                "power": result.power,
                "noise": result.noise,
                "detectable": result.detectable,
                "error": result.error,
            }
            for result in report.kinds
        ],
    }


def _report(report: Report) -> list[RenderableType]:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("kind of cell", ratio=1)
    for name in ("decisions", "false alarms", "power", "noise", "sees"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in report.kinds:
        table.add_row(result.kind.name, *_row(result))
    errors = [
        console.safe(f"{result.kind.name}: {result.error}", "red")
        for result in report.kinds
        if result.error
    ]
    legend = (
        f"power: how often {share(report.slowdown)} more time per operation was found; "
        "rates with their 95 % intervals; noise: of one pair; sees: the smallest change that a "
        "confirmation shows with 80 % power"
    )
    return [table, *errors, Text(""), Text(legend, style="dim")]


def _row(result: KindResult) -> tuple[str, ...]:
    return (
        str(result.decisions),
        _rate(result.false_alarm_rate),
        _rate(result.power),
        share(result.noise) if result.noise == result.noise else "",
        share(result.detectable) if result.detectable < 1e6 else "",
    )


def _rate(rate: Interval | None) -> str:
    if rate is None:
        return ""
    return f"{rate.median * 100:.0f} % ({rate.low * 100:.0f}–{rate.high * 100:.0f})"
