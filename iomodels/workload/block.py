"""The size of a request: one size, or several of which each has a share of the requests.

Several are written as fio writes its `bssplit`: `4 KiB/70:64 KiB/30`, sizes and percent. In files,
settings, sweeps and results such a distribution is one value, its canonical text: the sizes
ascending and exact, the shares with two decimals at most and 100 together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from iomodels.base.errors import ScenarioError
from iomodels.base.units import Size, exact_size, parse_size_bytes

MAX_SIZES = 16
"""Of one distribution: the core draws from a table of as many places."""
WHOLE = 10_000
"""All shares together: a share is a number of hundredths of a percent."""
EXAMPLE = "4 KiB/70:64 KiB/30"

_SHARE = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_BYTES = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Block:
    """The sizes of requests in bytes, ascending, and each one's share; `shares` sum to `WHOLE`."""

    sizes: tuple[Size, ...]
    shares: tuple[int, ...] = (WHOLE,)

    @property
    def is_fixed(self) -> bool:
        """Whether all requests have one size."""
        return len(self.sizes) == 1

    @property
    def smallest(self) -> Size:
        """The smallest size."""
        return self.sizes[0]

    @property
    def largest(self) -> Size:
        """The largest size: what a buffer has to hold."""
        return self.sizes[-1]

    @property
    def mean(self) -> float:
        """Bytes per request, on average."""
        total = sum(size * share for size, share in zip(self.sizes, self.shares, strict=True))
        return total / WHOLE

    @property
    def granule(self) -> Size:
        """The largest number of bytes that each size is a multiple of."""
        return Size(gcd(*self.sizes))

    @property
    def value(self) -> Size | str:
        """What the key `load.block` holds: a size, or the canonical text of several."""
        return self.largest if self.is_fixed else str(self)

    def __str__(self) -> str:
        if self.is_fixed:
            return exact_size(self.largest)
        parts = zip(self.sizes, self.shares, strict=True)
        return ":".join(f"{exact_size(size)}/{share / 100:g}" for size, share in parts)


def block_of(value: object) -> Block:
    """The block that `Block.value` came from. Raises `ScenarioError`."""
    return read_block(value) if isinstance(value, str) else Block((Size(value),))  # type: ignore[call-overload]


def block_of_counts(counts: Mapping[int, int]) -> Block:
    """The sizes that were seen so many times each: the `MAX_SIZES` most frequent ones, without
    those of less than 0.01 %. At least one count must be above 0."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_SIZES]
    total = sum(count for _, count in most)
    return _block({size: Fraction(n) for size, n in most if n * WHOLE >= total and n > 0})


def read_block(text: str) -> Block:
    """Read `4 KiB/70:64 KiB/30`. Shares that do not sum to 100 are scaled, as counts would be; a
    size without a unit is in bytes.

    Raises `ScenarioError` for anything else: no share, one of 0 or below 0.01 %, a size that
    comes twice, more than `MAX_SIZES`.
    """
    parts = text.split(":")
    if len(parts) > MAX_SIZES:
        raise ScenarioError(f"it has {len(parts)} sizes: give at most {MAX_SIZES}")
    weights: dict[int, Fraction] = {}
    for part in parts:
        size, weight = _read_part(part)
        if size in weights:
            raise ScenarioError(f"it has {exact_size(size)} twice: give each size once")
        weights[size] = weight
    total = sum(weights.values())
    for size, weight in weights.items():
        if weight * WHOLE < total or not weight:
            raise ScenarioError(
                f"the share of {exact_size(size)} is below 0.01 %: leave that size out"
            )
    return _block(weights)


def _read_part(part: str) -> tuple[int, Fraction]:
    size_text, slash, share_text = (piece.strip() for piece in part.partition("/"))
    if not slash or not _SHARE.fullmatch(share_text):
        shown = repr(part if len(part) <= 40 else part[:40] + "…")
        raise ScenarioError(
            f"{shown} is not a size with its share: write for example '{EXAMPLE}' (in percent)"
        )
    is_plain = _BYTES.fullmatch(size_text)
    size = int(size_text) if is_plain else parse_size_bytes(size_text)
    return size, Fraction(share_text)


def _block(weights: Mapping[int, Fraction]) -> Block:
    """Each share rounded down, and what is missing to the whole given to the largest rests."""
    sizes = sorted(weights)
    total = sum(weights.values())
    exact = [weights[size] * WHOLE / total for size in sizes]
    shares = [int(share) for share in exact]
    for place in _largest_rests(exact)[: WHOLE - sum(shares)]:
        shares[place] += 1
    return Block(tuple(map(Size, sizes)), tuple(shares))


def _largest_rests(exact: Iterable[Fraction]) -> list[int]:
    rests = [share - int(share) for share in exact]
    return sorted(range(len(rests)), key=lambda place: -rests[place])
