"""`python:blocking` makes the calls of `blocking`, one for one, with the same bytes: as strace sees
them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from iomodels.engines.spec import parse
from iomodels.trials.launch import own_launch
from iomodels.trials.preparation import Preparation
from iomodels.workload.point import Point

from ..observe.straces import needs_strace
from .moving import OPERATIONS, cell_of, run

SAME = {"preadv2": "pread64", "preadv": "pread64"}
"""A read into a buffer that is there: with one buffer the same transfer."""
TRANSFERS = ("read", "write", "pread64", "preadv", "preadv2", "pwrite64", "fsync", "fdatasync")
_CALL = re.compile(r"(\w+)\((\d+)<(.*?)>(?:\(deleted\))?(?:, (.*))?\) += (-?\d+)")
_LENGTH = re.compile(r"iov_len=(\d+)|, (\d+)(?:, \d+)?$")
_OFFSET = re.compile(r", \d+, (\d+)(?:, 0)?$")


@dataclass(frozen=True)
class Call:
    """One that has come back. `kind` is what its descriptor is: `timerfd`, `pipe`, a file …"""

    pid: str
    name: str
    kind: str
    identity: str
    length: int
    offset: int | None
    result: int


def lines(log: Path) -> Iterator[tuple[str, str]]:
    """Process and call; one that others interrupted in the log is whole again."""
    begun: dict[str, str] = {}
    for line in log.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
        elif rest.startswith("<... "):
            before, after = begun.pop(pid), rest.partition("resumed>")[2].lstrip()
            yield pid, before + " " * before.endswith(",") + after
        else:
            yield pid, rest


def calls_in(log: Path) -> tuple[list[Call], set[str]]:
    """All transfers, and the processes that were forked: peers."""
    calls, peers = [], set()
    for pid, text in lines(log):
        if text.startswith(("clone", "fork", "vfork")) and "CLONE_THREAD" not in text:
            peers.add(text.rpartition("= ")[2])
        found = _CALL.match(text)
        if found is None:
            continue
        name, _, what, arguments, result = found.groups()
        length = _LENGTH.search(arguments or "")
        offset = _OFFSET.search(arguments or "") if name.startswith("p") else None
        kind = what.partition(":[")[0] if ":[" in what else "file"
        calls.append(
            Call(
                pid=pid,
                name=SAME.get(name, name),
                kind="timerfd" if "timerfd" in what else kind,
                identity=what,
                length=int(next(filter(None, length.groups()))) if length else 0,
                offset=int(offset[1]) if offset else None,
                result=int(result),
            )
        )
    return calls, peers


def transfers_of(log: Path, point: Point) -> list[tuple[str, int, int | None, int]]:
    """What the engine has transferred: not what the core reads to look at file and memory, and not
    the conversation with the parent."""
    calls, peers = calls_in(log)
    to_peer = {call.identity for call in calls if call.pid in peers and call.kind == "pipe"}
    wanted = []
    for call in calls:
        own = call.kind in ("timerfd", "socket", "UNIX", "TCP") or call.identity in to_peer
        on_file = call.identity.startswith("/var/tmp/#")
        small = call.length <= int(point.load.block.largest)  # the core looks at all of a file
        if call.pid not in peers and (own or (on_file and small)):
            wanted.append((call.name, call.length, call.offset, call.result))
    return wanted


WORKS = ("timer", "file-read", "file-direct", "file-sync", "pipe-echo", "unix-echo", "tcp-server")


@pytest.mark.parametrize("work", WORKS)
def test_the_same_calls_move_the_same_bytes(work: str, tmp_path: Path) -> None:
    needs_strace()
    found = {}
    for engine in ("blocking", "python:blocking"):
        log = tmp_path / f"{engine.replace(':', '-')}.log"
        watched = ("clone", "clone3", "fork", "vfork", *TRANSFERS)
        strace = ("strace", "-D", "-f", "--seccomp-bpf", "-y", "-qq", "-o", str(log))
        launch = replace(own_launch(), prefix=(*strace, "-e", f"trace={','.join(watched)}"))
        cell = cell_of(parse(engine), work)
        with Preparation(1) as preparation:
            run(preparation, cell, slices=1, launch=launch)
        found[engine] = transfers_of(log, cell.point)
    each = {"pipe-echo": 2, "unix-echo": 2, "tcp-server": 2, "file-sync": 2}.get(work, 1)
    if work == "tcp-server":  # until the peer has its last answer
        found = {engine: calls[: OPERATIONS * each] for engine, calls in found.items()}
    assert len(found["blocking"]) == OPERATIONS * each
    assert found["python:blocking"] == found["blocking"]
