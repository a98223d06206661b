"""How much strace slowed the program down: estimated from its calls, or measured without it."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 0.95
"""A larger part of the time than this is not believed: calls of several threads wait together."""
HARDLY = 1.05
"""Times as long: less is within what one run of a program differs from the next."""


@dataclass(frozen=True)
class Slowing:
    """Each of `calls` took `call_s` longer. `ratio`: how many times as long the program took."""

    calls: int
    call_s: float
    ratio: float
    is_measured: bool = False


def estimated(calls: int, call_s: float, watched_s: float) -> Slowing:
    """From what a traced call costs on this machine."""
    if watched_s <= 0:
        return Slowing(calls, call_s, 1.0)
    share = min(calls * call_s / watched_s, MOST)
    return Slowing(calls, call_s, 1 / (1 - share))


def measured(calls: int, call_s: float, watched_s: float, plain_s: float) -> Slowing:
    """From a run without strace."""
    return Slowing(calls, call_s, watched_s / plain_s, is_measured=True)


def in_words(slowing: Slowing) -> str:
    """One sentence, without its full stop."""
    each = f"each of {slowing.calls} calls took about {slowing.call_s * 1e6:.0f} µs longer"
    if slowing.is_measured:
        return (
            f"{each}, and the command {slowing.ratio:.2g} times as long as without (measured)"
            if slowing.ratio >= HARDLY
            else f"{each}, and the command about as long as without (measured)"
        )
    if slowing.ratio > 1 / (1 - MOST) - 0.01:
        return f"{each}: it was slowed down many times over, so times and rates say little"
    if slowing.ratio < HARDLY:
        return f"{each}, hardly anything of the time"
    return f"{each}, so that it took about {slowing.ratio:.2g} times as long"
