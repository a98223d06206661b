"""How often A/B cries wolf on real A/A, and how much of a known slowdown it finds: on this machine.

    python benchmarks/ab.py [--suites N] [--minutes M] [--seed S] [--quick] [--json]

*Suites*: all cells with two arms that are the same, judged together by the whole procedure (screen,
fresh pairs of the suspects, family-wise control). A suite in which any change is found is a false
alarm. *Power*: the self-test of `iomodels check`, for as long as asked. Ends with 1 where a cell
could not be measured.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from show import machine

from iomodels.ab import Pair
from iomodels.arms import Arm
from iomodels.engines import parse
from iomodels.pairing import PairedCell, plan_cells
from iomodels.results import Interval, Notice
from iomodels.selftest import KINDS, SLOWDOWN, KindResult, Procedure, Report, Work, decide, run
from iomodels.statistics import wilson_interval

CELLS: Mapping[str, tuple[Sequence[str], Mapping[str, Sequence[str]]]] = {
    "slow-device": (("blocking", "nonblocking", "select", "aio"), {}),
    "slow-devices": (("select", "aio"), {"load.depth": ["16"]}),
    "cached-read": (("blocking", "aio"), {}),
    "echo": (("blocking", "select"), {"load.depth": ["1"]}),
}
"""The cells of a suite: engines and settings by scenario."""
SUITES, MINUTES = 100, 30.0
QUICK = Procedure(screen_pairs=2, fresh_pairs=2, slices=1, slice_s=0.01, warmup_s=0)


@dataclass
class Suites:
    """What became of the A/A suites."""

    run: int = 0
    alarms: list[str] = field(default_factory=list)
    """One for each suite with an alarm: the cells in which it was."""
    screened: int = 0
    """Suites that had a suspect to measure again."""
    seconds: float = 0.0

    @property
    def rate(self) -> Interval | None:
        return wilson_interval(len(self.alarms), self.run) if self.run else None


class _Reasons:
    """Keeps why cells failed; the rest is nobody's business here."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def notice(self, notice: Notice) -> None: ...
    def pair_started(self, cell: PairedCell, number: int) -> None: ...

    def pair_ended(self, cell: PairedCell, pair: Pair) -> None:
        if pair.error:
            self.reasons.append(f"{_name(cell)}: {pair.error}")


def main() -> int:
    options = _options()
    procedure = QUICK if options.quick else Procedure()
    failed = _Reasons()
    suites = _run_suites(options.suites, Work(procedure, options.seed, failed))
    report = _power(options, procedure, failed) if options.minutes > 0 else None
    if options.json:
        json.dump(_plain(suites, report), sys.stdout, indent=2)
        print()
    else:
        _show(suites, report, machine(None, None))
    if report is not None:
        failed.reasons += [f"{r.kind.name}: {r.error}" for r in report.kinds if r.error]
    for reason in dict.fromkeys(failed.reasons):
        print(reason, file=sys.stderr)
    return 1 if failed.reasons else 0


def _run_suites(count: int, work: Work) -> Suites:
    cells = [
        cell
        for scenario, (engines, settings) in CELLS.items()
        for cell in plan_cells([scenario], [parse(e) for e in engines], settings, Arm(), Arm())
    ]
    suites = Suites()
    begin_s = time.monotonic()
    for _ in range(count):
        decided = decide(cells, work, as_suite=True)
        changed = [_name(c) for c, v in zip(cells, decided.verdicts, strict=True) if v]
        suites.run += 1
        suites.screened += bool(decided.suspects)
        if changed:
            suites.alarms.append(", ".join(changed))
        suites.seconds = time.monotonic() - begin_s
        _tell(f"A/A suite {suites.run} of {count}: {len(suites.alarms)} false alarms")
    return suites


def _power(options: argparse.Namespace, procedure: Procedure, failed: _Reasons) -> Report:
    report = None
    for report in run(
        seed=options.seed, budget_s=60 * options.minutes, procedure=procedure, listener=failed
    ):
        _tell(f"power: {report.elapsed_s / 60:.1f} of {options.minutes:g} minutes")
    assert report is not None
    return report


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}  ", end="", file=sys.stderr, flush=True)


def _name(cell: PairedCell) -> str:
    return " ".join(part for part in (cell.scenario, cell.label, cell.a.engine) if part)


def _plain(suites: Suites, report: Report | None) -> dict[str, Any]:
    return {
        "machine": machine(None, None),
        "suites": suites.run,
        "cells": sum(len(engines) for engines, _ in CELLS.values()),
        "false_alarms": suites.alarms,
        "suites_with_suspects": suites.screened,
        "seconds": suites.seconds,
        "slowdown": SLOWDOWN,
        "kinds": [_plain_kind(result) for result in report.kinds] if report else [],
    }


def _plain_kind(result: KindResult) -> dict[str, Any]:
    return {
        "kind": result.kind.name,
        "decisions": result.decisions,
        "false_alarms": result.alarms,
        "found": result.found,
        "noise": _finite(result.noise),
        "detectable": _finite(result.detectable),
        "seen": _finite(result.seen),
        "error": result.error,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _show(suites: Suites, report: Report | None, about: str) -> None:
    console = Console(width=120)
    console.print(about)
    if suites.rate is not None:
        console.print(
            f"{suites.run} A/A suites in {suites.seconds / 60:.0f} min: {len(suites.alarms)} false "
            f"alarms, {_rate(suites.rate)}; {suites.screened} had suspects to measure again"
        )
    for alarm in suites.alarms:
        console.print(f"  false alarm in {alarm}", markup=False)
    if report is None:
        return
    table = Table(title=f"{len(KINDS)} kinds of cell, {report.slowdown:.0%} slower in arm B")
    for heading in ("kind", "decisions", "false alarms", "power", "noise", "detectable", "seen"):
        table.add_column(heading, justify="left" if heading == "kind" else "right")
    for result in report.kinds:
        table.add_row(*_row(result))
    console.print(table)
    console.print(
        "[ ]: 95 % (Wilson). noise: of one pair. detectable: with 80 % power. seen: B / A"
    )


def _row(result: KindResult) -> tuple[str, ...]:
    if result.false_alarm_rate is None or result.power is None:
        return (result.kind.name, "0", f"failed: {result.error}", "", "", "", "")
    return (
        result.kind.name,
        str(result.decisions),
        _rate(result.false_alarm_rate),
        _rate(result.power),
        f"{result.noise:.1%}",
        f"{result.detectable:.1%}" if math.isfinite(result.detectable) else "too few",
        f"{result.seen:.3f}",
    )


def _rate(rate: Interval) -> str:
    return f"{rate.median:.1%} [{rate.low:.1%} … {rate.high:.1%}]".replace("[", r"\[")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="False alarms and power of A/B on this machine.")
    parser.add_argument("--suites", type=int, default=SUITES, help=f"A/A suites ({SUITES})")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"for the power; 0: none ({MINUTES:g})"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="tiny: only shows that all still runs")
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
