"""How often a change point is reported where there is none, and found where there is one.

    python benchmarks/trends.py [--series N]

The series are made up: normal noise, and heavy tails (Student's t with 3 degrees of freedom, scaled
to the same standard deviation). What judges them is `iomodels.statistics.change_points`' own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from iomodels.results.schema import Interval
from iomodels.statistics.change_points import change_points, drift
from iomodels.statistics.rounds import wilson_interval

Row = dict[str, Any]
Draw = Callable[[int], np.ndarray]

LENGTHS = (4, 6, 8, 12, 20, 40, 60, 120)
STEPS = ((4, 2), (4, 4), (6, 6), (8, 8), (10, 10), (16, 4), (30, 4), (30, 30))
"""Values before and after the step."""
SIZES = (3.0, 5.0, 10.0)
"""Of a step, in standard deviations of the noise."""
DRIFTS = (2.0, 4.0, 8.0, 20.0)
"""From the first value to the last, in standard deviations."""
DISTURBED = 20.0


def noises(rng: np.random.Generator) -> dict[str, Draw]:
    """Both with a standard deviation of 1."""
    return {
        "normal": rng.standard_normal,
        "heavy tails": lambda n: rng.standard_t(3, n) / np.sqrt(3),
    }


def unchanged(rng: np.random.Generator, series: int) -> Iterator[Row]:
    """Noise alone, and with one disturbed value, which may be any: reported is any change."""
    for kind, draw in noises(rng).items():
        for n in LENGTHS:
            plain, disturbed = 0, 0
            for _ in range(series):
                values = draw(n)
                plain += bool(change_points(values.tolist()))
                values[rng.integers(n)] += DISTURBED
                disturbed += bool(change_points(values.tolist()))
            yield {"noise": kind, "values": n, "reported": plain, "disturbed": disturbed}


def steps(rng: np.random.Generator, series: int) -> Iterator[Row]:
    """One step. It is found where a change is reported at most one value away from it."""
    for kind, draw in noises(rng).items():
        for before, after in STEPS:
            for size in SIZES:
                found, more = 0, 0
                for _ in range(series):
                    step = np.repeat([0.0, size], [before, after])
                    at = change_points((step + draw(before + after)).tolist())
                    found += any(abs(index - before) <= 1 for index in at)
                    more += len(at) > 1
                row = {"noise": kind, "before": before, "after": after, "step": size}
                yield row | {"found": found, "more": more}


def drifts(rng: np.random.Generator, series: int) -> Iterator[Row]:
    """The same slope all the way: what it is taken for."""
    for n in (8, 12, 20, 40):
        for total in DRIFTS:
            counts = {"one level": 0, "a drift": 0, "one change": 0, "more changes": 0}
            for _ in range(series):
                values = np.linspace(0, total, n) + rng.standard_normal(n)
                at = change_points(values.tolist())
                level = "a drift" if not at and drift(values.tolist()) else "one level"
                counts[("more changes" if len(at) > 1 else "one change") if at else level] += 1
            yield {"values": n, "drift": total} | counts


def rate(count: int, series: int) -> Interval:
    """With its 95 % interval."""
    return wilson_interval(count, series)


def percent(count: int, series: int) -> str:
    """`1.3 % (0.8 to 2.0)`."""
    found = rate(count, series)
    return f"{found.median * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f})"


def show(tables: dict[str, list[Row]], series: int) -> None:
    """Print them as the tables of the documentation."""
    counted = {"reported", "disturbed", "found", "more"}
    counted |= {"one level", "a drift", "one change", "more changes"}
    for title, rows in tables.items():
        print(f"\n{title}, {series} series each:\n")
        print(f"| {' | '.join(rows[0])} |\n|{'--:|' * len(rows[0])}")
        for row in rows:
            told = (
                percent(v, series) if k in ("reported", "disturbed") else
                f"{v / series:.0%}" if k in counted else f"{v}" for k, v in row.items()
            )  # fmt: skip
            print(f"| {' | '.join(told)} |")


def simulated(series: int, seed: int) -> dict[str, list[Row]]:
    """All tables by their titles."""
    rng = np.random.default_rng(seed)
    return {
        "Without a change": list(unchanged(rng, series)),
        "One step": list(steps(rng, series)),
        "A drift, normal noise": list(drifts(rng, series)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=2000, help="of each kind (default: 2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the counts as data")
    asked = parser.parse_args(arguments)
    tables = simulated(asked.series, asked.seed)
    if asked.json:
        json.dump(tables, sys.stdout)
    else:
        show(tables, asked.series)


if __name__ == "__main__":
    main()
