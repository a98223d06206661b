"""Why a trial failed, in one sentence with a remedy: what engine or channel say of it, or else from
the core's stage and errno.

Also the conditions that a trial must have met for its numbers to mean what they say.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping

from iomodels import _core
from iomodels.base.errors import ConditionLost, IomodelsError, NotApplicable, TrialError
from iomodels.engines.point_settings import choice
from iomodels.trials.record import Record

_SENTENCES: Mapping[tuple[str, int], str] = {
    ("channel_open", errno.EMFILE): (
        "too few file descriptors: raise the limit (ulimit -n), or use a lower load.depth"
    ),
    ("channel_open", errno.ENFILE): (
        "the system has no file descriptor left: stop a program, or raise fs.file-max"
    ),
    ("channel_open", errno.EPERM): (
        "the container does not allow a system call that the channel needs: "
        "allow it in the seccomp profile, or use another channel"
    ),
    ("channel_open", errno.EAGAIN): (
        "the peer process could not be started: raise the limits on processes and threads "
        "(ulimit -u, and the pids limit of the container or control group)"
    ),
    ("engine_open", errno.E2BIG): "the engine does not support so many requests in flight",
    ("submit", errno.EPROTO): (
        "the engine broke its contract: it took more requests than it was given, or none while "
        "none was in flight"
    ),
    ("reap", errno.EPROTO): (
        "the engine broke its contract: it reported more completions than requests were in flight"
    ),
    ("transfer", errno.EPROTO): (
        "the engine broke its contract: it reported more bytes than a request has"
    ),
    ("drain", errno.ETIMEDOUT): "a cancelled request did not complete within 10 s",
}

_AT = {
    "allocate": "allocating memory",
    "channel_open": "opening the channel",
    "engine_open": "opening the engine",
    "check": "checking the channel's conditions",
    "start": "starting a request",
    "submit": "submit",
    "reap": "reap",
    "transfer": "a transfer",
    "drain": "draining",
    "resources": "asking for what the engine needs",
    "none": "an unknown stage",
}


def error(record: Record, settings: Mapping[str, int]) -> IomodelsError:
    """What to raise for a record whose trial failed."""
    if record.not_applicable:
        return NotApplicable(record.reason)
    if (record.stage, record.field("error")) == ("engine_open", errno.ERANGE):
        return NotApplicable("the engine does not support descriptors with such high numbers")
    return TrialError(failure(record, settings))


def failure(record: Record, settings: Mapping[str, int]) -> str:
    """The sentence for a record whose trial failed."""
    stage, number = record.stage, record.field("error")
    if record.field("peer_status"):
        return _peer_ended(record.field("peer_status") - 1)
    if record.reason:
        return record.reason
    if stage == "verify":
        return (
            f"verification failed: the bytes at offset {record.field('error_offset')} differ from "
            "the bytes written there"
        )
    if (stage, number) in _SENTENCES:
        return _SENTENCES[stage, number]
    name = errno.errorcode.get(number, str(number))
    where = ""
    if stage == "transfer" and settings.get("file_fd", -1) >= 0:
        where = f" at offset {record.field('error_offset')}"
    if number == errno.ENODATA and stage == "transfer":
        return f"a transfer{where} reached the end of the data too early"
    if number == errno.ENOSYS:
        return (
            f"{_AT[stage]} needs a system call that is missing in the kernel or container ({name})"
        )
    return f"{_AT[stage]} failed{where}: {os.strerror(number)} ({name})"


def _peer_ended(status: int) -> str:
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _core.PEER_EXIT_WRONG_BYTES:
        return "verification failed: the peer process received wrong bytes"
    if os.WIFSIGNALED(status):
        how = f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    else:
        how = f"ended with exit code {os.WEXITSTATUS(status)}"
    return f"the peer process {how} during the trial"


def check_conditions(record: Record, settings: Mapping[str, int]) -> None:
    """Raise `TrialError` where a finished trial did not measure what it claims to.

    Raises `ConditionLost` where it would, on another try.
    """
    early = record.field("early_completions")
    if early:
        raise TrialError(
            f"{early} operations ended before the timer could expire: "
            "the clocks of this machine disagree, and latencies are not valid"
        )
    pages, after = record.field("pages"), record.field("pages_after")
    if (
        settings.get("file_fd", -1) >= 0
        and settings["file_cache"] == choice("file_cache", "warm")
        and after < pages
    ):
        raise ConditionLost(
            f"{pages - after} of {pages} pages were not in the page cache at the end, so the reads "
            "were not cached: free memory, or use a smaller channel.size"
        )
