"""Rules that one whole trial shows, from the start of its process to the end of it."""

from __future__ import annotations

import os

from iomodels import _core
from iomodels.base.errors import Garbled, NoAnswer
from iomodels.base.toml import printable
from iomodels.conform.rule import Rule, always, unless_moves_data
from iomodels.conform.session import SliceSeen, seen_count
from iomodels.conform.subject import Conducted, Subject

LATE_S = 1.0
"""How much longer than asked a slice may take, and the end of a trial at all."""
MOST_UNSEEN = 4
"""Of a server's operations under way at the two ends of a window, for each request in flight."""
DRIVER_BYTES = 4096
"""What the worker itself reads and writes in a slice: the lines of its conversation."""
SHARE_COUNTED = 0.5
TOO_MUCH = 1.05


def _ended_wrongly(seen: Conducted) -> str | None:
    """What is no other rule's."""
    failure = seen.failure
    if failure is None or isinstance(failure, (NoAnswer, Garbled)) or _found_wrong(seen):
        return None
    last = seen.said.splitlines()[-1:]
    more = f" (its last words: {printable(last[0])})" if last else ""
    return f"{failure}{more}"


def _found_wrong(seen: Conducted) -> bool:
    """Whether bytes were wrong: here, or as the peer saw them."""
    status = seen.peer_status - 1
    at_peer = seen.peer_status and os.WIFEXITED(status)
    return seen.stage == "verify" or bool(
        at_peer and os.WEXITSTATUS(status) == _core.PEER_EXIT_WRONG_BYTES
    )


def _runs(subject: Subject) -> str | None:
    return _ended_wrongly(subject.conducted)


def _bytes_are_right(subject: Subject) -> str | None:
    seen = subject.conducted
    if _found_wrong(seen) and subject.role.channel != "timer":
        return str(seen.failure)
    compared = "read_back_bytes" if _reads_back(subject) else "verified_words"
    for number, part in enumerate(seen.slices):
        if part["slice_operations"] and not part[compared] and subject.role.channel != "timer":
            return f"slice {number} moved bytes, and none of them were compared"
    return None


def _reads_back(subject: Subject) -> bool:
    return subject.role.channel == "file" and subject.role.writes


def _ends_once(subject: Subject) -> str | None:
    seen = subject.conducted
    if _found_wrong(seen) and subject.role.channel == "timer":
        return str(seen.failure)  # what is read of it says how often it has expired
    for number, part in enumerate(seen.slices):
        if wrong := _miscounted(subject, part):
            return f"slice {number}: {wrong}"
    if subject.role.appends and subject.caps["moves_data"] and seen.file_bytes is not None:
        operations = seen.slices[-1]["slice_operations"]  # each slice begins with an empty file
        expected = operations * int(subject.point().load.block.largest)
        if seen.file_bytes != expected:
            return (
                f"{operations} appending operations made a file of {seen.file_bytes} bytes, "
                f"instead of {expected}"
            )
    if subject.role.channel == "timer" and subject.caps["moves_data"]:
        return _too_many(subject, seen)
    return None


def _miscounted(subject: Subject, part: SliceSeen) -> str | None:
    operations = part["window_operations"]
    each = subject.role.transfers * int(subject.point().load.block.largest)
    if part["early_completions"]:
        return f"{part['early_completions']} operations ended before their time"
    if operations > part["slice_operations"]:
        return f"{operations} operations in the window of {part['slice_operations']} in the slice"
    if seen_count(part.latency_ns) != operations:
        return f"{operations} operations, and {seen_count(part.latency_ns)} latencies"
    if subject.caps["moves_data"] and part["window_bytes"] != each * operations:
        return f"{operations} operations of {each} bytes moved {part['window_bytes']} bytes"
    return _peer_disagrees(subject, part, each) if subject.role.serves else None


def _peer_disagrees(subject: Subject, part: SliceSeen, each: int) -> str | None:
    if not subject.caps["moves_data"]:
        return None
    answered, served = part["peer_operations"], part["slice_operations"]
    if not 0 <= served - answered <= MOST_UNSEEN * subject.depth:
        return f"the engine served {served} requests, and the peer saw {answered} answers"
    if part["peer_bytes"] != each * answered:
        return f"the peer saw {part['peer_bytes']} bytes of {answered} answers of {each}"
    if part["peer_outstanding"]:
        return f"{part['peer_outstanding']} requests of the peer were never answered"
    return None


def _too_many(subject: Subject, seen: Conducted) -> str | None:
    """Devices end no more requests than there is time for."""
    service_ns = int(subject.role.parameters["channel.service"])
    for part in seen.slices:
        most = subject.depth * (part["window_ns"] / service_ns + 1)
        if part["window_operations"] > most:
            return (
                f"{part['window_operations']} operations ended, and the timers expired at most "
                f"{round(most)} times"
            )
    return None


def _unless_counted(subject: Subject) -> str | None:
    if subject.role.channel != "pipe":
        return "the kernel counts each read and write of pipes alone"
    if subject.role.streams and not subject.role.writes:
        return "a stream may be read ahead"
    return unless_moves_data(subject)


def _moves_once(subject: Subject) -> str | None:
    for part in subject.conducted.slices:
        if part.moved is None:
            return None
        bytes_each = subject.role.transfers * int(subject.point().load.block.largest)
        expected = part["slice_operations"] * bytes_each
        moved = sum(part.moved)
        if moved < SHARE_COUNTED * expected:
            return None  # by calls that the kernel does not count there
        if moved > TOO_MUCH * expected + DRIVER_BYTES + part.looked_bytes:
            return f"operations of {expected} bytes in all, and the kernel counted {moved} moved"
    return None


def _works(subject: Subject) -> str | None:
    if subject.conducted.failure is not None:
        return None
    for number, part in enumerate(subject.conducted.slices):
        ended = part["peer_operations" if subject.role.serves else "window_operations"]
        if subject.caps["moves_data"] and not ended:
            return f"no operation ended in slice {number}"
    return None


def _ends_in_time(subject: Subject) -> str | None:
    seen = subject.conducted
    if isinstance(seen.failure, NoAnswer) and seen.phase != "end":
        return f"{seen.phase}: {seen.failure}"
    for number, part in enumerate(seen.slices):
        if part.took_s > part.asked_s + LATE_S:
            return f"slice {number} of {part.asked_s} s took {part.took_s:.1f} s"
    return None


def _returns(subject: Subject) -> str | None:
    seen = subject.conducted
    if isinstance(seen.failure, NoAnswer) and seen.phase == "end":
        return "the loop was closed, and the engine did not return"
    if seen.close_s > LATE_S:
        return f"the trial was closed, and the engine returned after {seen.close_s:.1f} s"
    return None


def _leaves_nothing(subject: Subject) -> str | None:
    left = subject.conducted.left
    return f"after the end there was {left}" if left is not None and str(left) else None


def _prints_nothing(subject: Subject) -> str | None:
    seen = subject.conducted
    if isinstance(seen.failure, Garbled):
        return str(seen.failure)
    if seen.said and seen.failure is None:
        return f"it wrote to standard error: {printable(seen.said.splitlines()[-1])}"
    return None


WHOLE_RULES = (
    Rule("runs", "A trial runs to its end without an error.", always, _runs),
    Rule("works", "In each slice of a trial operations end.", always, _works),
    Rule("ends-once", "Every transfer that was taken ends exactly once.", always, _ends_once),
    Rule(
        "bytes-are-right",
        "All bytes are right.",
        unless_moves_data,
        _bytes_are_right,
        where="everywhere, with I/O",
    ),
    Rule(
        "moves-once",
        "No byte is moved that belongs to no transfer.",
        _unless_counted,
        _moves_once,
        where="pipes, but for a stream that is read",
    ),
    Rule("ends-in-time", "A slice ends when its time is over.", always, _ends_in_time),
    Rule("returns", "When the work is over, the engine returns.", always, _returns),
    Rule(
        "leaves-nothing",
        "Nothing is left behind: no thread, no descriptor, no process.",
        always,
        _leaves_nothing,
    ),
    Rule("prints-nothing", "The engine prints nothing.", always, _prints_nothing),
)
