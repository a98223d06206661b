"""`iomodels scenarios`: the shipped workloads, the question each answers, and all about one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .arguments import completing
from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from click.shell_completion import CompletionItem
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from iomodels.workload.reference import KeyEntry
    from iomodels.workload.scenario import Point, Scenario
    from iomodels.workload.suite import Suite


def _complete_name(
    context: click.Context, parameter: click.Parameter, typed: str
) -> list[CompletionItem[Any]]:
    names = completing.key_names if context.params.get("about_keys") else completing.scenario_names
    return completing.of_words(names)(context, parameter, typed)


@click.command()
@click.argument("name", required=False, metavar="[NAME]", shell_complete=_complete_name)
@click.option(
    "--keys",
    "about_keys",
    is_flag=True,
    help="List the keys of scenario files instead. NAME is then a key (load.depth) or a table "
    "(load) to show.",
)
@JSON_OPTION
def command(name: str | None, about_keys: bool, as_json: bool) -> None:
    """List the shipped scenarios and suites, or show one.

    A scenario is a workload: what is read or written, and how. With NAME (a shipped name, or the
    path of a TOML file), show its keys, its points, the expected result, and which engines cannot
    run it.
    """
    if about_keys:
        _keys_reference(name, as_json=as_json)
    elif name is None:
        _list(as_json=as_json)
    else:
        _one(name, as_json=as_json)


def _keys_reference(name: str | None, *, as_json: bool) -> None:
    from rich.padding import Padding

    from iomodels.workload import reference

    from .show.console import safe

    found = list(reference.entries().values()) if name is None else reference.of_key(name)
    if as_json:
        _write_json({"keys": [asdict(entry) for entry in found]})
        return
    for entry in found:
        _print(safe(entry.name, "bold").append_text(safe(f": {entry.meaning}", "not bold")))
        for what in _facts(entry):
            _print(Padding(safe(what, "dim"), (0, 0, 0, 4)))
    if name is None:
        _print(
            safe(""),
            safe(
                "In a file, load.depth is `depth` in the table [load]. On a command line it is "
                "`--set load.depth=4`; several values make a sweep: `--set load.depth=1,4,16`."
            ),
        )


def _facts(entry: KeyEntry) -> Iterator[str]:
    yield f"values: {entry.limits}{f' ({entry.unit})' if entry.unit else ''}"
    if entry.default:
        required = entry.default.startswith("required")
        yield entry.default if required else f"default: {entry.default}"
    if entry.needs:
        yield "only with " + ", ".join(f"{o} = {' or '.join(v)}" for o, v in entry.needs.items())


def _list(*, as_json: bool) -> None:
    from iomodels.workload.scenario import load, shipped, suites

    scenarios = [load(name) for name in shipped()]
    of_suites = {name: _suite(name) for name in suites()}
    if as_json:
        _write_json(
            {
                "scenarios": [
                    {"name": s.name, "title": s.title, "question": s.question} for s in scenarios
                ],
                "suites": [
                    {
                        "name": name,
                        "title": suite.title,
                        "question": suite.question,
                        "scenarios": suite.names,
                    }
                    for name, suite in of_suites.items()
                ],
            }
        )
        return
    from .show.console import safe

    _print(
        safe("Scenarios", "bold"),
        _titled((s.name, list(dict.fromkeys([s.title, s.question]))) for s in scenarios),
        safe(""),
        safe("Suites (several scenarios in one run)", "bold"),
        _titled(
            (name, [suite.title, suite.question, "runs " + ", ".join(suite.names)])
            for name, suite in of_suites.items()
        ),
        safe(""),
        safe("`iomodels scenarios NAME` shows all of one; `iomodels bench NAME` runs it.", "dim"),
    )


def _one(name: str, *, as_json: bool) -> None:
    from iomodels.workload.scenario import resolve

    found = resolve([name])
    if as_json:
        data = [_as_data(scenario) for scenario in found]
        _write_json(data[0] if len(data) == 1 else {"scenarios": data})
        return
    for scenario in found:
        _print(*_described(scenario))


def _suite(name: str) -> Suite:
    from iomodels.base import toml
    from iomodels.workload.scenario import scenario_folder
    from iomodels.workload.suite import read_suite

    path = scenario_folder() / f"{name}.toml"
    return read_suite(toml.read(path, path.name), path.name)


def _titled(entries: Iterable[tuple[str, list[str]]]) -> Table:
    """Names on the left, each with its lines on the right."""
    from rich.table import Table
    from rich.text import Text

    from .show.console import safe

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, lines in entries:
        title, *more = lines
        about = Text("\n").join([safe(title, "bold"), *map(safe, more)])
        table.add_row(safe("  " + name), about)
    return table


def _described(scenario: Scenario) -> list[RenderableType]:
    from iomodels.workload.scenario import points

    from .show.console import safe

    all_points = points(scenario)
    shown: list[RenderableType] = [
        safe(scenario.name, "bold").append_text(safe(f": {scenario.title}", "not bold")),
    ]
    if scenario.question not in ("", scenario.title):
        shown.append(safe(scenario.question))
    if scenario.expect:
        shown += [safe(""), safe(f"Expect: {scenario.expect}")]
    shown += [safe(""), safe("Keys (change one with --set KEY=VALUE)", "bold")]
    shown += [_keys(all_points)]
    if len(all_points) > 1:
        shown += [safe(""), safe("Points", "bold")]
        shown += [safe(f"  {point.label}") for point in all_points]
    shown += [safe(""), _engines(scenario)]
    shown += [safe(f"  n/a: {line}") for line in _unavailable(scenario)]
    return [*shown, safe("")]


def _keys(all_points: list[Point]) -> Table:
    """Every key with its value at all points, and what it means."""
    from rich.table import Table

    from iomodels.analysis.cells import show
    from iomodels.workload.key import all_keys

    from .show.console import safe

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    parameters = [point.parameters for point in all_points]
    for name in dict.fromkeys(key for flat in parameters for key in flat):
        values = dict.fromkeys(show(name, flat[name]) for flat in parameters if name in flat)
        known = all_keys().get(name)
        table.add_row(
            safe(f"  {name}"), safe(", ".join(values)), safe(known.meaning if known else "", "dim")
        )
    return table


def _engines(scenario: Scenario) -> Text:
    from iomodels.engines.spec import of_scenario

    from .show.console import safe

    names = ", ".join(spec.canonical for spec in of_scenario(scenario))
    return safe("Engines: ", "bold").append_text(safe(names, "not bold"))


def _unavailable(scenario: Scenario) -> list[str]:
    from iomodels.engines.ability import ability
    from iomodels.engines.spec import of_scenario
    from iomodels.workload.scenario import points

    return [
        f"{f'at {point.label}, ' if point.label else ''}{reason}"
        for spec in of_scenario(scenario)
        for point in points(scenario)
        if (reason := ability(spec, point).na_reason)
    ]


def _as_data(scenario: Scenario) -> dict[str, Any]:
    from iomodels.engines.spec import of_scenario
    from iomodels.workload.scenario import points

    return {
        "name": scenario.name,
        "title": scenario.title,
        "question": scenario.question,
        "expect": scenario.expect,
        "engines": [spec.canonical for spec in of_scenario(scenario)],
        "points": [point.parameters for point in points(scenario)],
        "unavailable": _unavailable(scenario),
    }


def _write_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2))


def _print(*parts: RenderableType) -> None:
    from .show import console

    output = console.out()
    for part in parts:
        output.print(part)
