"""Reads by io_uring, against a plain loop on its raw interface with the same options."""

from __future__ import annotations

import tempfile
from pathlib import Path

import sides
from rows import Row, Target, interleave, ratio_row

from iomodels.engines.spec import parse

CACHED, DIRECT = 0, 1
"""Values of the setting `file_cache`."""


def reads_by_ring(bench: sides.Bench, rounds: int) -> list[Row]:
    """Cached at depth 1 and 16, and direct at 16, each with nothing but what is named."""
    sides.fill_page_cache(bench)
    with tempfile.TemporaryDirectory(prefix="iomodels-speed-") as folder:
        bare = sides.compiled(Path(folder) / "bare-ring", sides.HERE / "bare_ring.c")
        return [
            _row(bench, rounds, bare, engine, cache, depth)
            for engine, cache, depth in (
                ("io_uring", CACHED, 1),
                ("io_uring", CACHED, 16),
                ("io_uring:fixed=both", CACHED, 16),
                ("io_uring", DIRECT, 16),
                ("io_uring:fixed=both", DIRECT, 16),
                ("io_uring:taskrun=defer", DIRECT, 16),
            )
        ]


def _row(bench: sides.Bench, rounds: int, bare: Path, engine: str, cache: int, depth: int) -> Row:
    spec = parse(engine)
    settings = {
        **bench.file_settings,
        **{"depth": depth, "file_cache": cache, "opens_per_request": 0},
    }
    words: list[object] = [
        bench.seconds,
        bench.clock_q32,
        bench.file_fd,
        bench.file_size,
        sides.BLOCK,
        sides.SEED,
    ]
    words += [depth, cache, spec.option("fixed"), spec.option("taskrun")]
    command = [*bench.prefix, str(bare), *map(str, words)]

    def bare_ops() -> float:
        operations, ns = sides.output(command, (bench.file_fd,)).split()
        return int(operations) * 1e9 / int(ns)

    pairs = interleave(
        lambda: sides.trial(bench, engine, "file", settings).ops,
        bare_ops,
        rounds,
    )
    name = f"{'direct' if cache else 'cached'}-read {depth}, {engine}"
    return ratio_row(name, "bare ring", pairs, "/s", Target(0.97, at_most=False))
