"""One point of a scenario: from flat `table.key` values to checked settings, and back.

Flat values are what a file, `--set`, a sweep and a result's `parameters` have in common, so all
of them come through `read_values` and `settle`, under the same rules and limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from iomodels.base.errors import ScenarioError
from iomodels.base.toml import describe_value, printable
from iomodels.base.units import Duration, Size
from iomodels.workload.block import Block, block_of
from iomodels.workload.channels import (
    SHORT_SERVICE,
    Channel,
    Constant,
    FileChannel,
    PipeChannel,
    Settings,
    SocketChannel,
    Value,
)
from iomodels.workload.key import Key, all_keys, key_meant
from iomodels.workload.load import Load

Parameters = dict[str, str | int | float | bool]

NOT_STORED = "channel.folder"
"""It can contain a user's name, and a stranger's result must not choose where files are made."""


@dataclass(frozen=True)
class Point:
    """A scenario with one value for every key. `label` names what the sweep varies ("depth 16")."""

    scenario: str
    channel: Channel
    load: Load
    label: str = ""

    @property
    def serves(self) -> bool:
        """Whether a peer drives the requests, and the engine does not know which comes next."""
        return isinstance(self.channel, PipeChannel | SocketChannel) and self.channel.serves

    @property
    def core_depth(self) -> int:
        """The requests that an engine has in flight: a server has one for each connection."""
        return max(self.load.depth, self.load.descriptors) if self.serves else self.load.depth

    @property
    def core_idle(self) -> int:
        """Connections that an engine watches and on which nothing happens."""
        return 0 if self.serves else max(0, self.load.descriptors - self.load.depth)

    @property
    def descriptors(self) -> int:
        """How many descriptors the engine transfers on or watches."""
        requests = self.core_depth + self.core_idle
        if isinstance(self.channel, PipeChannel) and self.channel.exchange == "echo":
            return 2 * requests  # one to write to, one to read from
        return 1 if self.channel.opens == 1 else requests

    @property
    def reads_at_most(self) -> int | None:
        """How many reads a trial can make of a file that it reads once; None where it can go on."""
        channel = self.channel
        if not isinstance(channel, FileChannel) or channel.cache != "cold":
            return None
        block = self.load.block
        unit = block.largest if self.load.pattern == "random" else block.smallest
        return int(channel.size) // int(unit)

    @property
    def parameters(self) -> Parameters:
        """Every key that applies, as `table.key`: durations in ns, sizes in bytes, no folder."""
        flat: Parameters = {}
        _flatten("channel", self.channel, flat)
        _flatten("load", self.load, flat)
        for name in (NOT_STORED, *(f"load.{name}" for name in self.channel.fixed)):
            flat.pop(name, None)
        keys = all_keys()
        short = {SHORT_SERVICE}  # stands for the keys of a table
        return {name: v for name, v in flat.items() if name in short or keys[name].applies(flat)}


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """msgspec evaluates the annotations anew each time."""
    return msgspec.structs.fields(kind)


def _flatten(table: str, struct: msgspec.Struct, flat: Parameters) -> None:
    if isinstance(struct, Constant):
        flat[table] = int(struct.mean_ns)
        return
    config = struct.__struct_config__
    if config.tag_field is not None:
        flat[f"{table}.{config.tag_field}"] = str(config.tag)
    for item in _fields(type(struct)):
        value, name = getattr(struct, item.name), f"{table}.{item.encode_name}"
        if isinstance(value, msgspec.Struct):
            _flatten(name, value, flat)
        else:
            plain = value.value if isinstance(value, Block) else value
            flat[name] = int(plain) if isinstance(plain, Duration | Size) else plain


def point_from_parameters(name: str, parameters: Mapping[str, Any]) -> Point:
    """The point that `Point.parameters` came from; keys left out have their defaults.

    `parameters` may come from a stranger's file: they pass the rules and limits of a scenario.
    Raises `ScenarioError`.
    """
    where = f"the parameters of '{printable(name)}'"
    if NOT_STORED in parameters:
        raise ScenarioError(f"{where}: {NOT_STORED} can only be given on the command line")
    flat: dict[str, Value] = {}
    kind = parameters.get("channel.kind")
    for key_name, raw in parameters.items():
        key = find_key(key_name, kind, where)
        assign(flat, key.name, read_value(key, raw, where, canonical=True))
    return settle(name, flat, where)


def in_folder(point: Point, folder: str | None) -> Point:
    """The point with its file in `folder`. A baseline names none, so it comes from the user."""
    if folder is None or point.channel.kind != "file":
        return point
    flat = {**point.parameters, NOT_STORED: all_keys()[NOT_STORED].from_text(folder)}
    return settle(
        point.scenario,
        {
            name: all_keys()[name].read(value, canonical=name != NOT_STORED)
            for name, value in flat.items()
        },
        f"setting {NOT_STORED}",
        point.label,
    )


def find_key(name: str, kind: object, where: str) -> Key:
    """The key called `name` (`table.key`). Raises `ScenarioError`, with the keys of this kind."""
    keys = all_keys()
    if name in keys:
        return keys[name]
    table = name.partition(".")[0]
    same_kind = [k.name for k in keys.values() if kind in k.needs.get("channel.kind", (kind,))]
    listed = [known for known in same_kind if known.startswith(f"{table}.")] or same_kind
    hint = key_meant(name, same_kind) or f": the keys here are {', '.join(listed)}"
    raise ScenarioError(f"{where}: there is no key {printable(name)}{hint}")


def read_value(
    key: Key, raw: object, where: str, *, path: str = "", canonical: bool = False
) -> Value:
    """`key.read` with an error that says where: in `where`, at `path` (default: the key's name)."""
    try:
        return key.read(raw, canonical=canonical)
    except ScenarioError as error:
        raise ScenarioError(f"{where}: {path or key.name}{error}") from None


def assign(flat: dict[str, Value], name: str, value: Value) -> None:
    """Set one key, and keep the rest of `flat` in step with it."""
    if name == SHORT_SERVICE:
        for other in [key for key in flat if key.startswith(f"{SHORT_SERVICE}.")]:
            del flat[other]
        flat[f"{SHORT_SERVICE}.distribution"] = "constant"
        flat[f"{SHORT_SERVICE}.mean"] = value
        return
    flat[name] = value


def choose(flat: dict[str, Value], name: str, value: Value) -> None:
    """As `assign`, for somebody who changes a finished scenario.

    Another distribution drops what it has no use for: the mean of a constant that becomes uniform.
    """
    assign(flat, name, value)
    if name == f"{SHORT_SERVICE}.distribution":
        for other in [key for key in flat if key.startswith(f"{SHORT_SERVICE}.")]:
            if not all_keys()[other].applies(flat):
                del flat[other]


def settle(name: str, flat: Mapping[str, Value], where: str, label: str = "") -> Point:
    """Make the point that `flat` describes, with defaults for what it leaves out.

    Raises `ScenarioError` for a missing key, a key that does not belong, and a contradiction.
    """
    at = f"{where}: at {label}" if label else where
    for reason in _misfits(flat):
        raise ScenarioError(f"{at}: {reason}")
    nested: dict[str, Any] = {"channel": {}, "load": {}}
    for key_name, value in flat.items():
        *tables, last = key_name.split(".")
        inner = nested
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[last] = block_of(value) if all_keys()[key_name].takes_shares else value
    settings = msgspec.convert(nested, Settings, dec_hook=_already_read)
    load = msgspec.structs.replace(settings.load, **settings.channel.fixed)
    contradiction = Settings(settings.channel, load).contradiction()
    if contradiction is not None:
        raise ScenarioError(f"{at}: {contradiction}")
    return Point(name, settings.channel, load, label)


def _misfits(flat: Mapping[str, Value]) -> Iterator[str]:
    keys = all_keys()
    for key in keys.values():
        if key.name in flat and not key.applies(flat):
            yield _does_not_belong(key, flat)
        required = key.default is None and key.name != SHORT_SERVICE
        if required and key.name not in flat and key.applies(flat):
            yield _is_missing(key, flat)


def _does_not_belong(key: Key, flat: Mapping[str, Value]) -> str:
    for other, wanted in key.needs.items():
        now = flat.get(other, all_keys()[other].default)
        if now not in wanted:
            belongs = " or ".join(repr(value) for value in wanted)
            return (
                f"{key.name} contradicts {other} = {describe_value(now)}: "
                f"leave it out (it needs {other} = {belongs})"
            )
    raise AssertionError(key.name)


def _is_missing(key: Key, flat: Mapping[str, Value]) -> str:
    nothing = not any(name.startswith(f"{SHORT_SERVICE}.") for name in flat)
    if key.name.startswith(SHORT_SERVICE) and nothing:
        key = all_keys()[SHORT_SERVICE]
    return f"{key.name} is missing: it must be {key.allowed}"


def _already_read(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    raise NotImplementedError(kind)
