"""The sizes of requests that were seen, as the block of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import gcd

from iomodels.base.units import Size
from iomodels.observe.counting.sizes import by_powers_of_two, mean
from iomodels.observe.seen import BlockShare
from iomodels.workload.block import Block, block_of_counts
from iomodels.workload.key import all_keys

SECTOR = 512
ONE_SIZE = 0.98
"""From this share on, one size is said to be the only one."""
MAX_SIZES = 12
"""Of a distribution: `load.block` has room for 16, but nobody reads more of them."""


def block_seen(blocks: Iterable[BlockShare], multiple: int, note: Callable[[str], None]) -> Block:
    """The sizes asked for, each a `multiple` of so many bytes. `note` is told what is otherwise."""
    counts: dict[int, int] = {}
    most = int(all_keys()["load.block"].high or 1)
    moved = 0.0
    for each in blocks:
        size = min(max(-(-each.block_bytes // multiple) * multiple, multiple), most)
        counts[size] = counts.get(size, 0) + round(each.share * 1e6)
        moved += each.share if size != each.block_bytes else 0.0
    if moved:
        share = f"{moved * 100:.0f} %"
        note(
            f"{share} of the sizes are rounded up to a multiple of {multiple} B, as writes and "
            "direct I/O need it"
            if multiple > 1
            else f"{share} of the sizes are beyond the limits of load.block, and are the limit"
        )
    total = sum(counts.values())
    hottest = max(counts, key=lambda size: counts[size], default=4096)
    if not total or counts[hottest] >= ONE_SIZE * total:
        return Block((Size(hottest),))
    return block_of_counts(_grouped(counts, multiple, note))


def _grouped(
    counts: Mapping[int, int], multiple: int, note: Callable[[str], None]
) -> Mapping[int, int]:
    """At most `MAX_SIZES` sizes: where there are more, those between two powers of two are one, of
    their mean."""
    if len(counts) <= MAX_SIZES:
        return counts
    groups = by_powers_of_two(counts)
    while len(groups) > MAX_SIZES:
        smallest = {size: groups.pop(size) for size in sorted(groups)[:2]}
        groups[round(mean(smallest))] = sum(smallest.values())
    multiple = max(multiple, gcd(SECTOR, *counts))  # programs whose blocks are aligned keep that
    grouped: dict[int, int] = {}
    for size, count in groups.items():
        rounded = max(1, round(size / multiple)) * multiple
        grouped[rounded] = grouped.get(rounded, 0) + count
    note(
        f"there were more than {MAX_SIZES} sizes; those between two powers of two are one here, "
        "their mean"
    )
    return grouped
