"""Servers against plain ones of the same model (bare_server.c), with the same peer as clients.

Messages of one byte, one under way: what is compared is going from one to the next. Both processes
are on one CPU.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import sides
from rows import Row, Target, interleave, ratio_row

from iomodels.engines.spec import parse

SERVED = (1, 16, 200)
"""Connections of a server."""
LOOP, THREADS = Target(0.97, at_most=False), Target(0.95, at_most=False)


def servers_in_a_loop(bench: sides.Bench, rounds: int) -> list[Row]:
    """Round trips per second of a server in one loop, against a plain loop of the same model."""

    def row(engine: str, connections: int, target: Target | None, peer: str = "same") -> Row:
        model = parse(engine).name
        against = f"plain {model} loop" + (", plain peer" if peer == "plain" else "")
        return _row(bench, rounds, engine, connections, (model, peer), against, target)

    models = ("select", "poll", "epoll", "io_uring")
    rows = [row(model, n, LOOP) for model in models for n in SERVED]
    edge = [row("epoll:trigger=edge", n, None) for n in SERVED]
    return [*rows, *edge, row("select", SERVED[1], None, "plain")]


def servers_of_threads(bench: sides.Bench, rounds: int) -> list[Row]:
    """The same with a thread for each connection, against a plain such server."""

    def row(engine: str, connections: int, target: Target | None) -> Row:
        return _row(
            bench, rounds, engine, connections, ("threads", "same"), "plain threads", target
        )

    own = [row("threads:handoff=none", n, THREADS) for n in SERVED]
    return [*own, *(row("threads", n, None) for n in SERVED)]


def _row(
    bench: sides.Bench,
    rounds: int,
    engine: str,
    connections: int,
    plain: tuple[str, str],
    against: str,
    target: Target | None,
) -> Row:
    """`plain`: the other side's model, and the kind of its peer."""
    model, peer = plain
    settings = _settings(bench, connections)
    pairs = interleave(
        lambda: sides.trial(bench, engine, "socket", settings).ops,
        lambda: sides.bare_server_ops(bench, settings, peer, model),
        rounds,
    )
    return ratio_row(f"server {connections}, {engine}", against, pairs, "/s", target)


def _settings(bench: sides.Bench, connections: int) -> Mapping[str, int]:
    cpu = min(os.sched_getaffinity(0)) if bench.cpu is None else bench.cpu
    return {
        **{"depth": connections, "block": 1, "server": 1, "outstanding": 1},
        **{"engine_cpu": cpu, "peer_cpu": cpu},
    }
