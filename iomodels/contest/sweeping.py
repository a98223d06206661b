"""The search for a turning point, measured: which parameter is swept, who takes part, and the
small contest at each of its values. `turning.py` decides where to measure.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from iomodels.advice.document import GivenLimit, Goal, Turning
from iomodels.advice.limits import in_words
from iomodels.advice.measured import MeasuredPoint, quantity_of
from iomodels.advice.verdict import PointVerdict
from iomodels.analysis.cells import in_words as key_in_words
from iomodels.analysis.cells import show
from iomodels.analysis.quantities import named
from iomodels.analysis.quantity_definition import Quantity
from iomodels.base.errors import ScenarioError, UsageError
from iomodels.base.toml import did_you_mean, printable
from iomodels.contest import turning
from iomodels.contest.turning import Standing
from iomodels.engines import engine_text
from iomodels.engines.kinds.complexity import complexity
from iomodels.engines.spec import EngineSpec, parse
from iomodels.measure.listening import Listener, RunListener
from iomodels.measure.plan import of_pairs
from iomodels.measure.run import bench_plan
from iomodels.results.schema import Cell, Interval, Notice
from iomodels.statistics.ranking import TIE
from iomodels.statistics.rounds import MIN_ROUNDS, Ratio, paired_ratio
from iomodels.workload.channels import FileChannel
from iomodels.workload.point import Point, in_folder, point_from_parameters

RANGES: Mapping[str, tuple[int, int]] = {
    "load.depth": (1, 256),
    "load.descriptors": (1, 4096),
    "load.block": (512, 1 << 20),
}
"""The keys that can be swept, and from where to where: within what programs do."""
MOST_CONTENDERS = 4


@dataclass(frozen=True)
class Search:
    """How to search: for which goal, within which limits, and how each contest is measured."""

    goal: Goal
    limits: tuple[GivenLimit, ...]
    duration_s: float
    warmup_s: float
    seed: int
    until_s: float
    """By the monotonic clock: no contest begins that would take longer."""
    key: str | None = None
    """The key to sweep; None: what suits the point."""


def key_of(text: str) -> str:
    """The key that `--turn` names. Raises `UsageError`."""
    if text in RANGES:
        return text
    raise UsageError(
        f"--turn '{printable(text)}'{did_you_mean(text, list(RANGES))}: it must be one of "
        f"{', '.join(RANGES)}"
    )


def usual_key(point: Point) -> str:
    """The number of connections where the point has idle ones or serves; the block of a file that
    is read one request at a time, all of one size; else the depth."""
    if point.serves or point.core_idle:
        return "load.descriptors"
    is_file = isinstance(point.channel, FileChannel)
    is_one_by_one = point.load.depth == 1 and point.load.block.is_fixed
    return "load.block" if is_file and is_one_by_one else "load.depth"


def contenders(measured: MeasuredPoint, verdict: PointVerdict) -> list[EngineSpec]:
    """The engine to use, that of today, and the runners-up, one of each name: so they differ."""
    assert verdict.use is not None
    chosen = [verdict.use, *([measured.today] if measured.today else [])]
    stayed = [c for c in verdict.candidates if c.rounds and not c.beyond]
    stayed.sort(key=lambda c: (c.engine not in verdict.as_good, -c.rounds))
    for candidate in stayed:
        names = {engine_text.name_of(engine) for engine in chosen}
        if len(chosen) < MOST_CONTENDERS and engine_text.name_of(candidate.engine) not in names:
            chosen.append(candidate.engine)
    return [parse(engine) for engine in dict.fromkeys(chosen)]


def look(
    measured: MeasuredPoint, verdict: PointVerdict, search: Search, listener: RunListener | None
) -> Turning | None:
    """Where the answer turns; None where there is no answer, or no value to vary.

    Raises `RunInterrupted`.
    """
    point = measured.point
    key = search.key or usual_key(point)
    if search.key is None and _value(point, key) is None:
        key = "load.depth"  # several sizes with shares have no order
    at = _value(point, key)
    if verdict.use is None or at is None:
        return None
    low, high = RANGES[key]
    points = dict(_points(point, key, turning.grid(at, low, high)))
    if len(points) < 2 or at not in points:
        return None
    specs = contenders(measured, verdict)
    told = listener or Listener()

    each_s = search.duration_s + measured.beside_s

    def judge(value: int) -> Standing | None:
        return _contest(points[value], key, value, specs, search, each_s, told)

    return turning.find(key, list(points), at, _here(verdict, specs, measured, search), judge)


def _value(point: Point, key: str) -> int | None:
    """The point's own; None for one that is no number, such as several sizes with shares."""
    value = point.parameters.get(key)
    if key == "load.descriptors" and value == 0:
        value = point.load.depth
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _points(point: Point, key: str, values: Sequence[int]) -> Iterator[tuple[int, Point]]:
    """The point with each of these values, without those that contradict its other keys."""
    folder = point.channel.folder if isinstance(point.channel, FileChannel) else None
    for value in values:
        try:
            varied = point_from_parameters(point.scenario, {**point.parameters, key: value})
            varied = in_folder(varied, folder)
        except ScenarioError:
            continue
        yield value, replace(varied, label=f"{key_in_words(key)} {show(key, value)}")


def _here(
    verdict: PointVerdict, specs: Sequence[EngineSpec], measured: MeasuredPoint, search: Search
) -> Standing:
    """What the contest itself showed at the point."""
    assert verdict.use is not None
    key = quantity_of(search.goal, measured.point).key
    names = [spec.canonical for spec in specs]
    values = {c.engine: c.values[key] for c in verdict.candidates if key in c.values}
    return Standing(
        as_good=tuple(dict.fromkeys([verdict.use, *verdict.as_good])),
        measured={name: values[name] for name in names if name in values},
    )


def _contest(
    point: Point,
    key: str,
    value: int,
    specs: Sequence[EngineSpec],
    search: Search,
    each_s: float,
    listener: RunListener,
) -> Standing | None:
    """`each_s` is what a trial takes by those of the point itself."""
    plan = of_pairs(
        [(point, spec) for spec in specs],
        rounds=MIN_ROUNDS,
        duration_s=search.duration_s,
        warmup_s=search.warmup_s,
        seed=search.seed + value,
    )
    takes_s = max(plan.estimate_s, MIN_ROUNDS * len(specs) * each_s)
    if time.monotonic() + takes_s > search.until_s:
        return None
    where = f"{point.scenario}: where the answer turns: {key_in_words(key)} {show(key, value)}"
    listener.notice(Notice("turning", where))
    run = bench_plan(plan, nothing_is_a_result=True)
    return standing(run.cells, quantity_of(search.goal, point), search.limits)


def standing(
    cells: Sequence[Cell], quantity: Quantity, limits: Sequence[GivenLimit] = ()
) -> Standing | None:
    """What these cells of one point show: who is beaten, by the intervals of paired ratios.

    None where an engine failed, since that says nothing of it, and where none can be used.
    """
    # Of the reason the first sentence: the next ones say what else could be measured.
    unable = {
        cell.engine: (cell.reason or "n/a").partition(". ")[0]
        for cell in cells
        if cell.status == "n/a"
    }
    measured: dict[str, Interval] = {}
    beyond: dict[str, str] = {}
    for cell in cells:
        value = quantity.interval(cell)
        if cell.engine in unable:
            continue
        if value is None:
            return None
        if exceeded := _beyond(cell, limits):
            beyond[cell.engine] = exceeded
        measured[cell.engine] = value
    able = [cell for cell in cells if cell.engine not in (*unable, *beyond)]
    if not able:
        return None
    sign = 1.0 if quantity.bigger_is_better else -1.0
    best = max(able, key=lambda cell: sign * measured[cell.engine].median)
    beaten = {
        cell.engine: tuple(other.engine for other in able if _is_beaten(cell, other, quantity))
        for cell in able
    }
    good = [engine for engine, by in beaten.items() if not by] or [best.engine]
    good.sort(key=lambda engine: (complexity(parse(engine)), engine))
    return Standing(tuple(good), measured, unable, beaten, beyond)


def _beyond(cell: Cell, limits: Sequence[GivenLimit]) -> str:
    for limit in limits:
        found = named(limit.quantity).interval(cell)
        if found is not None and found.low > limit.value:
            return f"{cell.engine} exceeds the limit: {in_words(limit)}"
    return ""


def _is_beaten(cell: Cell, other: Cell, quantity: Quantity) -> bool:
    """Whether the interval carries that `other` is better, by more than is the same."""
    if cell is other:
        return False
    found = paired_ratio(other.trials, cell.trials, quantity.of_trial)
    return found is not None and _carries(found, bigger_is_better=quantity.bigger_is_better)


def _carries(found: Ratio, *, bigger_is_better: bool) -> bool:
    ratio = found.interval
    better, middle = ratio.low, ratio.median
    if not bigger_is_better:
        better, middle = 1 / ratio.high, 1 / ratio.median
    return found.conclusive and better > 1 and middle > 1 + TIE
