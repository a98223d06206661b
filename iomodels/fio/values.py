"""Values as fio writes them: sizes, times, lists for reads and writes, ranges, shares.

No error repeats a value: it could be a path.
"""

from __future__ import annotations

import ast
import operator
import os
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from iomodels.base.errors import JobFileError
from iomodels.base.system import memory_bytes

MOST = 1 << 62
"""The largest number that is read."""

# Stricter than fio, which takes `1.5k` for 1, `4 k` and `4x` for 4, `10sec` for 10 us.
_NUMBER = re.compile(r"(?i)(0x[0-9a-f]{1,16}|[0-9]{1,19})([a-z]{0,4})")
_TIMES_US = {
    **dict.fromkeys(("us", "usec"), 1),
    **dict.fromkeys(("ms", "msec"), 1_000),
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}


def wrong(expected: str) -> JobFileError:
    """The error for a value that should have been `expected`; the caller says which and where."""
    return JobFileError(f"must be {expected}")


def parse_int(text: str, kilo: int = 1024, low: int = 0, high: int = MOST) -> int:
    """A whole number, also as `0x10`, with `k`, `m`, `g`, `t` or `p` (powers of `kilo`), or with
    `kib` … (powers of the other base). Raises `JobFileError`."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise wrong("a whole number such as 16, or 4k with the unit right behind it")
    value = _number(match[1]) * _factor(match[2].lower(), kilo)
    if value > MOST:
        raise wrong("a smaller number")
    if not low <= value <= high:
        raise wrong(f"from {low} to {high}" if high < MOST else f"{low} or more")
    return value


def _number(text: str) -> int:
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def _factor(suffix: str, kilo: int) -> int:
    unit = suffix.removesuffix("b")
    power = "kmgtp".find(unit[:1]) + 1 if unit else 0
    if unit and (power == 0 or unit[1:] not in ("", "i")):
        raise wrong("a number with one of the units k, m, g, t or p")
    # With kb_base=1024, fio takes `kib` for 1000, against the standard, and `ki` as `k`.
    base = {1024: 1000, 1000: 1024}[kilo] if suffix.endswith("ib") else kilo
    factor: int = base**power
    return factor


def parse_bool(text: str | None) -> bool:
    """`0` or `1`, for what may stand without a value, too. Raises `JobFileError`."""
    return True if text is None else parse_int(text, high=1) == 1


def parse_time_us(text: str, unit: str = "s") -> int:
    """A time, in microseconds: `10`, `10s`, `5m`, `100ms`, `20us`; `unit` is what a bare number is
    in. Raises `JobFileError`."""
    match = _NUMBER.fullmatch(text.strip())
    factor = _TIMES_US.get((match[2].lower() if match else "") or unit)
    if match is None or factor is None:
        raise wrong("a time such as 10s, 500ms or 20us")
    return _number(match[1]) * factor


def per_direction(text: str, index: int, separators: str = ",:-") -> str:
    """Of `reads,writes,trims`, the part for reads (0) or writes (1). What is left out at the end
    is as the one before; empty means that nothing is said of it.

    fio separates at the first of `separators` that it finds at all.
    """
    used = next((each for each in separators if each in text), ",")
    parts = [part.strip() for part in text.split(used)]
    return parts[min(index, len(parts) - 1)]


def parse_range(text: str, kilo: int) -> tuple[int, int]:
    """`4k-64k`, or with a colon; the larger one may come first. Raises `JobFileError`."""
    match = re.fullmatch(r"([^-:]+)[-:]([^-:]+)", text.strip())
    if match is None:
        raise wrong("a range such as 4k-64k")
    low, high = sorted(parse_int(part, kilo, low=1) for part in match.groups())
    return low, high


def parse_split(text: str, kilo: int) -> dict[int, Fraction]:
    """`4k/70:64k/30` as the percentage of each size; sizes without one share what is left.

    Raises `JobFileError`.
    """
    shares: dict[int, Fraction] = {}
    open_ones: list[int] = []
    for part in text.split(":"):
        size_text, _, share_text = part.strip().partition("/")
        size = parse_int(size_text, kilo, low=1)
        if share_text.strip():
            shares[size] = shares.get(size, Fraction(0)) + parse_int(share_text, high=100)
        else:
            open_ones.append(size)
    left = 100 - sum(shares.values(), Fraction(0))
    if left < 0:
        raise wrong("sizes with percentages of 100 together, such as 4k/70:64k/30")
    for size in open_ones:
        shares[size] = shares.get(size, Fraction(0)) + left / len(open_ones)
    if not open_ones and left:
        raise wrong("sizes with percentages of 100 together, such as 4k/70:64k/30")
    return {size: share for size, share in sorted(shares.items()) if share}


# ------------------------------------------------------------------ variables and sums

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_OPERATORS: Mapping[type[ast.AST], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def expanded(text: str, environment: Mapping[str, str] | None = None) -> str:
    """`text` with `${NAME}` from the environment, and `$ncpus`, `$pagesize` and `$mb_memory` of
    this machine, and sums of them computed, as fio does it. Raises `JobFileError`."""
    if "$" not in text:
        return text
    known = os.environ if environment is None else environment

    def of_environment(match: re.Match[str]) -> str:
        if value := known.get(match[1], ""):
            return value
        raise JobFileError("takes a variable of the environment that is not set: set it as for fio")

    text = _VARIABLE.sub(of_environment, text)
    keywords = {
        "$ncpus": os.sysconf("SC_NPROCESSORS_ONLN"),
        "$pagesize": os.sysconf("SC_PAGE_SIZE"),
        "$mb_memory": memory_bytes() >> 20,
    }
    has_keyword = False
    for keyword, number in keywords.items():
        has_keyword |= keyword in text
        text = text.replace(keyword, str(number))
    return _computed(text) if has_keyword and re.search(r"[-+*/]", text) else text


def _computed(text: str) -> str:
    if len(text) > 200 or re.search(r"\*\*|[0-9]{20}", text):
        raise wrong("a sum of a few numbers")
    try:
        return str(int(_value(ast.parse(text.strip(), mode="eval").body)))
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        raise wrong("a sum of numbers, such as 2*$ncpus") from None


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a sum")
