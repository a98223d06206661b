"""`iomodels engines`: the I/O models as the article's Figure 1, and what each can do here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .shared.options import JSON_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import RenderableType
    from rich.text import Text

    from iomodels._core import Caps
    from iomodels.engines.catalog import Descriptor, Option


@click.command()
@JSON_OPTION
def command(as_json: bool) -> None:
    """List the engines and what each supports here.

    Use one as in `iomodels bench -e NAME`, with options as in
    `-e NAME:option=value,option=value`.
    """
    from iomodels.engines.catalog import DESCRIPTORS

    if as_json:
        click.echo(json.dumps([_as_data(d) for d in DESCRIPTORS.values()], indent=2))
        return
    from .show import console

    output = console.out()
    output.print(_matrix(DESCRIPTORS))
    for descriptor in DESCRIPTORS.values():
        for part in _described(descriptor):
            output.print(part)
    for part in _groups():
        output.print(part)


def _matrix(descriptors: Mapping[str, Descriptor]) -> RenderableType:
    """The article's Figure 1: rows (a)synchronous, columns (non-)blocking."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED, show_lines=True)
    for header in ("", "Blocking", "Non-blocking"):
        table.add_column(header, overflow="fold")
    for row, synchronous in (("Synchronous", True), ("Asynchronous", False)):
        entries = [
            Text("\n").join(
                Text.assemble((d.name, "bold"), "\n", (d.calls, "dim"))
                for d in descriptors.values()
                if d.in_matrix and d.synchronous == synchronous and d.blocking == blocking
            )
            for blocking in (True, False)
        ]
        table.add_row(Text(row, style="bold"), *entries)
    return table


def _described(descriptor: Descriptor) -> list[RenderableType]:
    from rich.padding import Padding

    from .show.console import safe

    details = [safe(f"supports: {', '.join(_abilities(descriptor.name))}")]
    details += [_option(descriptor, option) for option in descriptor.options]
    details += [safe(line) for line in _grouped(_limits(descriptor.name))]
    return [
        safe(""),
        safe(f"{descriptor.name}: ", "bold").append_text(safe(descriptor.summary, "not bold")),
        *(Padding(line, (0, 0, 0, 2)) for line in details),
    ]


def _groups() -> Iterator[Text]:
    """What `-e` takes for several engines."""
    from iomodels.engines.groups import GROUPS

    from .show.console import safe

    yield safe("")
    yield safe("Groups, for -e and in scenario files:", "bold")
    for name, group in GROUPS.items():
        yield safe(f"  {name}: {group.meaning}: {', '.join(group.members)}")


def _option(descriptor: Descriptor, option: Option) -> Text:
    from .show.console import safe

    allowed = ", ".join(option.choices) or f"{option.low} to {option.high}"
    notes = [
        f"{option.name}={choice} {', '.join(differing)}"
        for choice in option.choices
        if (differing := _differing(descriptor.name, option.written(choice)))
    ]
    return safe(
        "; ".join(
            [f"{option.name}: {option.meaning} ({allowed}; default {option.default})", *notes]
        )
    )


def _abilities(engine: str) -> list[str]:
    """What the engine (with options, as `parse` reads it) can do, in words, from its caps."""
    from iomodels import _core
    from iomodels.engines.spec import parse

    spec = parse(engine)
    caps = spec.caps
    depth, descriptor = caps["max_depth"], caps["max_descriptor"]
    degenerate = _core.ask(spec.name, "file", spec.settings)["degenerate"]
    files = "files (same as blocking there)" if degenerate else "files"
    words = [
        files if caps["files"] else "",
        "streams" if caps["streams"] else "",
        "one request in flight" if depth == 1 else f"depth up to {depth}" if depth else "any depth",
        f"descriptors up to {descriptor}" if descriptor else "",
        "several requests per call" if caps["batches"] else "",
        _waiting(caps),
    ]
    return [word for word in words if word]


def _waiting(caps: Caps) -> str:
    if not caps["moves_data"]:
        return "no I/O, never waits"
    return "uses a CPU while it waits" if caps["spins"] else "sleeps while it waits"


def _differing(engine: str, option: str) -> list[str]:
    usual = _abilities(engine)
    return [word for word in _abilities(f"{engine}:{option}") if word not in usual]


@dataclass(frozen=True)
class _Limit:
    """A shipped scenario that an engine cannot run in full, and why."""

    how_far: str
    """"n/a", or at which points it runs."""
    scenario: str
    reason: str

    def __str__(self) -> str:
        return f"{self.how_far}: {self.scenario}: {self.reason}"


def _grouped(limits: Iterable[_Limit]) -> Iterator[str]:
    """One line for all scenarios with the same limit: reasons differ in numbers, after a `;`."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for limit in limits:
        reason, instead = limit.reason.partition(";")[0], limit.reason.rpartition(". ")[2]
        key = limit.how_far, f"{reason}. {instead}" if instead.startswith("Use ") else reason
        by_reason.setdefault(key, []).append(limit.scenario)
    for (how_far, reason), scenarios in by_reason.items():
        yield f"{how_far}: {', '.join(scenarios)}: {reason}"


def _limits(engine: str) -> list[_Limit]:
    from iomodels.engines.ability import ability
    from iomodels.engines.spec import parse
    from iomodels.workload import scenario

    spec = parse(engine)
    limits = []
    for name in scenario.shipped():
        reasons = {
            p.label: ability(spec, p).na_reason for p in scenario.points(scenario.load(name))
        }
        impossible = [reason for reason in reasons.values() if reason]
        if impossible:
            limits.append(_Limit(_how_far(reasons), name, impossible[0]))
    return limits


def _how_far(reasons: Mapping[str, str | None]) -> str:
    """`reasons` by point: why it is impossible, or None."""
    able = [label for label, reason in reasons.items() if reason is None]
    unable = [label for label, reason in reasons.items() if reason]
    if not able:
        return "n/a"
    few, word = (unable, "not") if len(unable) < len(able) else (able, "only")
    return f"{word} at {' or '.join(few)}"


def _as_data(descriptor: Descriptor) -> dict[str, Any]:
    from iomodels.engines.spec import parse

    return {
        "name": descriptor.name,
        "title": descriptor.title,
        "summary": descriptor.summary,
        "calls": descriptor.calls,
        "synchronous": descriptor.synchronous,
        "blocking": descriptor.blocking,
        "in_matrix": descriptor.in_matrix,
        "options": [
            {
                "name": option.name,
                "meaning": option.meaning,
                "default": option.default,
                "choices": list(option.choices) or {"from": option.low, "to": option.high},
            }
            for option in descriptor.options
        ],
        "caps": dict(parse(descriptor.name).caps),
        "unavailable": [str(limit) for limit in _limits(descriptor.name)],
    }
