"""Axes: linear or logarithmic as the range asks for it, ticks for people, titles with units.

The data keep the units of the result file (ns, operations per second); only tick texts convert.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from iomodels.analysis.cells import in_words
from iomodels.analysis.quantity_definition import Unit
from iomodels.base.units import Duration, Size, format_count, format_duration, format_size
from iomodels.workload.key import all_keys

from .sheet import size_in
from .style import SMALL_PT, safe, wrap

TITLE_BEYOND_IN = 0.4
"""How far a title may reach beyond its axis, at both ends together."""
OWN_UNITS_FROM = 3e4
"""From this ratio on, no unit of time suits all values."""
LOG_FROM = 15.0
"""From this ratio of the largest to the smallest value on, a scale is logarithmic."""
TICKS_APART_IN = {True: 0.4, False: 0.2}
"""How far apart ticks are at least; on a horizontal axis (True) their texts are side by side."""
_SUBS = ((1.0, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
"""Ticks within a decade, from the finest to the coarsest."""
FEWEST_TICKS = 3
"""On a logarithmic scale, where they have room: from two ticks on a reader can tell a distance."""
_UNITS_NS = (("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9))


def wants_log(values: Iterable[float]) -> bool:
    """Whether the range of these values asks for a logarithmic scale; never with a 0 in it."""
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) >= LOG_FROM


def counts(axis: Axis, title: str, values: Sequence[float], *, log: bool | None = None) -> None:
    """An axis of plain numbers, with SI prefixes in its ticks."""
    _scale(axis, values, log)
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    _titled(axis, title)


def durations(axis: Axis, title: str, values: Sequence[float], *, log: bool | None = None) -> None:
    """An axis of nanoseconds; its ticks are in the unit that suits, which the title names.

    Where no unit suits all of them, each tick has its own.
    """
    _scale(axis, values, log)
    finite = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    if axis.get_scale() == "log" and max(finite) / min(finite) >= OWN_UNITS_FROM:
        axis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
        _titled(axis, title)
        return
    typical = math.sqrt(min(finite) * max(finite)) if wants_log(values) else max(finite)
    name, factor = next(((n, f) for n, f in reversed(_UNITS_NS) if typical >= f), _UNITS_NS[0])
    axis.set_major_formatter(FuncFormatter(lambda value, _: grouped_digits(value / factor)))
    _titled(axis, f"{title} ({name})")


def of_unit(
    axis: Axis, title: str, unit: Unit, values: Sequence[float], *, log: bool | None = None
) -> None:
    """An axis of numbers in this unit. Shares always range from none to all."""
    if unit.ends:
        bounded(axis, title, values, unit.ends)
    elif unit.kind == "share":
        shares(axis, title)
    else:
        scale = durations if unit.kind == "duration" else counts
        scale(axis, title, values, log=log)


def bounded(axis: Axis, title: str, values: Sequence[float], ends: tuple[float, float]) -> None:
    """An axis of what can be from `ends[0]` to `ends[1]` only.

    It shows these whole, and what noise measured beyond them up to half as much again: more would
    press together what is being compared.
    """
    _limits(axis, *limits(values, ends))
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _titled(axis, title)


def limits(values: Sequence[float], ends: tuple[float, float]) -> tuple[float, float]:
    """Where such an axis begins and ends."""
    (low, high), span = ends, ends[1] - ends[0]
    finite = [value for value in values if math.isfinite(value)]
    least = max(min([low, *finite]), low - span / 2)
    most = min(max([high, *finite]), high + span / 2)
    return least - 0.08 * span, most + 0.08 * span


def mixed(*of_axes: Sequence[float]) -> str:
    """What to say where some of a picture's axes are logarithmic and others are not; else ""."""
    found = {wants_log(values) for values in of_axes if values}
    return "Axes marked “log” are logarithmic, the others are linear." if len(found) > 1 else ""


def shares(axis: Axis, title: str) -> None:
    """An axis of shares, from none to all, in per cent."""
    _limits(axis, -0.05, 1.05)
    axis.set_major_locator(FixedLocator([0.0, 0.5, 1.0]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    _titled(axis, title)


def _titled(axis: Axis, title: str) -> None:
    """A logarithmic scale is named: between two ticks it is not what a reader expects.

    A title longer than its axis takes two lines, at an upright one without leaving the page.
    """
    text = f"{title}, log" if axis.get_scale() == "log" else title
    room_in = _room_in(axis) + TITLE_BEYOND_IN
    axis.set_label_text("\n".join(wrap(text, SMALL_PT, room_in, 2)))
    if not _is_x(axis) and "\n" in axis.get_label_text():
        axis.label.set_linespacing(1.0)


def grouped_digits(value: float) -> str:
    """`0.05`, `12.5`, `1 000`: no exponent, thousands apart."""
    return f"{float(f'{value:.6g}'):,.10g}".replace(",", "\u2009")


def _scale(axis: Axis, values: Sequence[float], log: bool | None) -> None:
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    if wants_log(values) if log is None else log:
        _logarithmic(axis, min(v for v in finite if v > 0), max(finite))
    else:
        low, high = min(0.0, min(finite)), max(finite)
        span = (high - low) or 1.0
        _limits(axis, low - 0.06 * span if low < 0 else 0.0, high + 0.08 * span)
        most = max(2, min(5, int(_room_in(axis) / TICKS_APART_IN[_is_x(axis)])))
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))


def _logarithmic(axis: Axis, low: float, high: float) -> None:
    decades = math.log10(high / low) if high > low else 0.0
    pad = 10 ** max(0.06 * decades, 0.05)
    _set_log(axis)
    _limits(axis, low / pad, high * pad)
    apart = TICKS_APART_IN[_is_x(axis)] / _room_in(axis)
    axis.set_major_locator(FixedLocator(log_ticks(low / pad, high * pad, apart)))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float, apart: float) -> list[float]:
    """Round numbers from `low` to `high`, at least `apart` (a share of the axis) from each other.

    The finest regular set that has room; where that has too few, as many others as have.
    """
    reach = math.log(high / low)

    def at(tick: float) -> float:
        return math.log(tick / low) / reach

    sets = [_ticks(subs, low, high) for subs in (_SUBS if high < 20 * low else _SUBS[1:])]
    for ticks in sets:
        pairs = itertools.pairwise(ticks)
        if len(ticks) >= FEWEST_TICKS and all(at(b) - at(a) >= apart for a, b in pairs):
            return ticks
    kept: list[float] = []
    finest = sets[0] if at(low * 10) >= apart else sets[-1]
    for tick in finest:
        if not kept or at(tick) - at(kept[-1]) >= apart:
            kept.append(tick)
    return kept


def _ticks(subs: Sequence[float], low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (sub * 10.0**decade for decade in decades for sub in subs)
    return [tick for tick in ticks if low <= tick <= high]


def _room_in(axis: Axis) -> float:
    width, height = size_in(axis.axes)
    return width if _is_x(axis) else height


def _is_x(axis: Axis) -> bool:
    return axis is axis.axes.xaxis


def _set_log(axis: Axis) -> None:
    if _is_x(axis):
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")


def _limits(axis: Axis, low: float, high: float) -> None:
    if _is_x(axis):
        axis.axes.set_xlim(low, high)
    else:
        axis.axes.set_ylim(low, high)


# The parameter that is swept


def swept(axis: Axis, key: str, values: Sequence[float]) -> None:
    """An axis of a swept parameter, with ticks at its values, where they have room.

    Without values it has a title only: a foreign file may have nothing to show there.
    """
    known = all_keys().get(key)
    title = safe(in_words(key) if known else key, 24)
    xs = sorted(set(values))
    if known is not None and known.type is Duration:
        durations(axis, title, xs)
    else:
        counts(axis, title, xs)
        if known is not None and known.type is Size:
            axis.set_major_formatter(FuncFormatter(lambda value, _: format_size(value)))
    if not xs:
        return
    log = axis.get_scale() == "log"
    place = [math.log(x) if log else x for x in xs]
    span = (place[-1] - place[0]) or 1.0
    axis.axes.set_xlim(*_padded(place, span, log))
    axis.set_major_locator(FixedLocator(_apart(xs, place, span)))


def _padded(place: Sequence[float], span: float, log: bool) -> tuple[float, float]:
    low, high = place[0] - 0.06 * span, place[-1] + 0.06 * span
    return (math.exp(low), math.exp(high)) if log else (low, high)


def _apart(xs: Sequence[float], place: Sequence[float], span: float) -> list[float]:
    """Those of the values that are far enough from each other for a label; always the first and the
    last."""
    kept = [len(xs) - 1]
    for index in reversed(range(1, len(xs) - 1)):
        if min(place[kept[-1]] - place[index], place[index] - place[0]) >= 0.14 * span:
            kept.append(index)
    first = [0] if len(xs) > 1 else []
    return [xs[index] for index in (*first, *reversed(kept))]
