"""How often A/B cries wolf on real suites: whole comparisons of two arms that are the same.

    python benchmarks/ab.py [--suites N] [--seed S] [--quick] [--json]

Each suite is what `iomodels check --a … --b …` does, from the first pair to the verdicts, the line
about all cells included: one in which anything is faster or slower is a false alarm. What it finds
of a known slowdown, kind by kind, is measured by `iomodels check --self-test --minutes 30`; many
suites on simulated or recorded pairs by `check/against_baseline.py`. Ends with 1 where a cell could
not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from show import machine

from iomodels.check import a_against_b
from iomodels.check.arm import Arm
from iomodels.check.pair_plan import PairedCell, plan_cells
from iomodels.comparison.schema import Change
from iomodels.engines.spec import parse
from iomodels.statistics.rounds import wilson_interval

Cells = Mapping[str, tuple[Sequence[str], Mapping[str, Sequence[str]]]]
CELLS: Cells = {
    "slow-device": (("blocking", "nonblocking", "select", "aio"), {}),
    "slow-devices": (("select", "aio"), {"load.depth": ["16"]}),
    "cached-read": (("blocking", "aio"), {}),
    "echo": (("blocking", "select"), {"load.depth": ["1"]}),
}
"""The cells of a suite: engines and settings by scenario."""
QUICK_CELLS: Cells = {"slow-device": (("blocking",), {})}
SUITES = 100


@dataclass
class Suites:
    """What became of the A/A suites."""

    cells: int
    run: int = 0
    alarms: list[str] = field(default_factory=list)
    """One for each suite with an alarm: the lines in which it was."""
    with_suspects: int = 0
    """Suites that had a cell to measure again."""
    failed: list[str] = field(default_factory=list)
    """Why cells could not be measured."""
    seconds: float = 0.0


def main() -> int:
    options = _options()
    suites = _run(_cells(QUICK_CELLS if options.quick else CELLS), options.suites, options.seed)
    if options.json:
        json.dump(_plain(suites), sys.stdout, indent=2)
        print()
    else:
        _show(suites)
    for reason in dict.fromkeys(suites.failed):
        print(reason, file=sys.stderr)
    return 1 if suites.failed else 0


def _cells(wanted: Cells) -> list[PairedCell]:
    return [
        cell
        for scenario, (engines, settings) in wanted.items()
        for cell in plan_cells([scenario], [parse(e) for e in engines], settings, Arm(), Arm())
    ]


def _run(cells: Sequence[PairedCell], count: int, seed: int) -> Suites:
    suites = Suites(len(cells))
    begin_s = time.monotonic()
    for number in range(count):
        comparison = a_against_b.compare_arms(
            cells, base_name="A", new_name="A", seed=seed + number
        )
        suites.run += 1
        suites.with_suspects += any(change.confirmed for change in comparison.changes)
        alarms = [_name(c) for c in comparison.changes if c.verdict in ("faster", "slower")]
        if alarms:
            suites.alarms.append(", ".join(alarms))
        suites.failed += [n.message for n in comparison.warnings if n.code == "n/a"]
        suites.failed += [
            f"{_name(c)}: {c.reason}" for c in comparison.changes if c.verdict == "failed"
        ]
        suites.seconds = time.monotonic() - begin_s
        if sys.stderr.isatty():
            told = f"A/A suite {suites.run} of {count}: {len(suites.alarms)} false alarms"
            print(f"\r{told}  ", end="", file=sys.stderr, flush=True)
    return suites


def _name(change: Change) -> str:
    return " ".join(
        part for part in (change.scenario, change.label, change.engine, change.metric) if part
    )


def _plain(suites: Suites) -> dict[str, object]:
    return {
        "machine": machine(None, None),
        "suites": suites.run,
        "cells": suites.cells,
        "false_alarms": suites.alarms,
        "suites_with_suspects": suites.with_suspects,
        "seconds": suites.seconds,
    }


def _show(suites: Suites) -> None:
    rate = wilson_interval(len(suites.alarms), suites.run)
    print(machine(None, None))
    print(
        f"{suites.run} A/A suites of {suites.cells} cells in {suites.seconds / 60:.0f} min: "
        f"{len(suites.alarms)} false alarms, "
        f"{rate.median:.1%} [{rate.low:.1%} … {rate.high:.1%}]; "
        f"{suites.with_suspects} had suspects to measure again"
    )
    for alarm in suites.alarms:
        print(f"  false alarm in {alarm}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="False alarms of A/B on this machine.")
    parser.add_argument("--suites", type=int, default=SUITES, help=f"A/A suites ({SUITES})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one cell: shows that all still runs")
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
