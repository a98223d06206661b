"""The limits that a user gives (`--limit p99=1ms`): their names, and the quantities they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from iomodels.advice.document import GivenLimit
from iomodels.analysis.quantities import named
from iomodels.base.errors import ScenarioError, UsageError
from iomodels.base.toml import did_you_mean, printable
from iomodels.base.units import parse_duration_ns, parse_size_bytes


@dataclass(frozen=True)
class LimitKey:
    """What can be limited: the `quantity`, and how its value is read from text."""

    quantity: str
    read: Callable[[str], float]
    example: str


def _cpus(text: str) -> float:
    """`1` or `50%`, of a CPU."""
    digits = text.removesuffix("%").strip()
    if not digits.isascii() or len(digits) > 20:
        raise ScenarioError(f"'{printable(text)}' is no number of CPUs")
    try:
        value = float(digits)
    except ValueError:
        raise ScenarioError(f"'{printable(text)}' is no number of CPUs") from None
    return value / 100 if text.endswith("%") else value


LIMITS: Mapping[str, LimitKey] = {
    "cpu": LimitKey("cpu_share", _cpus, "cpu=1 (CPUs kept busy)"),
    "p50": LimitKey("latency_ns.p50", parse_duration_ns, "p50=200us"),
    "p99": LimitKey("latency_ns.p99", parse_duration_ns, "p99=1ms"),
    "memory": LimitKey("memory_bytes", parse_size_bytes, "memory=8MiB"),
}


def parse(given: Sequence[str]) -> tuple[GivenLimit, ...]:
    """Read `--limit`. Raises `UsageError` for an unknown name, a wrong value, and a limit given
    twice."""
    found: dict[str, GivenLimit] = {}
    for text in given:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in LIMITS:
            known = ", ".join(LIMITS)
            raise UsageError(
                f"--limit '{printable(text)}': there is no limit of that name"
                f"{did_you_mean(name, list(LIMITS))}: use {known}"
            )
        if name in found:
            raise UsageError(f"--limit gives '{name}' twice: leave one out")
        found[name] = GivenLimit(LIMITS[name].quantity, _value(name, value, text))
    return tuple(found.values())


def _value(name: str, value: str, text: str) -> float:
    key = LIMITS[name]
    try:
        number = float(key.read(value))
    except ScenarioError as error:
        raise UsageError(f"--limit '{printable(text)}': {error}: write {key.example}") from None
    if not 0 < number < 2**63:
        raise UsageError(f"--limit '{printable(text)}': it must be above 0: write {key.example}")
    return number


def in_words(limit: GivenLimit) -> str:
    """`latency p99 at most 1 ms`."""
    quantity = named(limit.quantity)
    return f"{quantity.title} at most {quantity.unit.show(limit.value)}"
