"""What was seen of a program, on a terminal: each kind of work in three or four lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.padding import Padding
from rich.text import Text

from iomodels.base.units import counted, format_count, format_duration, format_size
from iomodels.observe.scenarios import notes_of, title_of
from iomodels.observe.seen import Observation, Work
from iomodels.workload.key import all_keys
from iomodels.workload.writing import WrittenScenario

from .console import safe


def report(
    observation: Observation, scenarios: Sequence[WrittenScenario]
) -> Iterator[Text | Padding]:
    """Each work, hottest first, with what its scenario cannot say; then what concerns all."""
    for number, (work, scenario) in enumerate(zip(observation.works, scenarios, strict=True)):
        if number:
            yield safe("")
        yield safe(scenario.name, "bold").append_text(safe(f": {title_of(work)}", "not bold"))
        for line in (_amount(work), _shape(scenario)):
            yield Padding(safe(line), (0, 0, 0, 2), expand=False)
        yield Padding(
            safe("today: ")
            .append_text(safe(work.model, "bold"))
            .append_text(safe(f" ({work.model_evidence})", "not bold")),
            (0, 0, 0, 2),
            expand=False,
        )
        for note in scenario.notes[2:]:  # the figures and the model come first there
            yield Padding(safe(f"note: {note}", "dim"), (0, 0, 0, 2), expand=False)
    yield safe("")
    for note in notes_of(observation)[1:]:
        yield safe(note)


def _amount(work: Work) -> str:
    rate = work.operations / work.duration_s if work.duration_s else 0.0
    per_second = f" ({format_count(rate)}/s)" if rate else ""
    return (
        f"{work.operations} operations{per_second}, {format_size(work.bytes_moved)} in "
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
