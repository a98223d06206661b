"""A suite: a TOML file that lists scenarios, each with engines and settings of its own.

A scenario is a shipped one, or is written out in the suite: `name`, and the tables of a scenario's
own file.

title = "…"
question = "…"
duration = "300 ms"
[[run]]
scenario = "slow-devices"
engines = ["blocking", "aio"]
set = { "load.depth" = [4, 16] }
[[run]]
name = "my-log"
[run.channel]
kind = "file"
[run.load]
operation = "write"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from iomodels.base.errors import ScenarioError
from iomodels.base.toml import decode, describe_value, names_meta, printable, text_meta
from iomodels.base.units import parse_duration_ns

MAX_RUNS = 64
SHORTEST_NS = 1_000_000
_SET = 'a table such as { "load.depth" = 16 }, in which a list makes a sweep'


class SuiteRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[run]]` of a suite that names a shipped scenario."""

    scenario: Annotated[str, text_meta("the shipped scenario to run")]
    engines: Annotated[
        tuple[str, ...], names_meta("engines and groups to use instead of its own")
    ] = ()
    set: Annotated[
        dict[str, Any],
        Meta(description="keys of the scenario to change", extra={"allowed": _SET}),
    ] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class OwnRun:
    """One `[[run]]` of a suite that is written out: its scenario as the content of a file."""

    name: str
    scenario: Mapping[str, Any]


class _SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: Annotated[str, text_meta("what it is, in a few words")]
    question: Annotated[str, text_meta("the question that it answers")]
    duration: Annotated[str, text_meta("measured time of each trial, unless -d is given")] = ""
    run: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            min_length=1,
            max_length=MAX_RUNS,
            description="the scenarios, in order",
            extra={"allowed": f"1 to {MAX_RUNS} tables, each headed [[run]]"},
        ),
    ]


@dataclass(frozen=True)
class Suite:
    """A suite as read: its scenarios are not looked up yet."""

    title: str
    question: str
    runs: tuple[SuiteRun | OwnRun, ...]
    duration_ns: int | None = None
    """How long each trial measures, where the user does not say it; None: as long as usual."""

    @property
    def names(self) -> list[str]:
        """Of its scenarios, each once."""
        named = (run.name if isinstance(run, OwnRun) else run.scenario for run in self.runs)
        return list(dict.fromkeys(named))


def is_suite(data: Mapping[str, Any]) -> bool:
    """Whether a parsed TOML file is meant to be a suite rather than a scenario."""
    return "run" in data


def read_suite(data: Mapping[str, Any], where: str) -> Suite:
    """Check a parsed suite; `where` names its file in errors. Raises `ScenarioError`."""
    file = decode(data, _SuiteFile, where)
    runs = [_run(table, where, f"run[{number}]") for number, table in enumerate(file.run)]
    names = [run.name for run in runs if isinstance(run, OwnRun)]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ScenarioError(f"{where}: two runs have the name '{printable(name)}': rename one")
    return Suite(file.title, file.question, tuple(runs), _duration_ns(file.duration, where))


def _run(table: Mapping[str, Any], where: str, place: str) -> SuiteRun | OwnRun:
    is_written_out = "channel" in table or ("name" in table and "scenario" not in table)
    if not is_written_out:
        return decode(table, SuiteRun, where, place)
    name = table.get("name")
    if not isinstance(name, str):
        raise ScenarioError(
            f"{where}: {place}.name is {describe_value(name)}: it must be a name, in quotes"
        )
    return OwnRun(name, {key: value for key, value in table.items() if key != "name"})


def _duration_ns(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        found = parse_duration_ns(text)
    except ScenarioError as error:
        raise ScenarioError(f"{where}: duration: {error}") from None
    if found < SHORTEST_NS:
        raise ScenarioError(f"{where}: duration is '{printable(text)}': it must be 1 ms at least")
    return found
