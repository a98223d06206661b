"""The answer of `advise` as data: the document that `--json` writes, and what all show it from."""

from __future__ import annotations

from typing import Literal

import msgspec

from iomodels.results.schema import Interval, Notice, Parameter, Tool

SCHEMA = "iomodels.advice/1"

Goal = Literal["throughput", "latency", "cpu"]


class GivenLimit(msgspec.Struct, frozen=True):
    """A condition on a quantity: its value must not be beyond `value` (in the quantity's unit)."""

    quantity: str
    value: float


class Candidate(msgspec.Struct, frozen=True):
    """One engine with its options, and how far it came. `rounds` is 0 where it was not measured
    (`reason` says why). `values` are over its confirming rounds, or over those of choosing if it
    was left behind, by key of the quantity."""

    engine: str
    complexity: int
    """Its place in the order of simplicity: lower is simpler."""
    rounds: int
    left_after: int | None
    """The stage in which it was left behind; None: it stayed to the end, or was not measured."""
    values: dict[str, Interval]
    reason: str | None = None
    beyond: tuple[GivenLimit, ...] = ()
    """The limits that it exceeds."""


class Gain(msgspec.Struct, frozen=True):
    """What one engine gains over another in the goal: a ratio, from paired rounds that took no part
    in the choice. It says how many times better the one is in `PointAdvice.quantity`: above 1 is
    better, also of a latency (the other's over the one's). `is_shown` where the interval carries a
    gain."""

    over: str
    ratio: Interval
    rounds: int
    is_shown: bool


class Turning(msgspec.Struct, frozen=True):
    """Where the answer changes: `key` was swept, all else stayed. Between `low` and `high` it
    changes from `below` to `above`. Without a change all four are None."""

    key: str
    values: tuple[int, ...]
    """Those that were measured, in ascending order."""
    best: tuple[str | None, ...]
    """The answer at each value: the simplest engine that nothing is shown to beat there. None where
    nothing was measured."""
    measured: dict[str, tuple[Interval | None, ...]]
    """By engine, the goal's value at each value."""
    low: int | None = None
    high: int | None = None
    below: str | None = None
    above: str | None = None
    reason: str | None = None
    """Why one of the two cannot be used on the other side, where that is what changes."""


class PointAdvice(msgspec.Struct, frozen=True):
    """The answer for one point of one scenario."""

    scenario: str
    title: str
    parameters: dict[str, Parameter]
    label: str
    """What sets the point apart from the others of its scenario: `depth 16`; empty for one."""
    quantity: str
    """The key of what the goal is judged by here: in an open loop `throughput` is latency."""
    use: str | None
    """The engine to use; None where nothing can be told (`why_none` says why, and what helps)."""
    why_none: str | None
    today: str | None
    candidates: tuple[Candidate, ...]
    gain: Gain | None
    """Over `today`, or where that is not known over the simplest candidate."""
    as_good: tuple[str, ...]
    """Within noise of the best, simplest first; `use` is the first of these where it is a tie."""
    turnings: tuple[Turning, ...] = ()
    caveats: tuple[str, ...] = ()
    """What would make it wrong, one sentence each."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    tool: Tool
    created_utc: str
    seed: int
    goal: Goal
    limits: tuple[GivenLimit, ...]
    environment: dict[str, Parameter | None]
    points: tuple[PointAdvice, ...]
    warnings: list[Notice]
    measured_s: float
    full_s: float
    """How long all candidates would have taken over all rounds."""
