"""Throughput over time: each round where it was measured, and within the measured window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iomodels.analysis.quantities import THROUGHPUT
from iomodels.base.units import counted, format_duration
from iomodels.results.schema import Interval, Trial
from iomodels.statistics.rounds import MIN_ROUNDS, median_interval

from .drawing import scales
from .drawing.chart import Chart
from .drawing.labels import Label, at_ends, margin_in
from .drawing.scene import Scene, ScenePoint, Series, some_of, thinned
from .drawing.sheet import Grid, heading, panel_in, sheet

PANEL_IN = 1.9
MAX_POINTS = 6
MERGED = (1, 2, 5, 10)
"""How many slices of the window may be one part."""
ENOUGH = 20
"""Operations in a part: the counts of as many vary by a fifth or so, by chance alone."""
FEWEST_PARTS = 5


def draw(scene: Scene) -> Figure:
    """A panel over the rounds for each point, and one over the window where that was recorded."""
    points = _points(scene)
    origins = _origins(scene)
    panels = [(point, over) for point in points for over in _kinds(point)]
    columns = scene.columns(min(len(panels), 2))
    right = margin_in(scene.engines, most_in=1.3)
    grid = Grid(
        scene.text_width_in,
        len(panels),
        columns,
        panel_in(scene, PANEL_IN),
        right_in=right,
        gap_in=0.05,
    )
    on = sheet(scene, CHART.subject, grid.height_in, explained=explained(scene))
    log = scales.wants_log([v for point in points for v in _values(point)])
    for (point, over), ax in zip(panels, grid.panels(on), strict=True):
        if over == "rounds":
            _over_rounds(ax, point, origins, right, log=log)
        else:
            _over_window(ax, point, right, log=log)
        heading(ax, point.label, right)
    return on.figure


def _values(point: ScenePoint) -> list[float]:
    """Every throughput of a point: one scale suits all panels of a picture, or it is in none."""
    trials = [THROUGHPUT.of_trial(t) for series in point.series for t in series.cell.trials]
    windows = [over for series in point.series if (over := window(series))]
    within = [v for over in windows for i in over.throughput for v in (i.low, i.high)]
    return trials + within


def _points(scene: Scene) -> tuple[ScenePoint, ...]:
    return thinned([point for point in scene.points if _kinds(point)], MAX_POINTS)


def explained(scene: Scene) -> list[str]:
    """What stands below the picture."""
    points = _points(scene)
    kinds = {kind for point in points for kind in _kinds(point)}
    said = []
    if "rounds" in kinds:
        said.append("Each marker is a round, at the time when it began.")
    if "window" in kinds:
        recorded = [s for p in points for s in p.series if _recorded(s)]
        said.append(_bands([series.summary.rounds for series in recorded]))
        said.append(_lengths([w for w in map(window, recorded) if w]))
    elif any(series.cell.latency_ns for p in points for series in p.series):
        said.append("What happened within the rounds is not in a small file.")
    return [*said, some_of(points, scene)]


def _bands(rounds: Sequence[int]) -> str:
    """What the bands over the window are, by how many rounds the cells have."""
    if max(rounds) == 1:
        return "One round: no intervals."
    enough, few = max(rounds) >= MIN_ROUNDS, min(rounds) < MIN_ROUNDS
    what = "95 % interval or range" if enough and few else "95 % interval" if enough else "range"
    return f"Over the window: median over the rounds, and their {what}."


def _lengths(windows: Sequence[Window]) -> str:
    """How long the parts of the window are, and whether chance is to be seen in them."""
    part_ns = [float(f"{w.part_ns:.2g}") for w in windows]  # no two windows end at the same ns
    shortest, longest = format_duration(min(part_ns)), format_duration(max(part_ns))
    lengths = f"{shortest} long"
    if shortest != longest:
        lengths = f"{shortest} to {longest} long, longer where operations are few"
    few = any(window.operations < ENOUGH for window in windows)
    chance = f" Some have fewer than {ENOUGH} operations: changes there may be chance."
    return f"Parts of the window are {lengths}." + (chance if few else "")


def _kinds(point: ScenePoint) -> list[str]:
    """A single round is a single dot, so it has no panel over the rounds."""
    several = any(len(starts(series, 0.0)) > 1 for series in point.series)
    recorded = any(_recorded(series) for series in point.series)
    return ["rounds"] * several + ["window"] * recorded


def starts(series: Series, origin: float) -> list[tuple[float, Trial]]:
    """The trials with their start in seconds since `origin` (POSIX time); unreadable ones not."""
    found = []
    for trial in series.cell.trials:
        at = _seconds(trial.started_utc)
        if at is not None:
            found.append((at - origin, trial))
    return sorted(found, key=lambda pair: pair[0])


def _seconds(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):  # a foreign file may hold any text
        return None


def _origins(scene: Scene) -> dict[int, float]:
    """When the first trial of each run began, of those that are in the scene."""
    found: dict[int, float] = {}
    for point in scene.points:
        for series in point.series:
            for at, _ in starts(series, 0.0)[:1]:
                found[series.run] = min(at, found.get(series.run, at))
    return found


def _over_rounds(
    ax: Axes, point: ScenePoint, origins: dict[int, float], right_in: float, *, log: bool
) -> None:
    ends: list[Label] = []
    for series in point.series:
        began = starts(series, origins.get(series.run, 0.0))
        if not began:
            continue
        xs, ys = [at for at, _ in began], [THROUGHPUT.of_trial(t) for _, t in began]
        look = series.look.line | series.look.point | {"linewidth": 0.8, "markersize": 4.5}
        ax.plot(xs, ys, label=f"{series.label}|rounds", **look)
        ends.append(Label(series.short, xs[-1], ys[-1], series.look.colour))
    xs = [label.x for label in ends]
    scales.counts(ax.xaxis, "time since the first trial (s)", [0.0, *xs], log=False)
    ax.set_xlim(left=-0.04 * ax.get_xlim()[1])
    values = [THROUGHPUT.of_trial(t) for series in point.series for t in series.cell.trials]
    scales.counts(ax.yaxis, THROUGHPUT.axis_title, values, log=log)
    at_ends(ax, ends, right_in, near=True)


@dataclass(frozen=True)
class Window:
    """Throughput over the measured window: in each part its middle in ns, and operations/s."""

    part_ns: float
    operations: float
    """In a part, on average."""
    middles_ns: tuple[float, ...]
    throughput: tuple[Interval, ...]


def window(series: Series) -> Window | None:
    """Over the rounds that recorded as many slices as the first that did; None if none did.

    Without the last slice, to which everything belongs that drained after the deadline
    (`core/record.h`). Neighbouring slices are one part where they hold too few operations: in a
    slice of five, one more or less is a fifth of the throughput, and the line would show chance.
    """
    recorded = _recorded(series)
    if not recorded:
        return None
    slices = len(recorded[0][1])
    alike = [(t, line) for t, line in recorded if len(line) == slices]
    per_slice = fmean(count for _, line in alike for count in line[:-1])
    size, parts = _merged(slices - 1, per_slice)
    slice_ns = alike[0][0].duration_ns / slices
    return Window(
        part_ns=size * slice_ns,
        operations=size * per_slice,
        middles_ns=tuple((part.start + part.stop) / 2 * slice_ns for part in parts),
        throughput=tuple(
            median_interval([_throughput(trial, line, part) for trial, line in alike])
            for part in parts
        ),
    )


def _merged(slices: int, per_slice: float) -> tuple[int, list[range]]:
    """How many slices make a part, and which: as few as have enough operations, or nearly."""
    made = [(size, _parts(slices, size)) for size in MERGED]
    allowed = [(size, parts) for size, parts in made if size == 1 or len(parts) >= FEWEST_PARTS]
    enough = [(size, parts) for size, parts in allowed if size * per_slice >= ENOUGH]
    return (enough or allowed[-1:])[0]


def _parts(slices: int, size: int) -> list[range]:
    """The slices of each part. What is left at the end is one if it is more than half as long."""
    starts = range(0, slices, size)
    parts = [range(start, min(start + size, slices)) for start in starts]
    return [part for part in parts if 2 * len(part) > size]


def _throughput(trial: Trial, line: Sequence[int], part: range) -> float:
    count = sum(line[part.start : part.stop])
    return count * 1e9 * len(line) / (len(part) * trial.duration_ns)


def _recorded(series: Series) -> list[tuple[Trial, list[int]]]:
    """The trials that have a timeline to draw, with it."""
    lines = ((trial, _timeline(trial)) for trial in series.cell.trials)
    return [(trial, line) for trial, line in lines if len(line) > 1]


def _timeline(trial: Trial) -> list[int]:
    """Completions in each of equal parts of the measured window; empty where not recorded."""
    return trial.timeline if trial.timeline and trial.duration_ns > 0 else []


def _over_window(ax: Axes, point: ScenePoint, right_in: float, *, log: bool) -> None:
    ends: list[Label] = []
    values: list[float] = []
    for series in point.series:
        over = window(series)
        if over is None:
            continue
        medians = [interval.median for interval in over.throughput]
        lows = [interval.low for interval in over.throughput]
        highs = [interval.high for interval in over.throughput]
        colour = series.look.colour
        ax.plot(over.middles_ns, medians, label=f"{series.label}|window", **series.look.line)
        if len(series.cell.trials) > 1:
            ax.fill_between(
                over.middles_ns,
                lows,
                highs,
                color=colour,
                alpha=0.2,
                linewidth=0,
                label=f"{series.label}|window|interval",
            )
        values += [*lows, *highs]
        ends.append(Label(series.short, over.middles_ns[-1], medians[-1], colour))
    xs = [label.x for label in ends]
    scales.durations(ax.xaxis, "time in the measured window", [0.0, *xs], log=False)
    scales.counts(ax.yaxis, THROUGHPUT.axis_title, values, log=log)
    at_ends(ax, ends, right_in, near=True)


def _spoken(series: Series) -> str:
    values = [THROUGHPUT.of_trial(trial) for trial in series.cell.trials]
    if not values:
        return ""
    unit = THROUGHPUT.unit
    return (
        f"from {unit.show(min(values))} to {unit.spoken(max(values))} "
        f"in {counted(len(values), 'round')}"
    )


def _suits(scene: Scene) -> bool:
    """A single round has nothing over time but what was recorded within it."""
    return any(_kinds(point) for point in scene.points)


CHART = Chart("over-time", "Throughput over time", _suits, draw, explained, _spoken)
