"""Whether `advise` names the right engine on this machine, where all candidates are measured too.

    python benchmarks/advise_real.py                  # five scenarios, three times each
    python benchmarks/advise_real.py --same 20        # one engine under six names: no difference

Each scenario is measured in full (every candidate, `--rounds` rounds) and by `advise`, in turns, so
that both meet the machine in the same state. The truth is the full rounds of all turns together:
how far the engine that `advise` named is behind the best of them, paired by round. `right` counts
those that are within 3 %, `time` is the share of what all candidates would have taken over all the
rounds that `advise` measured.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from iomodels.advice.measured import quantity_of
from iomodels.advice.verdict import judge, logs
from iomodels.contest.candidates import candidates
from iomodels.contest.measuring import measure_plan, plan_contest
from iomodels.engines.spec import parse
from iomodels.measure.plan import of_pairs
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Interval
from iomodels.statistics.rounds import median_interval
from iomodels.workload.scenario import Scenario, load, points

SCENARIOS: Sequence[tuple[str, Mapping[str, Sequence[str]]]] = (
    ("cached-read", {}),
    ("direct-read", {"load.depth": ["16"]}),
    ("server", {"load.descriptors": ["64"]}),
    ("slow-device", {}),
    ("log-append", {}),
)
RIGHT = 0.03
SAME_ENGINES = ("aio", *(f"aio:threads={count}" for count in (16, 24, 32, 48, 64)))
"""At depth 4 the C library has four threads for each of them: as many as there are requests."""


@dataclass
class Record:
    """What became of one scenario."""

    scenario: Scenario
    full: dict[str, dict[int, float]] = field(default_factory=dict)
    """By engine and round of all turns, the log of the value, better counted as up."""
    full_s: list[float] = field(default_factory=list)
    named: list[str | None] = field(default_factory=list)
    advise_s: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


def full(record: Record, turn: int, rounds: int, duration_s: float) -> None:
    (point,) = points(record.scenario)
    able = [one.spec for one in candidates(point) if one.reason is None]
    plan = of_pairs(
        [(point, spec) for spec in able],
        rounds=rounds,
        duration_s=duration_s,
        warmup_s=duration_s / 5,
        seed=turn,
    )
    started_s = time.monotonic()
    run = bench_plan(plan)
    record.full_s.append(time.monotonic() - started_s)
    quantity = quantity_of("throughput", point)
    for cell in run.cells:
        values = {turn * rounds + r: v for r, v in logs(cell.trials, quantity).items()}
        record.full.setdefault(cell.engine, {}).update(values)


def advise(record: Record, turn: int, duration_s: float, budget_s: float) -> None:
    started_s = time.monotonic()
    plan = plan_contest(
        [record.scenario],
        duration_s=duration_s,
        warmup_s=duration_s / 5,
        budget_s=budget_s,
        seed=turn,
    )
    contest = measure_plan(plan)
    record.advise_s.append(time.monotonic() - started_s)
    (point,) = contest.points
    record.named.append(judge(point, "throughput").use)
    record.shares.append(point.measured_s / point.full_s)


def behind(record: Record, engine: str) -> Interval:
    """How far it is behind the best by the full rounds, as a share."""
    middle = {name: _over(values, record.full[engine]) for name, values in record.full.items()}
    best = max(middle, key=lambda name: middle[name].median)
    found = middle[best]
    return Interval(*(-math.expm1(-each) for each in (found.median, found.low, found.high)))


def _over(one: Mapping[int, float], other: Mapping[int, float]) -> Interval:
    return median_interval([one[r] - other[r] for r in one.keys() & other.keys()])


def lines(record: Record) -> list[str]:
    name = record.scenario.name
    losses = {engine: behind(record, engine) for engine in record.named if engine}
    right = sum(engine is not None and losses[engine].median <= RIGHT for engine in record.named)
    head = (
        f"{name}: {len(record.full)} candidates, {right} of {len(record.named)} right, "
        f"time {max(record.shares):.0%} at most; advise {median(record.advise_s):.0f} s, "
        f"in full {median(record.full_s):.0f} s"
    )
    said = [
        f"  {engine}: {loss.median:.1%} behind the best ({loss.low:.1%} to {loss.high:.1%})"
        for engine, loss in losses.items()
    ]
    none = record.named.count(None)
    return [head, *said, *([f"  none named: {none}"] if none else [])]


def same(tries: int, duration_s: float, budget_s: float) -> None:
    """One engine under several names, through the whole of it."""
    scenario = load("slow-devices", {"load.depth": ["4"]})
    engines = [parse(text) for text in SAME_ENGINES]
    shown = none = other = 0
    for turn in range(tries):
        plan = plan_contest(
            [scenario],
            engines=engines,
            duration_s=duration_s,
            warmup_s=duration_s / 5,
            budget_s=budget_s,
            seed=turn,
        )
        contest = measure_plan(plan)
        verdict = judge(contest.points[0], "throughput")
        shown += any(gain.is_shown for _, gain in verdict.gains)
        none += verdict.use is None
        other += verdict.use not in (None, SAME_ENGINES[0])
    print(f"one engine under {len(engines)} names, {tries} tries: {shown} with a gain shown,")
    print(f"{other} name another than the simplest, {none} name none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=9, help="of each turn in full")
    parser.add_argument("--duration", type=float, default=0.25, help="seconds of a trial")
    parser.add_argument("--budget", type=float, default=120, help="seconds of an advise")
    parser.add_argument("--same", type=int, default=0, help="tries of one engine under many names")
    parser.add_argument("--scenario", action="append", choices=[name for name, _ in SCENARIOS])
    asked = parser.parse_args()
    if asked.same:
        same(asked.same, asked.duration, asked.budget)
        return
    records = [
        Record(load(name, settings))
        for name, settings in SCENARIOS
        if not asked.scenario or name in asked.scenario
    ]
    for turn in range(asked.turns):
        for record in records:
            full(record, turn, asked.rounds, asked.duration)
            advise(record, turn, asked.duration, asked.budget)
            print("\n".join(lines(record)), flush=True)


if __name__ == "__main__":
    main()
