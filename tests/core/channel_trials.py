"""Trials on pipes and sockets for tests: each script runs in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from ..fresh import run_python
from ..some_engines import CAPS, on, plain

# Whatever is tested runs in a process of its own: helper threads, limits and children stay in it.
PREAMBLE = """
import errno, json, os, resource, signal, sys, threading, time
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

MULTIPLIER = _core.clock_calibrate(2_000_000)

def fds():
    # The listing's own descriptor is closed again before the second look.
    return {fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}

def has_child():
    try:
        return os.waitpid(-1, os.WNOHANG) is not None
    except ChildProcessError:
        return False

class Trial:
    '''One loop from open to close; `outcome` is what is left of it.'''
    def __init__(self, engine, channel, **settings):
        self.before = fds()
        self.context = new_record()
        self.record = self.context.__enter__()
        settings = {"clock_ns_per_tick_q32": MULTIPLIER, **settings}
        spec = parse(engine)
        self.loop = _core.Loop(spec.name, channel, settings | spec.settings, self.record.fd)
        self.slices = []
    def run(self, seconds=0.02, operations=0):
        error = self.loop.run(int(seconds * 1e9), operations)
        names = ("slice_operations", "window_operations", "window_bytes", "verified_words")
        names += ("peer_operations", "peer_bytes", "lateness_max_ns", "backlog", "spun_ns")
        names += ("peer_outstanding", "window_ns")
        numbers = {name: self.record.field(name) for name in names}
        answered = sum(count for _, count in self.record.histogram("peer"))
        self.slices.append({"error": error, "answered": answered, **numbers})
        return error
    def outcome(self):
        started = time.monotonic()
        opened, closed = self.loop.is_open(), self.loop.close()
        names = ("error", "error_offset", "peer_status", "highest_descriptor")
        result = {name: self.record.field(name) for name in names}
        result |= {"open": opened, "close": closed, "close_s": time.monotonic() - started}
        result |= {"stage": self.record.stage, "reason": self.record.reason}
        result |= {"slices": self.slices, "child": has_child()}
        self.context.__exit__(None, None, None)
        return result | {"left": sorted(fds() - self.before)}

def raise_limit(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, 1024), hard))
    return True
"""
CHANNELS: dict[str, tuple[str, dict[str, int]]] = {
    "pipe": ("pipe", {}),
    "unix": ("socket", {"family": 0}),
    "tcp": ("socket", {"family": 1}),
}
WORK: dict[str, dict[str, int]] = {
    "echo": {"block": 64},
    "stream-read": {"block": 4096, "exchange": 1, "workload": 0},
    "stream-write": {"block": 4096, "exchange": 1, "workload": 1},
    "server": {"block": 64, "server": 1, "outstanding": 2},
}
ENGINES = on("pipe")


def in_turn(engine: str, place: int = 0) -> str:
    """Each engine with one channel: the three in turn, from another one for another place."""
    return list(CHANNELS)[(ENGINES.index(engine) + place) % len(CHANNELS)]


def pairs() -> Iterator[ParameterSet]:
    """All of engines and channels. An engine with options meets one channel in a quick run: which
    one, hardly matters to an option, and the engine without any meets each."""
    for engine in ENGINES:
        for channel in CHANNELS:
            is_quick = engine == plain(engine) or channel == in_turn(engine)
            yield pytest.param(engine, channel, marks=() if is_quick else pytest.mark.long)


def can(engine: str, work: str) -> bool:
    """A list that is waited for as a whole cannot serve: one slow client would hold all others."""
    return work != "server" or not CAPS[engine]["waits_for_all"]


def run(script: str, *arguments: object, timeout_s: float = 60) -> Any:
    """What the script, run after the preamble, prints as JSON."""
    return json.loads(run_python(PREAMBLE + script, *arguments, timeout_s=timeout_s))


def open_as(engine: str, channel: str, **settings: int) -> str:
    """The start of a script: a trial of this kind."""
    kind, family = CHANNELS[channel]
    return f"trial = Trial({engine!r}, {kind!r}, **{family | settings})\n"
