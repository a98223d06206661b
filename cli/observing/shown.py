"""What was seen of a program, on a terminal: each kind of work in three or four lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from iomodels.base.units import counted, format_count, format_duration, format_size
from iomodels.observe.scenarios import notes_of, title_of
from iomodels.observe.seen import Observation, Work
from iomodels.workload.key import all_keys
from iomodels.workload.writing import WrittenScenario

from ..shared.streams import wrapped
from ..show.console import safe

_INDENT = "  "


def report(
    observation: Observation, scenarios: Sequence[WrittenScenario], width: int
) -> Iterator[Text]:
    """Each work, hottest first, with what its scenario cannot say; then what concerns all."""
    for work, scenario in zip(observation.works, scenarios, strict=True):
        yield safe(scenario.name, "bold").append_text(safe(f": {title_of(work)}", "not bold"))
        yield from _indented(_amount(work), width)
        yield from _indented(_shape(scenario), width)
        yield from _indented(f"today: {work.model} ({work.model_evidence})", width)
        for note in scenario.notes:
            yield from _indented(f"note: {note}", width, "dim")
        yield safe("")
    for note in notes_of(observation):
        yield from lines(note, width)


def lines(text: str, width: int) -> Iterator[Text]:
    """The text, broken into lines of this width."""
    yield from map(safe, wrapped(text, width).splitlines())


def _indented(text: str, width: int, style: str = "") -> Iterator[Text]:
    for line in wrapped(text, width, _INDENT).splitlines():
        yield safe(line, style)


def _amount(work: Work) -> str:
    rate = work.operations / work.duration_s if work.duration_s else 0.0
    per_second = f" ({format_count(rate)}/s)" if rate else ""
    return (
        f"{counted(work.operations, 'operation')}{per_second}, {format_size(work.bytes_moved)} in "
        f"{format_duration(work.duration_s * 1e9)}, on {counted(work.active, 'descriptor')}, by "
        f"{counted(work.threads, 'thread')}"
    )


_HIDDEN = {"channel.kind", "channel.exchange", "channel.role"}
"""The scenario's name says it."""


def _shape(scenario: WrittenScenario) -> str:
    """The scenario's keys with their values."""
    keys = all_keys()
    return ", ".join(
        f"{name.rpartition('.')[2]} {keys[name].show(value)}"
        for name, value in scenario.settings.items()
        if name not in _HIDDEN
    )
