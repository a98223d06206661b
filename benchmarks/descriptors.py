"""What descriptors on which nothing happens cost: a server's CPU with many against few of them."""

from __future__ import annotations

import os
import resource

import sides
from rows import Row, Target, interleave, ratio_row

FEW, MANY, MOST_OF_SELECT = 8, 4000, 900
MESSAGE = 64
PER_CONNECTION = 3
"""Descriptors while connections are made: both ends, and a placeholder."""
SPARE = 100
EPOLL = Target(1.2, at_most=True)


def many_descriptors(bench: sides.Bench, rounds: int) -> list[Row]:
    """CPU per operation with one active connection of many, against one of 8."""
    rows = (
        ("epoll", MANY, EPOLL),
        ("epoll:trigger=edge", MANY, None),
        ("io_uring", MANY, None),
        ("sigio", MANY, None),
        ("poll", MANY, None),
        ("select", MOST_OF_SELECT, None),
    )
    return [_row(bench, rounds, *row) for row in rows]


def _row(bench: sides.Bench, rounds: int, engine: str, many: int, target: Target | None) -> Row:
    name, against = f"CPU of 1 active among {many}, {engine}", f"1 among {FEW}"
    if not _room_for(many * PER_CONNECTION + SPARE):
        return Row(name, against, target=target, reason="the limit on open files is too low")
    cpus = sorted(os.sched_getaffinity(0))
    # Apart where there are two CPUs: no answer is there before the engine waits for it.
    placement = {"engine_cpu": cpus[0], "peer_cpu": cpus[-1]}

    def cpu_ns(descriptors: int) -> float:
        settings = {"depth": 1, "idle": descriptors - 1, "block": MESSAGE, **placement}
        return sides.trial(bench, engine, "socket", settings).cpu_ns_per_op

    pairs = interleave(lambda: cpu_ns(many), lambda: cpu_ns(FEW), rounds)
    return ratio_row(name, against, pairs, "ns", target)


def _room_for(descriptors: int) -> bool:
    """Raises the limit that the trials' processes inherit, if it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        if hard != resource.RLIM_INFINITY and hard < descriptors:
            return False
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    return True
