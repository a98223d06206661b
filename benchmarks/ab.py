"""How often A/B gives a false alarm on real suites: whole comparisons of two arms that are alike.

    python benchmarks/ab.py [--suites N] [--minutes M] [--seed S] [--keep PATH] [--quick]
    python benchmarks/ab.py --add PATH...

Each suite is what `iomodels check --a … --b …` does with the default suite, from the first pair to
the exit code, the line about all cells and the longest time included: one in which anything is
faster or slower is a false alarm. `--keep` writes each suite into a file as it ends, and goes on
with what is in it, so that runs of several days add up; `--add` prints the sum of such files.

What an A/B finds of a known slowdown, kind by kind, is measured by `iomodels check --self-test
--budget 30m`; many suites on simulated or recorded pairs by `gate.py`. Ends with 1 where a cell
could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from show import machine

from iomodels.base import files
from iomodels.check import a_against_b
from iomodels.check.arm import Arm
from iomodels.check.pair_plan import PairedCell, plan_cells
from iomodels.comparison import verdict
from iomodels.comparison.runs import now_utc
from iomodels.comparison.schema import Change
from iomodels.engines.spec import parse
from iomodels.statistics.rounds import wilson_interval

SUITES = 100


@dataclass(frozen=True)
class Suite:
    """What became of one A/A suite."""

    created_utc: str
    machine: str
    seed: int
    cells: int
    exit: int
    seconds: float
    alarms: list[str] = field(default_factory=list)
    """The lines in which one arm was called faster or slower."""
    measured_again: list[str] = field(default_factory=list)
    suspects: list[str] = field(default_factory=list)
    """The lines that looked like a loss to the end: exit 4."""
    left_out: list[str] = field(default_factory=list)
    """What there was no time for."""
    failed: list[str] = field(default_factory=list)
    """Why cells could not be measured."""


def main() -> int:
    options = _options()
    if options.add:
        suites = [suite for path in options.add for suite in _kept(path)]
    else:
        cells = _quick_cells() if options.quick else plan_cells(["default"], [], {}, Arm(), Arm())
        suites = _kept(options.keep) if options.keep and options.keep.exists() else []
        _run(suites, cells, options)
    if options.json:
        json.dump(_plain(suites), sys.stdout, indent=2)
        print()
    elif suites:
        _show(suites)
    failed = [reason for suite in suites for reason in suite.failed]
    for reason in dict.fromkeys(failed):
        print(reason, file=sys.stderr)
    return 1 if failed else 0


def _quick_cells() -> list[PairedCell]:
    return plan_cells(["slow-device"], [parse("blocking")], {}, Arm(), Arm())


def _run(suites: list[Suite], cells: Sequence[PairedCell], options: argparse.Namespace) -> None:
    """Add suites to `suites` until there are enough, or until the next would take too long."""
    begin_s = time.monotonic()
    longest_s = 0.0
    for done in range(options.suites):
        took_s = time.monotonic() - begin_s
        if options.minutes is not None and took_s + longest_s > 60 * options.minutes:
            return
        suite = _suite(cells, options.seed + len(suites))
        longest_s = max(longest_s, suite.seconds)
        suites.append(suite)
        if options.keep:
            data = json.dumps(_plain(suites), indent=1).encode()
            files.write(data, options.keep, force=True)
        if sys.stderr.isatty():
            alarms = sum(bool(suite.alarms) for suite in suites)
            told = f"A/A suite {done + 1} of {options.suites}: {alarms} false alarms in all"
            print(f"\r{told}  ", end="", file=sys.stderr, flush=True)


def _suite(cells: Sequence[PairedCell], seed: int) -> Suite:
    begin_s, created_utc = time.monotonic(), now_utc()
    comparison = a_against_b.compare_arms(cells, base_name="A", new_name="A", seed=seed)
    changes = comparison.changes
    return Suite(
        created_utc=created_utc,
        machine=machine(None, None),
        seed=seed,
        cells=sum(cell.na_reason is None for cell in cells),
        exit=int(verdict.EXIT_CODES[comparison.outcome]),
        seconds=time.monotonic() - begin_s,
        alarms=[_name(c) for c in changes if c.verdict in ("faster", "slower")],
        measured_again=[_name(c) for c in changes if c.confirmed],
        suspects=[_name(c) for c in changes if c.suspect],
        left_out=[n.message for n in comparison.warnings if n.code == "budget"],
        failed=[f"{_name(c)}: {c.reason}" for c in changes if c.verdict == "failed"],
    )


def _name(change: Change) -> str:
    return " ".join(
        part for part in (change.scenario, change.label, change.engine, change.metric) if part
    )


def _kept(path: Path) -> list[Suite]:
    return [Suite(**suite) for suite in json.loads(path.read_text())["suites"]]


def _plain(suites: Sequence[Suite]) -> dict[str, object]:
    return {
        "false_alarms": sum(bool(suite.alarms) for suite in suites),
        "suites": [asdict(suite) for suite in suites],
    }


def _show(suites: Sequence[Suite]) -> None:
    exits = Counter(suite.exit for suite in suites)
    for name in dict.fromkeys(suite.machine for suite in suites):
        print(name)
    minutes = sum(suite.seconds for suite in suites) / 60
    print(
        f"{len(suites)} A/A suites of {suites[0].cells} cells in {minutes:.0f} min, the longest in "
        f"{max(suite.seconds for suite in suites):.0f} s"
    )
    print(f"  false alarms      {_rate([bool(suite.alarms) for suite in suites])}")
    for code in sorted({0, 1, 4} | set(exits)):
        print(f"  exit {code}            {_rate([suite.exit == code for suite in suites])}")
    print(f"  with suspects     {_rate([bool(suite.measured_again) for suite in suites])}")
    print(f"  time too short    {_rate([bool(suite.left_out) for suite in suites])}")
    for suite in suites:
        for line in suite.alarms:
            print(f"  false alarm, seed {suite.seed}: {line}")
        for line in suite.suspects:
            print(f"  looks like a loss, seed {suite.seed}: {line}")


def _rate(hits: Sequence[bool]) -> str:
    rate = wilson_interval(sum(hits), len(hits))
    return f"{sum(hits)}, {rate.median:.1%} [{rate.low:.1%} … {rate.high:.1%}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="False alarms of A/B on this machine.")
    parser.add_argument("--suites", type=int, default=SUITES, help=f"A/A suites ({SUITES})")
    parser.add_argument("--minutes", type=float, help="begin no suite that may end later")
    parser.add_argument("--seed", type=int, default=1, help="of the first suite; each has its own")
    parser.add_argument("--keep", type=Path, metavar="PATH", help="add each suite to this file")
    parser.add_argument("--add", type=Path, nargs="+", metavar="PATH", help="the sum of such files")
    parser.add_argument("--quick", action="store_true", help="one cell: shows that all still runs")
    parser.add_argument("--json", action="store_true", help="print data instead of the table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
