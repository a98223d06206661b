"""What is said of an engine, in words: those of the core as they describe themselves
(`core/engine.h`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT = ("blocking", "nonblocking", "select", "aio")
"""The article's four models: what a scenario runs unless it, or the user, names others."""


@dataclass(frozen=True)
class FreeText:
    """What an option takes that is neither a choice nor a number.

    `pattern` is what all of it must match, and `wanted` says so; `placeholder` stands for it where
    people read how to write it, `usual` where it is not given.
    """

    placeholder: str
    pattern: str
    usual: str
    wanted: str


@dataclass(frozen=True)
class Option:
    """One engine option. Without `choices` and `text`: a whole number from `low` to `high`.

    `only` holds the values of another option with which this one means anything, best-known first.
    `place` is its place in the engine's table, by which the core knows it.
    """

    name: str
    meaning: str
    default: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    only: tuple[str, tuple[str, ...]] | None = None
    place: int = 0
    untried: tuple[str, ...] = ()
    """Choices that `advise` does not try."""
    text: FreeText | None = None

    @property
    def is_number(self) -> bool:
        """Whether it takes a whole number."""
        return not self.choices and self.text is None

    @property
    def allowed(self) -> str:
        """What it takes: `suspend|poll`, `0 to 1024`, `PATH`."""
        if self.text is not None:
            return self.text.placeholder
        return "|".join(self.choices) or f"{self.low} to {self.high}"

    @property
    def usual(self) -> str:
        """The default, in words."""
        return self.default if self.text is None else self.text.usual

    def applies(self, options: Mapping[str, str]) -> bool:
        """Whether it means anything besides these values (defaults included)."""
        return self.only is None or options[self.only[0]] in self.only[1]

    def number(self, value: str) -> int:
        """The value as the core knows it. `ValueError` for one that the option cannot have."""
        return self.choices.index(value) if self.choices else int(value)

    @property
    def setting(self) -> str:
        """The core's name for it."""
        return f"option{self.place}"

    @property
    def how_written(self) -> str:
        """`notify=suspend|poll`, or `threads=0 to 1024`."""
        return f"{self.name}={self.allowed}"

    def written(self, value: str) -> str:
        """As a user writes it, with what it needs: `notify=list,mode=nowait`."""
        needs = f"{self.only[0]}={self.only[1][0]}," if self.only else ""
        return f"{needs}{self.name}={value}"


@dataclass(frozen=True)
class Descriptor:
    """An engine in words. `synchronous` and `blocking` place it in the article's Figure 1.

    `other_side` answers the application, `figure` is the article's of its flow (0: none),
    `complexity` the place of its level in the order of simplicity (`complexity.LEVELS`), and
    `instead` names the engine for what this one cannot do.
    """

    name: str
    title: str
    calls: str
    summary: str
    other_side: str
    synchronous: bool
    blocking: bool
    options: tuple[Option, ...]
    in_matrix: bool
    figure: int
    complexity: int
    instead: str | None


def options_of(table: Sequence[Mapping[str, Any]]) -> tuple[Option, ...]:
    """The options of a core's table (`_core.engines`), which may be that of another version."""
    return tuple(_option(table, place) for place in range(len(table)))


def _option(table: Sequence[Mapping[str, Any]], place: int) -> Option:
    told = table[place]
    choices = tuple(told["choices"])
    return Option(
        name=told["name"],
        meaning=told["meaning"],
        default=choices[told["default"]] if choices else str(told["default"]),
        choices=choices,
        low=told["low"],
        high=told["high"],
        only=_needs(table, told),
        place=place,
        # A core of another version may not say it.
        untried=tuple(v for n, v in enumerate(choices) if told.get("untried_values", 0) >> n & 1),
    )


def _needs(
    table: Sequence[Mapping[str, Any]], told: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]] | None:
    bits = told["needs_values"]
    if not bits:
        return None
    other = table[told["needs_option"]]
    values = tuple(value for n, value in enumerate(other["choices"]) if bits >> n & 1)
    return other["name"], values


def core_descriptor(name: str, told: Mapping[str, Any]) -> Descriptor:
    """An engine in the words of the core's table."""
    return Descriptor(name=name, **{**told, "options": options_of(told["options"])})
