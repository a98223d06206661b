"""Kernels that lack a system call, and containers that refuse it: n/a with the reason, or it works.

Each call that an engine says it makes is refused by a seccomp filter, once as an older kernel does
(ENOSYS) and once as a container's profile does (EPERM). What is refused while the engine opens is a
property of the machine, and no failure.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from iomodels.engines.spec import parse

from ..fresh import run_python
from ..seccomp import Argument
from ..some_engines import SINGLES, WITH_DATA
from .kernel_calls import kernel_names, numbers

TESTS = Path(__file__).parents[1]
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import seccomp
from iomodels import _core
from iomodels.engines.spec import parse
from iomodels.trials.record import new_record

spec, filters = parse(sys.argv[2]), json.loads(sys.argv[3])
file = {"file_fd": _core.make_file("/var/tmp", 1 << 20, 1), "file_size": 1 << 20, "file_seed": 1}
for number, error, only in filters:
    seccomp.deny(number, error, seccomp.Argument(*only) if only else None)
told = {}
for channel in _core.channels():
    caps = spec.caps
    if not caps["files" if channel == "file" else "streams"]:
        continue
    settings = {"depth": min(4, caps["max_depth"] or 4), "service_mean_ns": 50000, "verify": 1}
    settings |= {"block": 4096, **file} if channel == "file" else {}
    settings |= {"block": 64} if channel in ("pipe", "socket") else {}
    answers = _core.ask(spec.name, channel, settings | spec.settings)
    if answers["cannot"]:
        continue
    with new_record() as record:
        loop = _core.Loop(spec.name, channel, settings | spec.settings, record.fd)
        opened = loop.is_open()
        error = loop.run(10**10, 40) if opened else -record.field("error")
        error = error or loop.close()
        told[channel] = {
            "opened": opened,
            "error": -error,
            "stage": record.stage,
            "reason": record.reason,
            "not_applicable": bool(record.field("not_applicable")),
            "peer_ended": bool(record.field("peer_status")),
        }
print(json.dumps(told))
"""
BASIC = re.compile(
    "p?read(64|v2)?|p?write(64)?|fcntl|futex|rt_sigprocmask|f(data)?sync|poll|readahead"
)
"""Without these no program runs, or they are no interface of an engine's own."""
TRUE = re.compile("kernel|seccomp|container|not permitted|switched off|sysctl")
"""What a reason for n/a has to speak of, unless it names the call."""
IORING_REGISTER_PROBE = Argument(1, 0xFFFFFFFF, 8)


class Refused(NamedTuple):
    """A filter: an engine's call, the number of the system call, and its answer."""

    engine: str
    call: str
    name: str
    error: int


def refusals() -> Iterator[Refused]:
    for engine in WITH_DATA:
        for call in parse(engine).calls:
            for name in kernel_names(call):
                if not BASIC.fullmatch(name):
                    yield Refused(engine, call, name, errno.ENOSYS)
                    yield Refused(engine, call, name, errno.EPERM)


@cache
def number_of(name: str) -> int | None:
    return numbers([name]).get(name)


def outcomes(engine: str, *filters: tuple[int, int, Argument | None]) -> dict[str, dict]:
    return json.loads(run_python(PROGRAM, TESTS, engine, json.dumps(filters), timeout_s=30))


@pytest.mark.parametrize(
    "refused",
    list(refusals()),
    ids=lambda one: f"{one.engine}-{one.name}-{errno.errorcode[one.error]}",
)
def test_a_refused_call_is_not_applicable_or_makes_no_difference(refused: Refused) -> None:
    number = number_of(refused.name)
    if number is None:
        pytest.skip(f"this machine's headers do not know {refused.name}")
    told = outcomes(refused.engine, (number, refused.error, None))
    assert told, "it works on no channel"
    opens_with = parse(refused.engine).calls[refused.call][0] == "setup"
    for channel, one in told.items():
        if one["error"] == 0:
            continue
        if one["not_applicable"]:
            named = refused.call in one["reason"] or refused.name in one["reason"]
            assert named or TRUE.search(one["reason"]), (channel, one)
            continue
        # It was refused in mid-run. The error is the one that the kernel gave; or the peer, which
        # inherits the filter, has made that call, too.
        assert one["opened"], (channel, one)
        assert not opens_with or one["stage"] != "engine-open", (channel, one)
        assert one["error"] == refused.error or one["peer_ended"], (channel, one)


@pytest.mark.parametrize(
    "engine", [name for name in SINGLES if "io_uring_register" in parse(name).calls]
)
def test_a_ring_that_cannot_be_asked_for_its_operations(engine: str) -> None:
    """Linux before 5.6."""
    number = number_of("io_uring_register")
    if number is None:
        pytest.skip("this machine's headers do not know io_uring_register")
    for channel, one in outcomes(engine, (number, errno.EINVAL, IORING_REGISTER_PROBE)).items():
        assert one["error"] == 0 or one["not_applicable"], (channel, one)
        assert one["error"] == 0 or TRUE.search(one["reason"]), (channel, one)
