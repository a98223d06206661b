"""`iomodels check --self-test`: the gate's own false alarms and power on this machine."""

from __future__ import annotations

import secrets
import signal
import sys

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from iomodels.base import exit_codes, signals
from iomodels.base.exit_codes import Exit
from iomodels.base.signals import interruptible
from iomodels.base.units import counted
from iomodels.check import selftest
from iomodels.check.pair_clock import as_option
from iomodels.check.selftest import Decisions, KindResult, Report
from iomodels.comparison.wording import share
from iomodels.results.schema import Interval

from . import console, pair_progress
from .console import terms

SHORT_LEGEND = "In parentheses 95 % intervals. --legend explains the columns."


def show(*, budget_s: float, threshold: float, as_json: bool, explain: bool = False) -> int:
    """Run it and print the last report; 1 where a kind of cell could not be measured, and 3 where
    nothing was decided."""
    messages = console.messages()
    messages.print(
        f"at most {pair_progress.duration(budget_s)} (--budget); Ctrl-C ends it and shows what is "
        "done"
    )
    seed = secrets.randbits(32)
    last: Report | None = None
    number: int | None = None
    try:
        with interruptible(), pair_progress.display(messages, seed) as listener:
            for report in selftest.run_self_test(
                seed=seed, budget_s=budget_s, threshold=threshold, listener=listener
            ):
                last = report
    except signals.Interrupted as interruption:
        number = interruption.number
    if last is None:
        return exit_codes.of_signal(number or signal.SIGINT)
    _write(last, as_json=as_json, explain=explain)
    if number is not None:
        return exit_codes.of_signal(number)
    if any(kind.error for kind in last.kinds):
        return Exit.FAILED
    return Exit.DONE if last.pooled.decisions else Exit.NOTHING


def _write(report: Report, *, as_json: bool, explain: bool) -> None:
    if as_json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(_plain(report))) + b"\n")
        return
    output = console.out()
    for part in _report(report, explain=explain):
        output.print(part)


def _plain(report: Report) -> dict[str, object]:
    return {
        "slowdown": report.slowdown,
        "threshold": report.threshold,
        "suites": report.suites,
        "elapsed_s": report.elapsed_s,
        "all_kinds": _plain_tally(report.pooled),
        "kinds": [
            {
                "name": result.kind.name,
                "engine": result.kind.engine,
                "slowed_by": result.kind.slowed_by,
                **_plain_tally(result.tally),
                "noise": result.noise,
                "detectable": result.detectable,
                "seen": result.seen,
                "error": result.error,
            }
            for result in report.kinds
        ],
    }


def _plain_tally(tally: Decisions) -> dict[str, object]:
    return {
        "decisions": tally.decisions,
        "false_alarms": tally.alarms,
        "false_alarm_rate": tally.false_alarm_rate,
        "found": tally.found,
        "power": tally.power,
    }


def _report(report: Report, *, explain: bool) -> list[RenderableType]:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("kind of cell", ratio=1)
    for name in ("n", "false alarms", "found", "noise", "detect-\nable", "B / A"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in report.kinds:
        table.add_row(result.kind.name, *_rates(result.tally), *_numbers(result))
    table.add_section()
    table.add_row("all kinds", *_rates(report.pooled))
    errors = [
        console.safe(f"{result.kind.name}: {result.error}", "red")
        for result in report.kinds
        if result.error
    ]
    answer = [_answer(report)] if report.pooled.decisions else []
    legend = _legend(report) if explain else Text(SHORT_LEGEND, style="dim")
    return [table, *errors, Text(""), *answer, _summary(report), Text(""), legend]


def _answer(report: Report) -> Text:
    """How often the gate is wrong, and how often it finds what it is for."""
    alarms, power = report.pooled.false_alarm_rate, report.pooled.power
    return Text(
        f"False alarms: {_rate(alarms)} of the decisions on arms that are the same. Found: "
        f"{_rate(power)} of the slowdowns of {share(report.slowdown)}."
    )


def _summary(report: Report) -> Text:
    """What it took, and what so few decisions leave open."""
    took = f"{counted(report.suites, 'suite')} in {report.elapsed_s / 60:.1f} minutes."
    decisions, rate = report.pooled.decisions, report.pooled.false_alarm_rate
    if rate is None:
        longer = as_option(max(300, 2 * report.elapsed_s))
        return Text(f"{took} Nothing was decided in this time: use {longer} or more.")
    if not all(result.tally.decisions or result.error for result in report.kinds):
        took += " There was no time for the kinds without decisions."
    if report.usable_after_s is not None:
        took += (
            f" {counted(decisions, 'decision')}: the false-alarm rate lies between "
            f"{rate.low * 100:.0f} and {rate.high * 100:.0f} %; to show "
            f"{selftest.USABLE_RATE * 100:.0f} % or less takes about "
            f"{pair_progress.duration(report.usable_after_s)}: "
            f"{as_option(1.1 * report.usable_after_s)}"
        )
    return Text(took)


def _legend(report: Report) -> Table:
    meanings = {
        "n": (
            "decisions on two arms that are the same, and as many on an arm B that is slowed by "
            f"{share(report.slowdown)}"
        ),
        "false alarms": "changes found between arms that are the same, with a 95 % interval",
        "found": "slowed arms that were found, with a 95 % interval",
        "noise": "relative standard deviation of one pair",
        "detectable": "the smallest change that is found with 80 % power",
        "B / A": "throughput of the slowed arm, divided by that of the other",
    }
    return terms(meanings)


def _rates(tally: Decisions) -> tuple[str, ...]:
    return str(tally.decisions), _rate(tally.false_alarm_rate), _rate(tally.power)


def _numbers(result: KindResult) -> tuple[str, ...]:
    if not result.tally.decisions:
        return ()
    return share(result.noise), share(result.detectable), f"{result.seen:.3f}"


def _rate(rate: Interval | None) -> str:
    if rate is None:
        return ""
    return f"{rate.median * 100:.0f} % ({rate.low * 100:.0f}–{rate.high * 100:.0f} %)"
