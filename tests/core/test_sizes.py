"""Requests of several sizes on real files: which, in which places, and what is then in the file.

The conformance rule `several-sizes` drives every engine on every channel with them.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter

import pytest
from scipy.stats import chisquare

from ..fresh import run_python
from .file_channel import (
    BLOCK,
    BLOCKS,
    COLD,
    DIRECT,
    ENGINES,
    LONG_NS,
    MIXED,
    PAGE,
    RANDOM,
    SECTOR,
    SEQUENTIAL,
    WARM,
    WRITE,
    blocks,
    content,
    data_file,
    depth_of,
    fd,
    need_direct,
    opened,
)

__all__ = ["fd"]  # a fixture

SHARES = {SECTOR: 50, 3 * SECTOR: 7, PAGE: 33, 5 * PAGE: 10}
DRAWS = 1500
PAGES = {PAGE: 60, 3 * PAGE: 30, 4 * PAGE: 10}


def sizes(shares: dict[int, int]) -> dict[str, int]:
    settings = {"block": max(shares)}
    for number, (size, share) in enumerate(shares.items()):
        settings |= {f"block_size{number}": size, f"block_share{number}": share}
    return settings


DRAW = """
import json, sys
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

engines, count, settings = json.loads(sys.argv[1])
settings["file_fd"] = _core.make_file("/var/tmp", settings["file_size"], settings["file_seed"])
for name in engines:
    spec, found = parse(name), []
    with new_record() as record:
        loop = _core.Loop(spec.name, "file", settings | spec.settings, record.fd)
        for _ in range(count):
            assert loop.run(10**11, 1) == 0, record.stage
            found.append(record.field("window_bytes"))
        assert loop.close() == 0
    print(json.dumps(found))
"""


def drawn(engines: list[str], count: int, seed: int = 1) -> list[list[int]]:
    """The sizes of so many reads, one after another, with each engine. In a fresh process: the core
    looks at the memory after each of them, of which pytest has more."""
    settings = {"pattern": SEQUENTIAL, "seed": seed, **sizes(SHARES)}
    settings |= {"file_size": BLOCK * BLOCKS, "file_seed": 7}
    printed = run_python(DRAW, json.dumps([engines, count, settings]))
    return [json.loads(line) for line in printed.splitlines()]


def test_each_size_has_its_share() -> None:
    """As the channel draws them; the conformance rule `sizes-have-their-shares` has any shares."""
    (sequence,) = drawn(["blocking"], DRAWS)
    found = Counter(sequence)
    assert found.keys() == SHARES.keys()
    expected = [DRAWS * share / 100 for share in SHARES.values()]
    assert chisquare([found[size] for size in SHARES], expected).pvalue > 0.01


def test_every_engine_gets_the_same_sizes_and_another_seed_others() -> None:
    every = drawn(ENGINES, 40)
    assert len(every) == len(ENGINES)
    (expected,) = drawn(["blocking"], 40)
    for engine, found in zip(ENGINES, every, strict=True):
        assert found == expected, engine
    assert drawn(["blocking"], 40, seed=2) != [expected]


@pytest.mark.parametrize("engine", ENGINES)
def test_cold_reads_at_random_never_meet(engine: str) -> None:
    """All pages that are cached afterwards were asked for, and none of them twice."""
    how = {"file_cache": COLD, "pattern": RANDOM, "verify": 1, **sizes(PAGES)}
    with (
        data_file(4 * PAGE * 50) as fd,
        opened(engine, fd, depth=depth_of(engine, 4), **how) as (loop, record),
    ):
        for _ in range(2):
            assert loop.run(LONG_NS) == 0
            assert record.field("slice_operations") == 50
            pages = record.field("pages_after")
            assert record.field("verified_words") * 8 == pages * PAGE
            assert 50 < pages < 200


@pytest.mark.parametrize("engine", ENGINES)
def test_cold_reads_in_order_end_where_the_next_does_not_fit(engine: str, fd: int) -> None:
    how = {"file_cache": COLD, "pattern": SEQUENTIAL, "verify": 1, **sizes(PAGES)}
    with opened(engine, fd, **how) as (loop, record):
        assert loop.run(LONG_NS) == 0
        read = record.field("verified_words") * 8
        assert BLOCK * BLOCKS - max(PAGES) < read <= BLOCK * BLOCKS


@pytest.mark.parametrize("cache", [WARM, DIRECT])
@pytest.mark.parametrize("workload", [WRITE, MIXED])
@pytest.mark.parametrize("pattern", [SEQUENTIAL, RANDOM])
def test_writes_that_overlap_agree(pattern: int, workload: int, cache: int, fd: int) -> None:
    """Every sector holds what it did, or what was written there, whichever write was the last."""
    if cache == DIRECT:
        need_direct(fd)
    before = blocks(content(fd), SECTOR)
    how = {"workload": workload, "pattern": pattern, "file_cache": cache, "verify": 1}
    with opened("threads", fd, depth=8, **how, **sizes(SHARES)) as (loop, record):
        for _ in range(3):
            assert loop.run(LONG_NS, 200) == 0, record.stage
            assert record.field("read_back_bytes") == BLOCK * BLOCKS
    after = blocks(content(fd), SECTOR)
    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert any(changed)
    assert len(set(after)) == len(after), "no two sectors are alike"
    if workload == MIXED:
        lower = BLOCK * BLOCKS // max(SHARES) // 2 * max(SHARES)
        assert not any(changed[: lower // SECTOR]), "reads and writes do not meet"


def test_a_changed_byte_is_found_in_what_was_written(fd: int) -> None:
    how = {"workload": WRITE, "pattern": SEQUENTIAL, "verify": 1, **sizes(SHARES)}
    before = content(fd)
    with opened("blocking", fd, **how) as (loop, record):
        assert loop.run(LONG_NS, 20) == 0
        at = next(n for n, (a, b) in enumerate(zip(before, content(fd), strict=True)) if a != b)
        os.pwrite(fd, bytes([content(fd)[at + 20] ^ 1]), at + 20)
        # The next writes go on from there, so the byte stays.
        assert loop.run(LONG_NS, 1) == -errno.EBADMSG
        assert record.field("error_offset") == at + 20


@pytest.mark.parametrize("engine", ENGINES)
def test_appends_of_several_sizes_leave_no_gap(engine: str, fd: int) -> None:
    how = {"workload": WRITE, "append": 1, "verify": 1, **sizes(SHARES)}
    with opened(engine, fd, **how) as (loop, record):
        assert loop.run(LONG_NS, 20) == 0
        assert os.fstat(fd).st_size == record.field("window_bytes")
        assert record.field("window_operations") == 20
        assert loop.run(LONG_NS) == 0  # until it is full
        assert 0 <= BLOCK * BLOCKS - os.fstat(fd).st_size < max(SHARES)


@pytest.mark.parametrize(
    "how",
    [
        sizes({SECTOR: 1, PAGE: 1}) | {"block": SECTOR},  # one larger than the largest
        sizes({0: 1, PAGE: 1}),
        sizes({PAGE: -1}),
        sizes({SECTOR: 1, SECTOR + 1: 1}) | {"workload": WRITE},
        sizes({SECTOR: 1, 1000: 1}) | {"file_cache": DIRECT},
        sizes({PAGE: 1, (BLOCKS + 1) * PAGE: 1}),
        sizes({PAGE: 1, BLOCKS * PAGE: 1}) | {"workload": MIXED},
    ],
)
def test_sizes_that_make_no_sense_are_refused(how: dict[str, int], fd: int) -> None:
    if how.get("file_cache") == DIRECT:
        need_direct(fd)
    with opened("blocking", fd, **how) as (loop, record):
        assert not loop.is_open()
        assert record.field("error") == errno.EINVAL
