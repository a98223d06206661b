"""Durations, sizes and rates: reading them as people write them, and showing them to people.

Inside the program a duration is a whole number of nanoseconds, a size a whole number of bytes, and
a rate a number per second; units exist only in text. Sizes count in powers of 1024 and say so (KiB,
MiB, …: IEC 80000-13).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iomodels.base.errors import ScenarioError


class Duration(int):
    """A whole number of nanoseconds."""


class Size(int):
    """A whole number of bytes."""


MAX_DURATION = Duration(3_600_000_000_000)
"""One hour: as far as the latency histogram reaches."""
MAX_SIZE = Size(1 << 40)
"""One TiB."""
DURATION_UNITS = "ns, us, ms, s, min"
SIZE_UNITS = "B, KiB, MiB, GiB, TiB"
RATE_UNITS = "/s, k/s, M/s"


@dataclass(frozen=True)
class _Quantity:
    """How one kind of quantity is written. `meant` maps common wrong units to the right ones."""

    name: str
    units: Mapping[str, int]
    listed: str
    example: str
    most: int
    most_text: str
    meant: Mapping[str, str]


_DURATION = _Quantity(
    name="duration",
    units={
        "ns": 1,
        "us": 1_000,
        "µs": 1_000,  # U+00B5, the micro sign of keyboards
        "μs": 1_000,  # U+03BC, the Greek letter that Unicode normalisation makes of it
        "ms": 1_000_000,
        "s": 1_000_000_000,
        "min": 60_000_000_000,
    },
    listed=DURATION_UNITS,
    example="100 us",
    most=MAX_DURATION,
    most_text="60 min",
    meant={"m": "min", "sec": "s", "msec": "ms", "usec": "us", "nsec": "ns", "u": "us"},
)
_SIZE = _Quantity(
    name="size",
    units={"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40},
    listed=SIZE_UNITS,
    example="4 KiB",
    most=MAX_SIZE,
    most_text="1 TiB",
    meant={
        "b": "B",
        **{wrong: f"{wrong[0].upper()}iB" for p in "kmgt" for wrong in (p, p + "b", p + "ib")},
    },
)

# Lengths are bounded, so that no text becomes a number that takes long to compute with.
_WRITTEN = re.compile(r"([0-9]{1,24})(?:\.([0-9]{1,24}))?\s*([^\s0-9.]{0,12})")


def parse_duration_ns(text: str) -> Duration:
    """Read `100 us`, `1.5 s`, `0.5 µs`: a decimal number and one of ns, us (µs), ms, s, min.

    Raises `ScenarioError` for anything else: no unit, a sign, a part of a nanosecond, over an hour.
    """
    return Duration(_parse(text, _DURATION))


def parse_size_bytes(text: str) -> Size:
    """Read `64 MiB`, `4 KiB`, `512 B`: a decimal number and one of B, KiB, MiB, GiB, TiB.

    Raises `ScenarioError` for anything else: no unit, `4k`, a sign, a part of a byte, over one TiB.
    """
    return Size(_parse(text, _SIZE))


_RATE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kM]?)(?:/s)?")
_RATE_FACTORS = {"": 1, "k": 10**3, "M": 10**6}


def parse_rate(text: str) -> float:
    """Read `1000/s`, `20k/s`, `1.5 M/s`, and the same without `/s`: how many per second.

    Raises `ScenarioError` for anything else.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        shown = repr(text if len(text) <= 40 else text[:40] + "…")
        raise ScenarioError(f"{shown} is not a rate: write for example '20k/s' ({RATE_UNITS})")
    return float(match[1]) * _RATE_FACTORS[match[2]]


def _parse(text: str, quantity: _Quantity) -> int:
    shown = repr(text if len(text) <= 40 else text[:40] + "…")
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ScenarioError(
            f"{shown} is not a {quantity.name}: write a number and a unit, such as "
            f"'{quantity.example}' ({quantity.listed})"
        )
    whole, fraction, unit = match[1], match[2] or "", match[3]
    if unit not in quantity.units:
        raise ScenarioError(f"{shown} {_unit_complaint(text.strip(), unit, quantity)}")
    value, rest = _scaled(whole, fraction, factor=quantity.units[unit])
    if rest:
        smallest = next(iter(quantity.units))
        raise ScenarioError(f"{shown} is not a whole number of {smallest}: round it")
    if value > quantity.most:
        raise ScenarioError(
            f"{shown} is too large: a {quantity.name} is at most {quantity.most_text}"
        )
    return value


def _scaled(whole: str, fraction: str = "", *, factor: int) -> tuple[int, int]:
    """`whole.fraction` × factor, rounded down, and whether a rest was lost (0: none).

    In integers: a binary float would be inexact, and a decimal is rounded to 28 digits.
    """
    denominator: int = 10 ** len(fraction)
    return divmod(int(whole + fraction) * factor, denominator)


def _unit_complaint(text: str, unit: str, quantity: _Quantity) -> str:
    if not unit:
        return f"has no unit: write for example '{quantity.example}' ({quantity.listed})"
    right = quantity.meant.get(unit.casefold())
    lowered = {known.casefold(): known for known in quantity.units}
    right = right or lowered.get(unit.casefold())
    number = text.removesuffix(unit).rstrip()
    hint = f" (did you mean '{number} {right}'?)" if right else ""
    return f"has an unknown unit '{unit}'{hint}: a {quantity.name} is in {quantity.listed}"


_DURATION_STEPS = [("ns", 1), ("µs", 10**3), ("ms", 10**6), ("s", 10**9), ("min", 60 * 10**9)]
_SIZE_STEPS = list(_SIZE.units.items())
_COUNT_STEPS = [("", 1), ("k", 10**3), ("M", 10**6), ("G", 10**9)]


def format_duration(ns: float) -> str:
    """Show nanoseconds to three significant digits: `100 µs`, `1.23 ms`, `1.5 min`."""
    return _format(ns, _DURATION_STEPS, " ")


def format_size(size_bytes: float) -> str:
    """Show bytes to three significant digits, in powers of 1024: `4 KiB`, `1.5 MiB`."""
    return _format(size_bytes, _SIZE_STEPS, " ")


def format_count(count: float) -> str:
    """Show a plain number to three significant digits: `12`, `8.12k`, `1.5M` (SI prefixes)."""
    return _format(count, _COUNT_STEPS, "")


def format_per_operation(value: float) -> str:
    """Show calls or the like per operation: `1.02`, `348`."""
    return f"{value:.2f}" if value < 9.995 else format_count(value)


def counted(count: float, noun: str) -> str:
    """`1 round`, `3 rounds`."""
    return f"{count if isinstance(count, int) else f'{count:g}'} {noun}{'s' * (count != 1)}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def from_to(low: str, high: str) -> str:
    """`1.09 – 1.31 ms`: the unit once, where both have the same."""
    number, space, unit = low.rpartition(" ")
    return f"{number if space and high.endswith(space + unit) else low} – {high}"


def exact_duration(ns: int) -> str:
    """Show nanoseconds with no digit lost: in ns where three digits would not do."""
    return _format_exactly(ns, _DURATION_STEPS)


def exact_size(size_bytes: int) -> str:
    """Show bytes with no digit lost: in B where three digits would not do."""
    return _format_exactly(size_bytes, _SIZE_STEPS)


def _format(value: float, steps: Sequence[tuple[str, int]], gap: str) -> str:
    if not math.isfinite(value):
        return f"{value}{gap}{steps[0][0]}"
    number, unit, _ = _three_digits(value, steps)
    return f"{number}{gap}{unit}"


def _format_exactly(value: int, steps: Sequence[tuple[str, int]]) -> str:
    number, unit, factor = _three_digits(value, steps)
    if _scaled(*number.split("."), factor=factor) == (value, 0):
        return f"{number} {unit}"
    return f"{int(value)} {steps[0][0]}"


def _three_digits(value: float, steps: Sequence[tuple[str, int]]) -> tuple[str, str, int]:
    """The rounded number, the unit that suits it, and that unit's factor."""
    for (unit, factor), (_, next_factor) in itertools.pairwise(steps):
        rounded = _rounded(value / factor)
        # Rounded too, or 999 999 ns would be shown as 1000 µs.
        if max(abs(rounded) * factor, abs(value)) < next_factor:
            return _plain(rounded), unit, factor
    unit, factor = steps[-1]
    return _plain(_rounded(value / factor)), unit, factor


def _rounded(value: float) -> float:
    return float(f"{value:.2e}")


def _plain(value: float) -> str:
    """`value` without an exponent and without zeros after the point."""
    return f"{value:.12f}".rstrip("0").rstrip(".")


def capital(text: str) -> str:
    """The text with a capital first; the rest, which can hold names, as it is."""
    return text[:1].upper() + text[1:]
