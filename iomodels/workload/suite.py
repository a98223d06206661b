"""A suite: a TOML file that lists shipped scenarios, each with engines and settings of its own.

title = "…"
question = "…"
[[run]]
scenario = "slow-devices"
engines = ["blocking", "aio"]
set = { "load.depth" = [4, 16] }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from iomodels.base.toml import decode, names_meta, text_meta

MAX_RUNS = 64
_SET = 'a table such as { "load.depth" = 16 }, in which a list makes a sweep'


class SuiteRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[run]]` of a suite."""

    scenario: Annotated[str, text_meta("the shipped scenario to run")]
    engines: Annotated[
        tuple[str, ...], names_meta("engines and groups to use instead of its own")
    ] = ()
    set: Annotated[
        dict[str, Any],
        Meta(description="keys of the scenario to change", extra={"allowed": _SET}),
    ] = msgspec.field(default_factory=dict)


class _SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, text_meta("what it is, in a few words")]
    question: Annotated[str, text_meta("the question that it answers")]
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
    runs: tuple[SuiteRun, ...]


def is_suite(data: Mapping[str, Any]) -> bool:
    """Whether a parsed TOML file is meant to be a suite rather than a scenario."""
    return "run" in data


def read_suite(data: Mapping[str, Any], where: str) -> Suite:
    """Check a parsed suite; `where` names its file in errors. Raises `ScenarioError`."""
    file = decode(data, _SuiteFile, where)
    runs = [
        decode(table, SuiteRun, where, f"run[{number}]") for number, table in enumerate(file.run)
    ]
    return Suite(file.title, file.question, tuple(runs))
