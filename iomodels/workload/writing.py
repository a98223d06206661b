"""Scenarios as TOML text: what `observe` and `import` found, as a file that a person can change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from iomodels.workload.channels import Value
from iomodels.workload.key import all_keys

NOT_AT_ONCE = (
    "the kinds of work are measured one after the other, not at once as in the program: what they "
    "cost each other does not show"
)
"""What every place says where several kinds of work come from one program."""
SOME_WRITES = 4
"""Up to so many writes between two syncs, a sync after each is the nearest that a scenario has."""


@dataclass(frozen=True)
class WrittenScenario:
    """One scenario to write: `settings` and `sweep` by `table.key`, defaults left out or not.

    `figures` and `notes` are sentences for the reader of the file, written as comments above it:
    what was seen, and what the scenario cannot say. `today` is an engine's text, or empty.
    """

    name: str
    title: str
    settings: Mapping[str, Value]
    question: str = ""
    sweep: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    engines: tuple[str, ...] = ()
    today: str = ""
    figures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def as_file(scenarios: Sequence[WrittenScenario], title: str, notes: Sequence[str] = ()) -> str:
    """The text of a TOML file that `iomodels bench` takes: one scenario as a scenario, several as a
    suite with a `[[run]]` for each. `notes` become comments at the top."""
    assert scenarios, "a file of no scenario"
    top = "".join(_comments(notes))
    if len(scenarios) == 1:
        (scenario,) = scenarios
        comments = "".join(_comments((*scenario.figures, *scenario.notes)))
        return _joined(top, comments + _encoded(_content(scenario)))
    head = _encoded({"title": title, "question": title})
    runs = [
        "".join(_comments((*scenario.figures, *scenario.notes)))
        + _encoded({"run": [{"name": scenario.name, **_content(scenario)}]})
        for scenario in scenarios
    ]
    return _joined(top, head, *runs)


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _encoded(content: Mapping[str, Any]) -> str:
    return msgspec.toml.encode(content).decode()


def _comments(notes: Sequence[str]) -> list[str]:
    return [f"# {_on_one_line(note)}\n" for note in notes]


def _on_one_line(note: str) -> str:
    """TOML allows no control character in a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in note)


def _content(scenario: WrittenScenario) -> dict[str, Any]:
    content: dict[str, Any] = {"title": scenario.title}
    for name in ("question", "today"):
        if text := getattr(scenario, name):
            content[name] = text
    if scenario.engines:
        content["engines"] = list(scenario.engines)
    for name, value in scenario.settings.items():
        table, _, key = name.partition(".")
        *inner, last = key.split(".")
        place = content.setdefault(table, {})
        for part in inner:
            place = place.setdefault(part, {})
        place[last] = _written(name, value)
    if scenario.sweep:
        content["sweep"] = {
            name: [_written(name, value) for value in values]
            for name, values in scenario.sweep.items()
        }
    return content


def _written(name: str, value: Value) -> Value:
    """As a person writes it: durations and sizes with their unit, the rest as it is."""
    key = all_keys()[name]
    return key.show(value) if key.unit and not key.is_rate else value
