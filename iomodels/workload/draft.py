"""A scenario as it was written, before its values are resolved to points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from iomodels.base import toml
from iomodels.base.errors import ScenarioError
from iomodels.base.toml import describe_value, printable
from iomodels.workload.channels import Value
from iomodels.workload.key import Key, all_keys
from iomodels.workload.point import assign, choose, find_key, read_value

MAX_VALUES = 64
"""How many values a sweep may give one key."""

_NOT_SWEPT = {
    "channel.kind": "a scenario has one kind of channel",
    "channel.folder": "points that differ only in the folder cannot be distinguished",
}


class ScenarioFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: Annotated[str, toml.text_meta("a short name for people; default: the file's name")] = ""
    question: Annotated[str, toml.text_meta("the question that it answers; default: the title")] = (
        ""
    )
    channel: Annotated[
        dict[str, Any],
        Meta(
            description="what is read and written", extra={"allowed": "a table, headed [channel]"}
        ),
    ]
    load: Annotated[
        dict[str, Any],
        Meta(
            description="how much is requested, and how",
            extra={"allowed": "a table, headed [load]"},
        ),
    ] = msgspec.field(default_factory=dict)
    sweep: Annotated[
        dict[str, Any],
        Meta(
            description="keys with several values each; every combination is a point",
            extra={"allowed": 'a table of lists, such as "load.depth" = [1, 4, 16]'},
        ),
    ] = msgspec.field(default_factory=dict)
    expect: Annotated[str, toml.text_meta("the expected result, and why")] = ""
    engines: Annotated[
        tuple[str, ...],
        toml.names_meta("the engines to compare, and groups of them; default: article"),
    ] = ()
    today: Annotated[
        str, toml.text_meta("the engine with the I/O model of the program behind this workload")
    ] = ""


class Draft:
    """A scenario's values while they are put together from file, suite and command line."""

    def __init__(self, kind: object) -> None:
        self.kind = kind
        self.settings: dict[str, Value] = {}
        self.sweep: dict[str, tuple[Value, ...]] = {}

    def read_tables(self, file: ScenarioFile, where: str) -> None:
        for name, raw in leaves({"channel": file.channel, "load": file.load}):
            key = find_key(name, self.kind, where)
            if isinstance(raw, list) and key.name not in _NOT_SWEPT:
                raise ScenarioError(f"{where}: {_list_outside_sweep(key, raw)}")
            assign(self.settings, name, read_value(key, raw, where))
        for name, raw in leaves(file.sweep):
            if not isinstance(raw, list):
                given = describe_value(raw)
                raise ScenarioError(
                    f'{where}: sweep."{printable(name)}" is {given}: it must be a list'
                )
            if clash := next((other for other in self.sweep if _related(name, other)), None):
                raise ScenarioError(f"{where}: sweep has both {clash} and {name}: leave one out")
            self.change(name, raw, where, path="sweep")

    def change(self, name: str, raws: Sequence[object], where: str, *, path: str) -> None:
        """Set `name`, or sweep it if there are several values, whatever it was before."""
        key = find_key(name, self.kind, where)
        place = f'{path}."{name}"'
        if not 1 <= len(raws) <= MAX_VALUES:
            raise ScenarioError(
                f"{where}: {place} has {len(raws)} values: it must have 1 to {MAX_VALUES}"
            )
        self._refuse_fixed(key, len(raws), f"{where}: {place}")
        several = len(raws) > 1
        values = [
            read_value(key, raw, where, path=f"{place}[{number}]" if several else place)
            for number, raw in enumerate(raws)
        ]
        self._put(key, values, f"{where}: {place}")

    def change_by_text(self, name: str, texts: Sequence[str]) -> None:
        """As `change`, with the texts of `--set`."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        where = f"setting {printable(name)}={printable(','.join(texts))}"
        key = find_key(name, self.kind, where)
        if not 1 <= len(texts) <= MAX_VALUES:
            raise ScenarioError(f"{where} has {len(texts)} values: give 1 to {MAX_VALUES}")
        self._refuse_fixed(key, len(texts), where)
        values = [read_value(key, key.from_text(text), where) for text in texts]
        self._put(key, values, where)

    def _refuse_fixed(self, key: Key, count: int, where: str) -> None:
        if key.name in _NOT_SWEPT and (count > 1 or key.name == "channel.kind"):
            raise ScenarioError(
                f"{where}: {key.name} cannot change, because {_NOT_SWEPT[key.name]}"
            )

    def _put(self, key: Key, values: Sequence[Value], where: str) -> None:
        for number, value in enumerate(values):
            if value in values[:number]:
                raise ScenarioError(f"{where} has the value {key.show(value)} twice: leave one out")
        for other in [other for other in self.sweep if _related(key.name, other)]:
            if other != key.name or len(values) == 1:
                del self.sweep[other]
        if len(values) == 1:
            choose(self.settings, key.name, values[0])
        else:
            self.sweep[key.name] = tuple(values)


def _list_outside_sweep(key: Key, raw: Sequence[object]) -> str:
    values = toml.as_toml(raw)
    example = f'"{key.name}" = {values}' if values else f'"{key.name}"'
    return f"{key.name} is a list: put it under [sweep], as {example}"


def _related(one: str, other: str) -> bool:
    """Whether setting one key also says something about the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys in nested tables as `table.key`, as deep as there are such keys and no deeper."""
    for last, value in table.items():
        name = prefix + last
        if isinstance(value, dict) and any(key.startswith(f"{name}.") for key in all_keys()):
            yield from leaves(value, f"{name}.")
        else:
            yield name, value
