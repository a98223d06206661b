"""One job of a file with what it inherits, and what became of each of its options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from iomodels.base.errors import JobFileError
from iomodels.fio import values
from iomodels.fio.options.option import Becoming, FioOption
from iomodels.fio.options.table import BY_ANY_NAME, MAY_BE_BARE, OPTIONS
from iomodels.fio.reading import JobLine, JobSection

_T = TypeVar("_T")

NO_VALUE = "has no value: write option=value"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Fate:
    """What became of one option in one job. `place` is where it stands, `line` the line's number;
    one that the job does not have, and that is refused as it is by default, has the job's line.

    `instead`: what is written in place of what is refused; empty where nothing can be.
    """

    option: str
    line: int
    place: str
    becomes: Becoming
    text: str
    instead: str = ""
    by_default: bool = False


class Job:
    """The options of a job, with the types that they have, and the fates that they get.

    What stands later goes before what stands earlier: fio's rule. Every method that reads a value
    raises `JobFileError` where it is none of this type.
    """

    def __init__(self, section: JobSection, lines: Sequence[JobLine], where: str) -> None:
        self.name = section.name
        self.line = section.line
        self._where = where
        self._lines: dict[str, JobLine] = {}
        self._fates: dict[str, Fate] = {}
        self._replaced: list[Fate] = []
        for line in lines:
            option = self._known(line)
            if earlier := self._lines.pop(option.name, None):
                text = f"{line.place} replaces it"
                self._replaced.append(_fate(earlier, "harmless", text))
            self._lines[option.name] = line
            if line.value is None and option.name not in MAY_BE_BARE:
                raise self.wrong(option.name, NO_VALUE)
        self.kilo = self.choice("kb_base", "1024", (1024, 1000))
        self.engine = self.text("ioengine", "psync").partition(":")[0]
        self._refuse_others_options()

    # -------------------------------------------------------------- reading

    def has(self, option: str) -> bool:
        """Whether the job or what it inherits has it."""
        return option in self._lines

    def given(self) -> Iterator[FioOption]:
        """Every option that the job has, once."""
        return (OPTIONS[name] for name in self._lines)

    def last_of(self, *options: str) -> str | None:
        """Of those that the job has, the one that stands last."""
        return next((name for name in reversed(self._lines) if name in options), None)

    def is_neutral(self, option: FioOption) -> bool:
        """Whether the job asks for nothing with it."""
        return self._lines[option.name].value in option.neutral

    def text(self, option: str, default: str = "") -> str:
        """The value, with its variables replaced."""
        return self.read(option, default, str)

    def number(self, option: str, default: int, *, low: int = 0, high: int = values.MOST) -> int:
        """A whole number."""
        return self.read(option, default, lambda t: values.parse_int(t, self.kilo, low, high))

    def flag(self, option: str, *, default: bool = False) -> bool:
        """On or off; an option without a value is on."""
        line = self._lines.get(option)
        if line is not None and line.value is None:
            return True
        return self.read(option, default, values.parse_bool)

    def time_us(self, option: str, unit: str = "s") -> int:
        """A time in microseconds, by default 0."""
        return self.read(option, 0, lambda t: values.parse_time_us(t, unit))

    def choice(self, option: str, default: str, numbers: tuple[int, ...]) -> int:
        """One of a few numbers."""
        found = self.number_of(self.text(option, default), option)
        if found not in numbers:
            raise self.wrong(option, f"must be {' or '.join(map(str, numbers))}")
        return found

    def number_of(self, text: str, option: str) -> int:
        """A part of an option's value as a number."""
        try:
            return values.parse_int(text)
        except JobFileError as error:
            raise self.wrong(option, str(error)) from None

    def read(self, option: str, default: _T, parse: Callable[[str], _T]) -> _T:
        """The value as `parse` has it, with the place in its errors."""
        line = self._lines.get(option)
        if line is None:
            return default
        if not line.value:
            raise self.wrong(option, NO_VALUE)
        try:
            return parse(values.expanded(line.value))
        except JobFileError as error:
            raise self.wrong(option, str(error)) from None

    def wrong(self, option: str, what: str) -> JobFileError:
        """The error for a value."""
        line = self._lines[option]
        return JobFileError(f"{self._where}: {line.place}: {line.option} {what}")

    # -------------------------------------------------------------- fates

    def translated(self, option: str, text: str) -> None:
        """It is said by these keys."""
        self._put(option, "translated", text)

    def harmless(self, option: str, text: str) -> None:
        """It changes nothing."""
        self._put(option, "harmless", text)

    def refused(self, option: str, text: str, instead: str = "") -> None:
        """It changes what is measured. Also for what is so by default."""
        self._put(option, "refused", text, instead)

    def _put(self, option: str, becomes: Becoming, text: str, instead: str = "") -> None:
        assert option not in self._fates, f"{option} has two fates"
        if line := self._lines.get(option):
            self._fates[option] = _fate(line, becomes, text, instead)
        elif becomes == "refused":
            place = "by default"
            self._fates[option] = Fate(option, self.line, place, becomes, text, instead, True)

    def as_given(self) -> tuple[tuple[str, str], ...]:
        """The options that were translated, with their values as fio reads them."""
        return tuple(
            (name, values.expanded(line.value) if line.value else "1")
            for name, line in self._lines.items()
            if name in self._fates and self._fates[name].becomes == "translated"
        )

    def has_fate(self, option: str) -> bool:
        """Whether something has become of it."""
        return option in self._fates

    def fates(self) -> tuple[Fate, ...]:
        """Of every line, in their order; those by default come last."""
        missing = [name for name in self._lines if name not in self._fates]
        assert not missing, f"dropped in silence: {missing}"
        found = [*self._replaced, *self._fates.values()]
        return tuple(sorted(found, key=lambda fate: (fate.by_default, fate.line, fate.place)))

    # -------------------------------------------------------------- names

    def _known(self, line: JobLine) -> FioOption:
        if option := BY_ANY_NAME.get(line.option):
            return option
        shown = f"option {line.option}" if _NAME.fullmatch(line.option) else "such option"
        close = difflib.get_close_matches(line.option[:40], BY_ANY_NAME, n=1)
        hint = f" (did you mean {close[0]}?)" if close else " (`fio --cmdhelp=all` lists all)"
        raise JobFileError(f"{self._where}: {line.place}: fio has no {shown}{hint}")

    def _refuse_others_options(self) -> None:
        for option in self.given():
            if option.engines and self.engine not in option.engines:
                raise self.wrong(
                    option.name,
                    f"is an option of other engines: ioengine={' or '.join(option.engines)}",
                )


def _fate(line: JobLine, becomes: Becoming, text: str, instead: str = "") -> Fate:
    return Fate(line.option, line.line, line.place, becomes, text, instead)
