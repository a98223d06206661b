"""`iomodels engines`: the I/O models side by side, and what each engine can do here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .arguments import completing
from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from iomodels.engines.catalog import Option
    from iomodels.engines.kinds.models import Model
    from iomodels.engines.spec import EngineSpec

MORE = (
    "`iomodels engines NAME` shows all of one: what it supports, its options, and the scenarios "
    "that it cannot run, with the reasons. `iomodels bench -e NAME` measures with it, with options "
    "as in `-e NAME:option=value,option=value`."
)
BETWEEN = 3
"""Columns between two tables side by side."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completing.ENGINES)
@JSON_OPTION
def command(names: tuple[str, ...], as_json: bool) -> None:
    """List the engines and their I/O models, or show all of some.

    With NAME (options as in `NAME:option=value`), show what the engine supports, its options, and
    the shipped scenarios that it cannot run.
    """
    from iomodels.engines.sources import DESCRIPTORS
    from iomodels.engines.spec import EngineSpec, parse_list
    from iomodels.trials.pythons.named import labelled

    specs = parse_list(labelled(names)) or [EngineSpec(name) for name in DESCRIPTORS]
    if as_json:
        click.echo(json.dumps([_as_data(spec) for spec in specs], indent=2))
        return
    from .show import console

    output = console.out()
    shown = [_all_of(spec) for spec in specs] if names else [_overview(specs, output)]
    for number, parts in enumerate(shown):
        for part in ([console.safe("")] if number else []) + parts:
            output.print(part)


# ------------------------------------------------------------------ all engines


def _overview(specs: Sequence[EngineSpec], output: Console) -> list[RenderableType]:
    from .show.console import safe

    return [
        *_side_by_side((_articles_matrix(), _todays_matrix()), output),
        safe(""),
        _listed(spec for spec in specs if not spec.in_python),
        safe(""),
        safe("Engines that are measured in Python", "bold"),
        _listed(spec for spec in specs if spec.in_python),
        safe(""),
        *_of_other_packages(),
        safe("Groups, for -e and in scenario files", "bold"),
        _groups(),
        safe(""),
        safe(MORE, "dim"),
    ]


def _side_by_side(tables: tuple[Table, Table], output: Console) -> list[RenderableType]:
    """Beside each other, or below where that is too wide."""
    from rich.table import Table

    from .show.console import safe

    left, right = tables
    together = sum(output.measure(table).maximum for table in tables) + BETWEEN
    if together > output.width:
        return [left, safe(""), right]
    grid = Table.grid(padding=(0, BETWEEN, 0, 0))
    grid.add_row(left, right)
    return [grid]


def _articles_matrix() -> Table:
    """The article's Figure 1: rows (a)synchronous, columns (non-)blocking."""
    from rich.text import Text

    from iomodels.engines.sources import DESCRIPTORS

    def entry(*, synchronous: bool, blocking: bool) -> Text:
        return Text("\n").join(
            Text.assemble((d.name, "bold"), "\n", (d.calls, "dim"))
            for d in DESCRIPTORS.values()
            if d.in_matrix and d.synchronous == synchronous and d.blocking == blocking
        )

    rows = [
        (name, [entry(synchronous=synchronous, blocking=blocking) for blocking in (True, False)])
        for name, synchronous in (("Synchronous", True), ("Asynchronous", False))
    ]
    return _matrix("The four models of the article", ["", "Blocking", "Non-blocking"], rows)


def _todays_matrix() -> Table:
    """Every engine by its model, with the options that make another of it."""
    from rich.text import Text

    from iomodels.engines.kinds.models import NEWS, WAITING, WORKERS, Model, engines_by_model

    found = engines_by_model()

    def entry(model: Model) -> Text:
        return Text("\n").join(Text(s.canonical, "bold") for s in found.get(model, ()))

    rows = [
        (f"{news},\n{waiting}", [entry(Model(news, waiting, worker)) for worker in WORKERS])
        for news in NEWS
        for waiting in WAITING
    ]
    headers = ["", *(worker.capitalize() for worker in WORKERS)]
    title = "All models in C, and who makes the transfer"
    return _matrix(title, headers, rows)


def _matrix(
    title: str, headers: Iterable[str], rows: Iterable[tuple[str, Iterable[Text]]]
) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.ROUNDED, show_lines=True
    )
    for header in headers:
        table.add_column(header, overflow="fold")
    for name, entries in rows:
        table.add_row(Text(name, style="bold"), *entries)
    return table


def _listed(specs: Iterable[EngineSpec]) -> Table:
    """Each in a few lines: what it does, its threads, its options, and whether it works here."""
    from iomodels.engines import words
    from iomodels.engines.sources import DESCRIPTORS

    def about(spec: EngineSpec) -> list[str]:
        descriptor = DESCRIPTORS[spec.name]
        options = ", ".join(option.name for option in descriptor.options)
        missing = words.unavailable(spec)
        return [
            descriptor.summary,
            f"threads: {spec.threads}" if spec.threads else "",
            f"options: {options}" if options else "",
            f"not available here: {missing}" if missing else "",
        ]

    return _terms((spec.name, about(spec)) for spec in specs)


def _of_other_packages() -> list[RenderableType]:
    """The plug-ins that are installed here, with what is wrong with those that cannot be used."""
    from iomodels.engines.plugins.finding import installed

    from .show.console import safe

    found = installed()
    if not found:
        return []
    return [safe("Engines of other packages", "bold"), _terms(found.items()), safe("")]


def _groups() -> Table:
    """What `-e` takes for several engines."""
    from iomodels.engines.kinds.groups import GROUPS

    return _terms(
        (name, [group.meaning, ", ".join(group.members)]) for name, group in GROUPS.items()
    )


# ------------------------------------------------------------------ one engine


def _all_of(spec: EngineSpec) -> list[RenderableType]:
    from iomodels.engines import words
    from iomodels.engines.kinds.models import model_of
    from iomodels.engines.sources import DESCRIPTORS, SOURCES

    from .show.console import safe

    descriptor = DESCRIPTORS[spec.name]
    missing = words.unavailable(spec)
    facts = {
        "model": [words.model(spec, model_of(spec))],
        "package": [str(origin)] if (origin := SOURCES[spec.name].origin) else [],
        "calls": [descriptor.calls],
        "in C": [f"the same calls: {twin}" for twin in _twins(spec)],
        "threads": [words.threads(spec)],
        "supports": [", ".join(words.abilities(spec))],
        "complexity": [words.simplicity(spec)],
        "here": [f"not available: {missing}"] if missing else [],
    }
    name = safe(f"{spec.canonical}: ", "bold")
    shown: list[RenderableType] = [
        name.append_text(safe(descriptor.summary, "not bold")),
        _terms((fact, said) for fact, said in facts.items() if said),
    ]
    options = list(words.options(spec))
    if options:
        shown += [safe("Options", "bold"), _terms(options)]
    limits = list(words.grouped(words.limits(spec)))
    if limits:
        shown += [safe("Shipped scenarios that it cannot run, or not at all points", "bold")]
        shown += [
            _terms(
                (limit.how_far, [f"{', '.join(limit.scenarios)}: {limit.reason}"])
                for limit in limits
            )
        ]
    return shown


def _twins(spec: EngineSpec) -> list[str]:
    """The engine in C that makes the same calls; two where it is another one on files."""
    from iomodels.engines.kinds.twins import twin_of

    streams, files = (twin_of(spec.canonical, on_files=on_files) for on_files in (False, True))
    found = [streams, f"{files} on files" if files != streams else None]
    return [" and ".join(filter(None, found))] if any(found) else []


def _terms(entries: Iterable[tuple[str, Iterable[str]]]) -> Table:
    """Terms at the left, and what there is to say of each at the right."""
    from rich.table import Table
    from rich.text import Text

    from .show.console import safe

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for term, said in entries:
        first, *more = filter(None, said)
        about = Text("\n").join([safe(first), *(safe(line, "dim") for line in more)])
        table.add_row(safe(f"  {term}", "bold"), about)
    return table


# ------------------------------------------------------------------ as data


def _choices(option: Option) -> list[str] | dict[str, int] | str:
    """What it takes: one of these, a number from one to the other, or what the text says."""
    if option.is_number:
        return {"from": option.low, "to": option.high}
    return list(option.choices) or option.allowed


def _as_data(spec: EngineSpec) -> dict[str, Any]:
    from dataclasses import asdict

    from iomodels.engines import words
    from iomodels.engines.kinds.complexity import complexity, level_of
    from iomodels.engines.kinds.models import changed_models, model_of
    from iomodels.engines.sources import DESCRIPTORS

    descriptor = DESCRIPTORS[spec.name]
    model = model_of(spec)
    return {
        "name": spec.canonical,
        "title": descriptor.title,
        "summary": descriptor.summary,
        "calls": descriptor.calls,
        "synchronous": descriptor.synchronous,
        "blocking": descriptor.blocking,
        "in_matrix": descriptor.in_matrix,
        "model": asdict(model) if model else None,
        "in_python": spec.in_python,
        "other_models": {
            other.canonical: asdict(its) for other, its in changed_models(spec.name).items()
        },
        "threads": spec.threads,
        "complexity": complexity(spec),
        "complexity_level": asdict(level_of(spec)),
        "options": [
            {
                "name": option.name,
                "meaning": option.meaning,
                "default": option.default,
                "choices": _choices(option),
            }
            for option in descriptor.options
        ],
        "caps": dict(spec.caps),
        "not_available_here": words.unavailable(spec),
        "unavailable": [str(limit) for limit in words.limits(spec)],
    }
