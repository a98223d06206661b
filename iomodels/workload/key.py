"""A key of a scenario file: its name, unit, default, limits, meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from iomodels.base.errors import ScenarioError
from iomodels.base.toml import describe_value, did_you_mean
from iomodels.base.units import (
    DURATION_UNITS,
    MAX_DURATION,
    RATE_UNITS,
    SIZE_UNITS,
    Duration,
    Size,
    exact_duration,
    exact_size,
    parse_duration_ns,
    parse_rate,
    parse_size_bytes,
)
from iomodels.workload.block import EXAMPLE, MAX_SIZES, Block, read_block
from iomodels.workload.channels import SHORT_SERVICE, Channel, Mean, Value, tag_of
from iomodels.workload.load import Load

SYNONYMS = {
    **dict.fromkeys(("connections", "clients", "conns", "fds"), "load.descriptors"),
    **dict.fromkeys(("iodepth", "queue_depth", "queuedepth", "qd"), "load.depth"),
    **dict.fromkeys(("bs", "blocksize", "block_size", "bssplit"), "load.block"),
    **dict.fromkeys(("filesize", "file_size"), "channel.size"),
    **dict.fromkeys(("rw", "readwrite"), "load.operation"),
    **dict.fromkeys(("rwmixread", "mix"), "load.read_share"),
    **dict.fromkeys(("directory", "dir", "path"), "channel.folder"),
    **dict.fromkeys(("cpus_allowed", "affinity"), "load.placement"),
    **dict.fromkeys(("fsync", "fdatasync"), "load.sync"),
    **dict.fromkeys(("direct", "buffered"), "channel.cache"),
    "timeout": "load.deadline",
}
"""What other tools, and people, call a key (its last part)."""


@dataclass(frozen=True)
class Key:
    """One key, written `table.key`. `default` None: required. Limits are in ns or bytes.

    `needs` says where it applies: other keys, and the values of theirs that it belongs to.
    `takes_shares`: it is one size, or a text of several with their shares (`block.py`).
    """

    name: str
    type: Any
    annotation: Any
    meaning: str
    default: Value | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()
    in_words: str | None = None
    units: str = ""
    takes_shares: bool = False
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The units that its text is written in; empty where it has none."""
        return {Duration: DURATION_UNITS, Size: SIZE_UNITS}.get(self.type, self.units)

    @property
    def is_rate(self) -> bool:
        """Whether it is a number per second, which a text with a unit may give as well."""
        return self.units == RATE_UNITS

    @property
    def limits(self) -> str:
        """The values that it may have, as words."""
        if self.type is bool:
            return "true or false"
        if self.in_words or self.choices:
            return self.in_words or " or ".join(repr(choice) for choice in self.choices)
        several = f", or up to {MAX_SIZES} with shares: '{EXAMPLE}'" if self.takes_shares else ""
        return f"{self.show(self.low)} to {self.show(self.high)}{several}"

    @property
    def allowed(self) -> str:
        """What the key may hold, as words that follow "must be"."""
        kinds = {
            Duration: f"a duration from {self.limits}, in quotes and with its unit ({self.unit})",
            bool: "true or false",
            Size: f"a size from {self.limits}, in quotes and with its unit ({self.unit})",
            int: f"a whole number from {self.limits}",
            float: f"a number from {self.limits}"
            + (f", or in quotes with a unit ({self.unit})" if self.is_rate else ""),
        }
        return kinds.get(self.type, self.limits)

    def show(self, value: object) -> str:
        """A value of this key for people, with no digit lost."""
        if self.type is Duration and isinstance(value, int):
            return exact_duration(value)
        if self.type is Size and isinstance(value, int):
            return exact_size(value)
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.12g}" if isinstance(value, float) else str(value)

    def applies(self, values: Mapping[str, Value]) -> bool:
        """Whether a point with these values has this key."""
        return all(values.get(other) in allowed for other, allowed in self.needs.items())

    def read(self, raw: object, *, canonical: bool = False) -> Value:
        """The value that `raw` (from TOML) means; `canonical` ones are durations in whole ns.

        A size without a unit is in bytes. Of durations only 0 needs no unit.

        Raises `ScenarioError` with words that follow "table.key".
        """
        parse = self._parse_text
        if self.takes_shares and isinstance(raw, str) and ("/" in raw or ":" in raw):
            return self._read_shares(raw)
        if isinstance(raw, str) and parse is not None:
            try:
                value: Value = parse(raw)
            except ScenarioError as error:
                raise ScenarioError(f": {error}") from None
        elif type(raw) is int and self._needs_no_unit(raw, canonical=canonical):
            value = raw
        else:
            value = self._convert(raw)
        if not self._within_limits(value):
            raise self._refused(raw)
        return self.type(value) if self.type in (Duration, Size) else value

    def _read_shares(self, raw: str) -> Value:
        try:
            block = read_block(raw)
        except ScenarioError as error:
            raise ScenarioError(f": {error}") from None
        if not all(map(self._within_limits, block.sizes)):
            raise self._refused(raw)
        return block.value

    @property
    def _parse_text(self) -> Callable[[str], Value] | None:
        if self.is_rate:
            return parse_rate
        texts: Mapping[Any, Callable[[str], Value]] = {
            Duration: parse_duration_ns,
            Size: parse_size_bytes,
        }
        return texts.get(self.type)

    def _needs_no_unit(self, raw: int, *, canonical: bool) -> bool:
        return self.type is Size or (self.type is Duration and (canonical or raw == 0))

    def _convert(self, raw: object) -> Value:
        if self.type in (Duration, Size):
            raise self._refused(raw)
        try:
            value: Value = msgspec.convert(raw, self.annotation)
        except msgspec.ValidationError:
            raise self._refused(raw) from None
        return value

    def _within_limits(self, value: Value) -> bool:
        if isinstance(value, str) or self.low is None or self.high is None:
            return True
        return self.low <= value <= self.high  # false for nan, too

    def _refused(self, raw: object) -> ScenarioError:
        return ScenarioError(
            f" is {describe_value(raw)}{did_you_mean(raw, self.choices)}: it must be {self.allowed}"
        )

    def from_text(self, text: str) -> object:
        """What `text` from the command line would be in TOML, as far as the key's type tells."""
        if self.type is bool:
            return {"true": True, "false": False}.get(text.strip(), text)
        number = text.strip()
        if self.type is Duration and number == "0":
            return 0
        whole = self.type in (int, Size) or any(type(choice) is int for choice in self.choices)
        if (whole or self.type is float) and re.fullmatch(r"[+-]?[0-9]{1,18}", number):
            return int(number)
        if self.type is float and re.fullmatch(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}", number):
            return float(number)
        return text


def _keys_of(struct: type[msgspec.Struct], table: str) -> Iterator[Key]:
    for item in msgspec.structs.fields(struct):
        annotation, meta = item.type.__origin__, item.type.__metadata__[0]
        variants = [kind for kind in get_args(annotation) if tag_of(kind)]
        if variants:
            yield from _keys_of_union(variants, f"{table}.{item.encode_name}", meta.description)
            continue
        extra = meta.extra or {}
        takes_shares = annotation is Block
        default = item.default.value if takes_shares else item.default
        yield Key(
            name=f"{table}.{item.encode_name}",
            type=Size if takes_shares else annotation,
            takes_shares=takes_shares,
            annotation=item.type,
            meaning=meta.description,
            default=None if default is msgspec.NODEFAULT else default,
            low=extra.get("low", meta.ge),
            high=extra.get("high", meta.le),
            choices=get_args(annotation) if get_origin(annotation) is Literal else (),
            in_words=extra.get("allowed"),
            units=extra.get("units", ""),
            needs=extra.get("needs", {}),
        )


def _keys_of_union(variants: Sequence[Any], table: str, meaning: str) -> Iterator[Key]:
    """The key that chooses, then the keys of all variants, each with the variants it belongs to."""
    tags = tuple(tag_of(variant) for variant in variants)
    chooser = f"{table}.{variants[0].__struct_config__.tag_field}"
    yield Key(chooser, type=str, annotation=Literal[tags], meaning=meaning, choices=tags)
    keys: dict[str, Key] = {}
    for variant, tag in zip(variants, tags, strict=True):
        for key in _keys_of(variant, table):
            users = keys[key.name].needs[chooser] if key.name in keys else ()
            keys[key.name] = replace(key, needs={chooser: (*users, tag), **key.needs})
    yield from keys.values()


@cache
def all_keys() -> Mapping[str, Key]:
    """Every key of the tables [channel] and [load], by name."""
    kinds: tuple[type[Channel], ...] = get_args(Channel)
    keys: dict[str, Key] = {}
    for key in _keys_of_union(kinds, "channel", "what is read and written"):
        if key.name == f"{SHORT_SERVICE}.distribution":
            keys[SHORT_SERVICE] = replace(
                key,
                name=SHORT_SERVICE,
                type=Duration,
                annotation=Mean,
                choices=(),
                meaning="a constant service time, or a table of the `channel.service.…` keys",
                low=1,
                high=MAX_DURATION,
            )
        keys[key.name] = key
    for key in _keys_of(Load, "load"):
        name = key.name.removeprefix("load.")
        free = tuple(tag_of(kind) for kind in kinds if name not in kind.fixed)
        keys[key.name] = replace(key, needs={"channel.kind": free, **key.needs})
    return keys


def key_meant(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'load.depth'?)`, also for a name without its table or another tool's word;
    nothing where none of the `known` keys is close."""
    last = name.rpartition(".")[2]
    by_last = {key.rpartition(".")[2]: key for key in known}
    found = by_last.get(last) or SYNONYMS.get(last.casefold().replace("-", "_"))
    if found in known:
        return f" (did you mean '{found}'?)"
    return did_you_mean(name, known)
