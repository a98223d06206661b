"""Works whose requests go through io_uring: what is known of them without seeing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from iomodels.observe.calls.ring import RingSeen
from iomodels.observe.seen import Kind, Work
from iomodels.observe.table.opened import Family, Opened, Role
from iomodels.observe.works.models import ring_model

_KINDS: tuple[Kind, ...] = ("timer", "socket", "file", "pipe")
"""The first that the program holds and does not transfer on itself is what the ring is for: a timer
that is set and a connection have no other use, but files and pipes may lie idle."""


def ring_work(
    ring: RingSeen, peers: Iterable[tuple[frozenset[tuple[int, int]], Work]]
) -> Work | None:
    """What goes through the ring, as far as its calls tell; of conversations more, if the other end
    (its connections and its work) is in the log too. None if nothing was submitted."""
    kind, family, held = _of_what(ring)
    if not ring.submitted or kind is None:
        return None
    model = ring_model(ring.flags, frozenset(ring.fixed), ring.entries)
    timers = [one.flow for one in held if one.kind == "timer" and one.flow is not None]
    service = max((flow.timers.at(0.5) for flow in timers), default=0)
    work = Work(
        kind=kind,
        program=ring.process.program.number,
        operations=ring.submitted,
        bytes_moved=0,
        duration_s=max(ring.last_s - ring.first_s, 0.0),
        read_share=1.0,
        blocks=(),
        depth=max(ring.most_at_once, len(timers), 1),
        depth_mean=0.0,
        descriptors=max(len(held), 1),
        active=max(len(held), 1),
        model=model.engine,
        model_evidence=model.evidence,
        threads=max(len(ring.threads), 1),
        is_direct=any(one.is_direct for one in held),
        is_append=any(one.is_append for one in held),
        family=family,
        service_ns=service or None,
    )
    ends = {one.connection for one in held if one.connection}
    for connections, peer in peers:
        if any((other, own) in ends for own, other in connections):
            return _seen_from(work, peer)
    return work


def _seen_from(work: Work, peer: Work) -> Work:
    """What the other end of the same connections shows."""
    is_stream = peer.exchange == "stream"
    role: Role | None = None if is_stream else "server" if peer.role == "client" else "client"
    return replace(
        work,
        operations=peer.operations,
        bytes_moved=peer.bytes_moved,
        read_share=1 - peer.read_share if is_stream else peer.read_share,
        blocks=peer.blocks,
        depth=peer.depth,
        depth_mean=peer.depth_mean,
        exchange=peer.exchange,
        role=role,
        model_evidence=f"{work.model_evidence}; their sizes are seen at the other end",
    )


def _of_what(ring: RingSeen) -> tuple[Kind | None, Family | None, list[Opened]]:
    """The kind of descriptors that the ring can be for: those registered with it, or those that the
    program held and did not transfer on itself."""
    possible = ring.is_for
    for kind in _KINDS:
        held = [one for one in possible if one.kind == kind and (kind != "timer" or one.armed_s)]
        if held:
            families = Counter(one.family for one in held)
            return kind, families.most_common(1)[0][0], held
    return None, None, []
