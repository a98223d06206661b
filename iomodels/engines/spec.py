"""An engine with its options, as the user writes it: `aio:notify=poll,threads=4`.

What an engine can do is data, and the data comes from the core's own table (`_core.engines()`),
so that there is one truth. Its words for people are in `catalog.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.base.toml import did_you_mean
from iomodels.engines.catalog import DESCRIPTORS, Option


@dataclass(frozen=True)
class EngineSpec:
    """An engine with its options; `options` holds only those that differ from their default."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.canonical)

    @property
    def canonical(self) -> str:
        """`aio`, or `aio:notify=poll,threads=4`: defaults left out, options in table order."""
        if not self.options:
            return self.name
        return self.name + ":" + ",".join(f"{k}={v}" for k, v in self.options.items())

    def option(self, name: str) -> str:
        """The option's value, its default where it was not given."""
        defaults = {option.name: option.default for option in DESCRIPTORS[self.name].options}
        return self.options.get(name, defaults[name])

    @property
    def core_name(self) -> str:
        """The name in the core's table, in which each way of notification is its own engine.

        `aio:notify=signal,signal=SIGIO,chain=handler` is the core's `aio-sigio-handler`.
        """
        notify = self.options.get("notify")
        parts = (
            self.name,
            self.options.get("signal", notify),
            self.options.get("mode"),
            self.options.get("chain"),
        )
        return "-".join(part.lower() for part in parts if part)

    @property
    def caps(self) -> Mapping[str, int]:
        """The capabilities, as the core states them (`core/engine.h`, `struct engine_caps`)."""
        return _core.engines()[self.core_name]


def parse(text: str) -> EngineSpec:
    """Read `NAME[:option=value,…]`. Raises `EngineError` with what would have been allowed."""
    name, _, rest = text.partition(":")
    name = name.strip()
    if "," in name:
        raise EngineError(f"'{name}' is not one engine: give several as -e NAME -e NAME")
    if name not in DESCRIPTORS:
        raise EngineError(
            f"unknown engine '{name}'{did_you_mean(name, DESCRIPTORS)}: "
            f"the engines are {', '.join(DESCRIPTORS)}"
        )
    given = _parse_options(name, rest) if rest else {}
    _check_together(name, given)
    ordered = {
        option.name: given[option.name]
        for option in DESCRIPTORS[name].options
        if given.get(option.name, option.default) != option.default
    }
    return EngineSpec(name, ordered)


def _parse_options(engine: str, text: str) -> dict[str, str]:
    known = {option.name: option for option in DESCRIPTORS[engine].options}
    given: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and key in known:
            raise EngineError(f"engine '{engine}': {key} needs a value: {known[key].how_written}")
        if key not in known:
            allowed = f"its options are {', '.join(known)}" if known else "it has no options"
            raise EngineError(
                f"engine '{engine}' has no option '{key}'{did_you_mean(key, known)}: {allowed}"
            )
        if key in given:
            raise EngineError(f"engine '{engine}': option '{key}' is given twice")
        given[key] = _checked_value(engine, known[key], value)
    return given


def _check_together(engine: str, given: Mapping[str, str]) -> None:
    """Refuse an option that means nothing beside the others, at any value."""
    options = DESCRIPTORS[engine].options
    values = {option.name: option.default for option in options} | dict(given)
    for option in options:
        if option.only is not None and option.name in given and not option.applies(values):
            other, wanted = option.only
            raise EngineError(
                f"engine '{engine}': {option.name}={given[option.name]} means nothing with "
                f"{other}={values[other]}: leave it out, or choose "
                f"{' or '.join(f'{other}={value}' for value in wanted)}"
            )


def _checked_value(engine: str, option: Option, value: str) -> str:
    if option.choices:
        if value not in option.choices:
            raise EngineError(
                f"engine '{engine}': {option.name}='{value}'{did_you_mean(value, option.choices)}"
                f" is not one of {', '.join(option.choices)}"
            )
        return value
    if not (value.isascii() and value.isdigit() and option.low <= int(value) <= option.high):
        raise EngineError(
            f"engine '{engine}': {option.name}='{value}' is not a whole number "
            f"from {option.low} to {option.high}"
        )
    return str(int(value))
