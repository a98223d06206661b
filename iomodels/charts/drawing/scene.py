"""What the pictures of one scenario have in common: its points, who was measured, what to say.

A scene is data, made once from one run or from several that are overlaid; each picture draws one.
All text in it is safe to show (`style.safe`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from iomodels.analysis import cells as points
from iomodels.analysis.quantities import LATENCY_P99
from iomodels.base.errors import ResultError
from iomodels.base.units import counted, listed
from iomodels.results.schema import Cell, Parameter, Run, Summary
from iomodels.statistics.rounds import MIN_ROUNDS

from . import origin
from .style import Look, look, safe, short_name

WIDTH_IN = 7.2
NARROW_IN = 3.4
"""How wide a picture is: for paper and screens, and for a phone, at the same size of letters."""
MARGIN_IN = 0.15
MAX_RUNS = 4
MAX_SCENARIOS = 50
MAX_CELLS = 1000
"""Cells of one scenario, over all runs."""
MAX_POINTS = 12
MAX_SERIES = 24
"""Cells of one point that a picture shows, over all runs."""
MAX_NOTES = 6


@dataclass(frozen=True)
class Series:
    """One cell as it is shown: `label` tells it from all others of its point, `short` too."""

    cell: Cell
    label: str
    short: str
    look: Look
    run: int
    of_run: str = ""
    """What tells its run from the others that are overlaid; "" for one run."""

    @property
    def measured(self) -> bool:
        return self.cell.summary is not None

    @property
    def summary(self) -> Summary:
        assert self.cell.summary is not None
        return self.cell.summary


@dataclass(frozen=True)
class ScenePoint:
    """One point of the scenario, its cells in the run's order; `left_out` more have no room."""

    label: str
    varying: dict[str, Parameter]
    cells: tuple[Series, ...]
    left_out: int = 0

    @property
    def series(self) -> tuple[Series, ...]:
        """What was measured."""
        return tuple(s for s in self.cells if s.measured)


@dataclass(frozen=True)
class Scene:
    """One scenario, ready to be drawn.

    `title` is the scenario in words; `part` says which part of it was measured (`depth 16 only`),
    "" for all. `changes` is in what it was not as its file says. `points` are all of them; `shown`
    are those that fit a picture with a panel for each. `missing` names what could not be measured
    and why; `remarks` are what a reader must know besides; `rounds_note` says what the intervals
    are. `width_in` is how wide its pictures are.
    """

    scenario: str
    name: str
    title: str
    part: str
    changes: str
    question: str
    points: tuple[ScenePoint, ...]
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    rounds_note: str
    footer: tuple[str, ...]
    width_in: float = WIDTH_IN

    @property
    def text_width_in(self) -> float:
        return self.width_in - 2 * MARGIN_IN

    @property
    def is_narrow(self) -> bool:
        """Whether panels stand below each other."""
        return self.width_in < WIDTH_IN

    def columns(self, most: int) -> int:
        """In how many columns panels stand that take `most` on a wide picture."""
        return -(-most // 2) if self.is_narrow else most

    @property
    def data(self) -> str:
        """What was measured, in words: `Several slow devices, depth 16 only`."""
        return f"{self.title}, {self.part}" if self.part else self.title

    @property
    def shown(self) -> tuple[ScenePoint, ...]:
        most = MAX_POINTS // 2 if self.is_narrow else MAX_POINTS
        return thinned([point for point in self.points if point.series], most)

    @property
    def engines(self) -> list[str]:
        """The short labels of all that was measured, in order of appearance."""
        return list(dict.fromkeys(s.short for point in self.points for s in point.series))


def scenes(
    runs: Sequence[Run], *, scenario: str | None = None, names: Sequence[str] = ()
) -> list[Scene]:
    """The scenes of these runs, in their order.

    Raises `ResultError` for an unknown `scenario`, and for more than can be drawn.
    """
    if len(runs) > MAX_RUNS:
        raise ResultError(f"{len(runs)} results are too many to overlay: give at most {MAX_RUNS}")
    found = dict.fromkeys(cell.scenario for run in runs for cell in run.cells)
    if scenario is not None and scenario not in found:
        raise ResultError(
            f"there is no scenario '{safe(scenario, 60)}' in this result: "
            f"it has {_listed(list(found))}"
        )
    chosen = list(found) if scenario is None else [scenario]
    if len(chosen) > MAX_SCENARIOS:
        raise ResultError(
            f"{len(chosen)} scenarios are too many to draw, at most {MAX_SCENARIOS} are: "
            "choose one with --scenario"
        )
    labels = [safe(name, 100) for name in names or origin.run_names(runs)]
    return [_scene(runs, labels, name) for name in chosen]


def _listed(names: list[str]) -> str:
    few = [f"'{safe(name, 60)}'" for name in names[:10]]
    rest = [f"{len(names) - 10} more"] if len(names) > 10 else []
    return listed(few + rest) or "none"


def _scene(runs: Sequence[Run], labels: Sequence[str], scenario: str) -> Scene:
    cells = [
        (cell, number)
        for number, run in enumerate(runs)
        for cell in run.cells
        if cell.scenario == scenario and not cell.is_harness
    ]
    if len(cells) > MAX_CELLS:
        raise ResultError(
            f"scenario '{safe(scenario, 60)}' has {len(cells)} cells, and at most {MAX_CELLS} "
            "are drawn: measure fewer points at a time"
        )

    own = origin.own_settings(runs, scenario) if len(runs) > 1 else {}
    files = labels
    labels = origin.names_with_settings(labels, own) if own else labels
    short_labels = origin.short_names(labels)

    def shown(cell: Cell, number: int) -> Series:
        of_run = f" ({short_labels[number]})" if len(runs) > 1 else ""
        label, short = (safe(n, 60) + of_run for n in (cell.engine, short_name(cell.engine)))
        of_several = short_labels[number] if len(runs) > 1 else ""
        its = look(cell.engine, run=number, runs=len(runs))
        return Series(cell, label, short, its, number, of_several)

    shared = [_shared(cell, own) for cell, _ in cells]
    groups = points.points_to_show(scenario, points.grouped(shared).get(scenario, []))
    if len(runs) > 1:
        groups = sorted(groups, key=_by_number)
    names = _unique([safe(points.label(point), 80) for point in groups])
    made = tuple(
        _point(name, point, [shown(cell, number) for cell, number in _at(point, cells, shared)])
        for name, point in zip(names, groups, strict=True)
    )
    asked = {run.questions[scenario] for run in runs if scenario in run.questions}
    # What holds for one of them only stands above none.
    question = "".join(asked) if not own and len(asked) < 2 else ""
    title = safe(points.title(scenario, *runs), 100)
    part = safe(points.measured_part(scenario, groups), 100)
    return Scene(
        scenario=scenario,
        name=safe(scenario, 80),
        title=title,
        part=part,
        changes=safe(_changes(runs, scenario, groups if part else ()), 200),
        question=safe(question, 300),
        points=made,
        missing=_notes(made, _missing),
        remarks=(
            *_computing(cells),
            *_differing(own, files),
            *_notes(made, _remark),
            *_left_out(made),
        ),
        rounds_note=_rounds_note([cell.summary.rounds for cell, _ in cells if cell.summary]),
        footer=tuple(
            line
            for number, run in enumerate(runs)
            for line in origin.footer(run, scenario, _whole(files, labels, number))
        ),
    )


def _changes(runs: Sequence[Run], scenario: str, part: Sequence[points.PointCells]) -> str:
    """What was changed in the scenario, where it was the same in all runs: else it is in none of
    their names. What a `part` says of the points is not repeated."""
    told = {key for point in part for key in point.varying}
    found = {points.changes(run, scenario, but=told) for run in runs}
    return found.pop() if len(found) == 1 else ""


def _whole(files: Sequence[str], labels: Sequence[str], number: int) -> str:
    """How the footer names a run: `B = a long name` where a letter stands for it elsewhere, and
    with its file's name where it is called by its settings."""
    if len(labels) == 1:
        return ""
    whole, short = labels[number], origin.short_names(labels)[number]
    name = whole if whole == short else f"{short} = {whole}"
    return name if files[number] == whole else f"{name} ({files[number]})"


def _at(
    point: points.PointCells, cells: Sequence[tuple[Cell, int]], shared: Sequence[Cell]
) -> Iterator[tuple[Cell, int]]:
    """The cells of that point, each with the number of its run. `shared` are `cells` as they are
    grouped (`_shared`)."""
    at = point.cells[0].parameters
    return (each for each, its in zip(cells, shared, strict=True) if its.parameters == at)


def _shared(cell: Cell, own: Collection[str]) -> Cell:
    """The cell without the parameters that its whole run differs in from the others: cells that
    differ in nothing else stand side by side."""
    if not own:
        return cell
    parameters = {key: value for key, value in cell.parameters.items() if key not in own}
    return structs.replace(cell, parameters=parameters)


def _computing(cells: Sequence[tuple[Cell, int]]) -> list[str]:
    """Of scenarios with computation: an engine that computes before it starts a request does not
    answer sooner for it."""
    if any(cell.parameters.get("load.compute") for cell, _ in cells):
        return ["Latency does not include computation before the request starts"]
    return []


def _differing(own: Mapping[str, Sequence[Parameter]], files: Sequence[str]) -> list[str]:
    """In which settings the overlaid results differ, and which has what."""
    return [
        f"The results differ in {points.in_words(key)}: "
        + listed([f"{file} {points.show(key, v)}" for file, v in zip(files, values, strict=True)])
        for key, values in own.items()
    ]


def _by_number(point: points.PointCells) -> list[float]:
    """Sorts the points of several runs among each other, as each of them has them by itself."""
    values = point.varying.values()
    return [value if isinstance(value, (int, float)) else 0.0 for value in values]


def _unique(labels: Sequence[str]) -> list[str]:
    """The labels, numbered where they are alike: a foreign file's may differ only in their ends."""
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(f"{label} #{seen[label]}" if seen[label] > 1 else label)
    return found


def _point(label: str, point: points.PointCells, series: Sequence[Series]) -> ScenePoint:
    """Of several runs, those of one engine side by side."""
    order = list(dict.fromkeys(s.cell.engine for s in series))
    ordered = sorted(series, key=lambda s: (order.index(s.cell.engine), s.run))
    left_out = max(0, len(ordered) - MAX_SERIES)
    return ScenePoint(label, point.varying, tuple(ordered[:MAX_SERIES]), left_out)


def thinned(items: Sequence[ScenePoint], most: int) -> tuple[ScenePoint, ...]:
    """At most `most` of them, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[round(n * (len(items) - 1) / (most - 1))] for n in range(most))


def some_of(shown: Sequence[ScenePoint], scene: Scene) -> str:
    """`6 of 12 points are shown.`, "" where all are that have something to show."""
    everything = [point for point in scene.points if point.series]
    left_out = [point for point in everything if point not in shown]
    return f"{len(shown)} of {len(everything)} points are shown." if left_out else ""


# What to say


def without_p99(shown: Iterable[Series]) -> str:
    """Why some of these have no p99, as a sentence; "" where all have one."""
    if not any(LATENCY_P99.has_too_few(series.cell.trials) for series in shown):
        return ""
    return f"No p99 where a trial has fewer than {LATENCY_P99.fewest_operations} operations."


def why(series: Series) -> str:
    """`n/a: …` or `failed: …`, as a picture says it."""
    return safe(f"{series.cell.status}: {series.cell.reason or 'no reason recorded'}", 300)


def _missing(series: Series) -> str:
    return "" if series.measured else why(series)


def _remark(series: Series) -> str:
    """What a reader must know of a cell that was measured: incomplete, or degenerate."""
    if not series.measured:
        return ""
    return why(series) if series.cell.status != "ok" else safe(series.cell.note or "", 300)


def _notes(made: Sequence[ScenePoint], say: Callable[[Series], str]) -> tuple[str, ...]:
    """What `say` says of the cells, each text once, with the points where it is not all of them.

    What is said of an engine in all runs is said without their names.
    """
    runs = {series.run for point in made for series in point.cells}
    found: dict[tuple[str, str], dict[str, dict[int, str]]] = {}
    for point in made:
        for series in point.cells:
            if text := say(series):
                at = found.setdefault((series.cell.engine, text), {}).setdefault(point.label, {})
                at[series.run] = series.label
    lines: dict[str, list[str]] = {}
    for (engine, text), points_of in found.items():
        for point_label, labels in points_of.items():
            names = [safe(engine, 60)] if set(labels) == runs else list(labels.values())
            for name in names:
                lines.setdefault(f"{name}: {text}", []).append(point_label)
    said = [
        f"{text} ({listed(labels)})" if any(labels) and len(labels) < len(made) else text
        for text, labels in lines.items()
    ]
    if len(said) <= MAX_NOTES:
        return tuple(said)
    return (*said[: MAX_NOTES - 1], f"and {len(said) - MAX_NOTES + 1} more such cells")


def _left_out(made: Sequence[ScenePoint]) -> list[str]:
    """Which cells are not shown, for want of room."""
    if any(point.left_out for point in made):
        return [f"at most {MAX_SERIES} engines of a point are shown"]
    return []


def _rounds_note(counts: Sequence[int]) -> str:
    """What the bars of a picture with intervals are, by how many rounds there were."""
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    rounds = counted(most, "round") if least == most else f"{least} to {most} rounds"
    if most == 1:
        return "One round: no intervals."
    if least >= MIN_ROUNDS:
        return f"Medians over {rounds}; bars: their 95 % interval."
    if most < MIN_ROUNDS:
        return (
            f"Medians over {rounds}; bars: their range (a 95 % interval needs {MIN_ROUNDS} rounds)."
        )
    return (
        f"Medians over {rounds}; bars: their 95 % interval, "
        f"and the range where there are fewer than {MIN_ROUNDS}."
    )
