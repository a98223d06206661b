"""Reads, writes and syncs."""

from __future__ import annotations

from dataclasses import dataclass

from iomodels.observe.calls.state import Handler, State
from iomodels.observe.counting.moved import Direction, Moved
from iomodels.observe.log.arguments import fields, items, number
from iomodels.observe.log.call import Call
from iomodels.observe.table.opened import Opened
from iomodels.observe.table.process import class_of
from iomodels.observe.table.thread import Thread


@dataclass(frozen=True)
class Transfer:
    """How a call says what it moves: which argument has the size, the place, the flags."""

    direction: Direction
    size: int | None = None
    vector: int | None = None
    place: int | None = None
    flags: int | None = None


_TRANSFERS: dict[str, Transfer] = {
    "read": Transfer("read", size=2),
    "write": Transfer("write", size=2),
    "pread64": Transfer("read", size=2, place=3),
    "pwrite64": Transfer("write", size=2, place=3),
    "readv": Transfer("read", vector=1),
    "writev": Transfer("write", vector=1),
    "preadv": Transfer("read", vector=1, place=3),
    "pwritev": Transfer("write", vector=1, place=3),
    "preadv2": Transfer("read", vector=1, place=3, flags=4),
    "pwritev2": Transfer("write", vector=1, place=3, flags=4),
    "recv": Transfer("read", size=2, flags=3),
    "send": Transfer("write", size=2, flags=3),
    "recvfrom": Transfer("read", size=2, flags=3),
    "sendto": Transfer("write", size=2, flags=3),
    "recvmsg": Transfer("read", flags=2),
    "sendmsg": Transfer("write", flags=2),
}
_LONG_S = 0.05
"""A read that got nothing in that time was one for a peer that is idle, not one that failed."""
_MOST_WAITING = 4096
_SYNCS = {"fsync": "every", "fdatasync": "data", "sync_file_range": "data"}


def transferred(
    state: State,
    thread: Thread,
    held: Opened,
    direction: Direction,
    asked: int,
    moved: int,
    call: Call,
) -> Moved:
    """Count a transfer of `moved` > 0 bytes that the call made, or queued."""
    flow = state.flow_of(held)
    flow.transfer(direction, asked, moved, call.started_s, call.took_s)
    flow.direct += held.is_direct
    program = held.program
    program.transfers += 1
    if held.turn:
        flow.turns += 1
        flow.between_turns += program.transfers - held.turn
    held.turn = program.transfers
    flow.by_thread(thread.habits)
    flow.held.add(max(thread.process.open[class_of(held)], 1))
    thread.habits.transfer(call.started_s, call.started_s + (call.took_s or 0.0))
    if direction == "write" and held.sync != "none":
        flow.sync_calls += 1
        flow.sync_every += held.sync == "every"
    return flow


def placed(
    thread: Thread,
    held: Opened,
    flow: Moved,
    direction: Direction,
    offset: int,
    asked: int,
    moved: int,
) -> None:
    """Count where in its file a transfer was."""
    file = held.file if held.file is not None else id(held)
    order = held.program.order_of(file)
    goes_on = order.goes_on(thread.number, offset, moved)
    flow.sides[direction].add_place(in_order=goes_on)
    flow.touch(file, offset, offset + max(asked, moved))


def request_starts(thread: Thread, flow: Moved, at_s: float) -> None:
    """What the thread did since its last request is what led to this one."""
    flow.pace.start(at_s, slept=thread.slept, gap_s=thread.longest_gap_s)
    thread.slept, thread.longest_gap_s = False, 0.0


def _transfer(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    how = _TRANSFERS[call.name]
    held = state.held(thread, arguments[0]) if arguments else None
    if held is None:
        return
    if call.result is None:
        _waited(state, thread, held, call)
        return
    if held.kind is None and call.result > 0:
        _other(state, held, how.direction, call)
    if held.kind is None:
        return
    if call.result <= 0:
        _failed(state, thread, held, call)
        _waited(state, thread, held, call)
        return
    moved = call.result
    asked = _asked(arguments, how) or moved
    flow = transferred(state, thread, held, how.direction, asked, moved, call)
    flags = arguments[how.flags] if how.flags is not None and len(arguments) > how.flags else ""
    # On regular files O_NONBLOCK has no effect, and programs set it in case it is something else.
    is_nonblocking = held.is_nonblocking and held.kind != "file"
    flow.nonblocking += is_nonblocking or "DONTWAIT" in flags or "NOWAIT" in flags
    _count_wait(thread, held, flow)
    if held.kind == "file":
        _file(state, thread, held, flow, call, arguments, asked)
    elif held.kind == "timer":
        _timer(state, held, call)
    else:
        _stream(state, thread, held, flow, how.direction, call)


def _other(state: State, held: Opened, direction: Direction, call: Call) -> None:
    """What no scenario can say."""
    moved = call.result or 0
    if held.is_datagram:
        state.unseen["datagrams"] += 1
        state.unseen_bytes["datagrams"] += moved
    elif not (held.decoration or "").startswith("/dev/null"):
        state.rest.transfer(direction, moved, moved, call.started_s, call.took_s)


def _failed(state: State, thread: Thread, held: Opened, call: Call) -> None:
    if call.error == "EAGAIN":
        state.flow_of(held).turned_away += 1
    elif call.error == "ESPIPE":
        thread.habits.tries_at_place += 1


def _waited(state: State, thread: Thread, held: Opened, call: Call) -> None:
    """A thread that is in a read for long, and gets nothing, waits for a peer that says nothing."""
    is_long = call.took_s is None or call.took_s > _LONG_S
    if held.kind in ("socket", "pipe") and not held.is_nonblocking and is_long:
        of = held.program.number, held.kind, held.family
        threads = state.waiting.setdefault(of, set())
        if len(threads) < _MOST_WAITING:
            threads.add(thread.number)


def _asked(arguments: list[str], how: Transfer) -> int | None:
    if how.size is not None and len(arguments) > how.size:
        return number(arguments[how.size])
    if how.vector is not None and len(arguments) > how.vector:
        lengths = [
            number(fields(item).get("iov_len", "")) for item in items(arguments[how.vector]) or ()
        ]
        if lengths and None not in lengths:
            return sum(length for length in lengths if length is not None)
    return None


def _count_wait(thread: Thread, held: Opened, flow: Moved) -> None:
    """By what the program knew that it could transfer."""
    if held.ready:
        flow.waits[held.ready] += 1
    elif held.waits:
        flow.waits[thread.wait if thread.wait in held.waits else min(held.waits)] += 1
    elif thread.wait and held.kind != "file":
        flow.waits[thread.wait] += 1


def _file(
    state: State,
    thread: Thread,
    held: Opened,
    flow: Moved,
    call: Call,
    arguments: list[str],
    asked: int,
) -> None:
    how = _TRANSFERS[call.name]
    assert call.result is not None
    request_starts(thread, flow, call.started_s)
    state.flight.add(call.started_s, call.started_s + (call.took_s or 0.0), (held, how.direction))
    offset = held.position
    if how.place is not None and len(arguments) > how.place:
        offset = number(arguments[how.place])
    elif held.position is not None:
        held.position += call.result
    if held.is_append and how.direction == "write":
        flow.sides["write"].add_place(in_order=True)
        if offset is not None:
            flow.touch(held.file, offset, offset + call.result)
    elif offset is not None:
        placed(thread, held, flow, how.direction, offset, asked, call.result)


def _timer(state: State, held: Opened, call: Call) -> None:
    end = call.started_s + (call.took_s or 0.0)
    if held.armed_s is not None:
        state.flight.add(held.armed_s, end, (held, "read"))
        held.armed_s = None


def _stream(
    state: State, thread: Thread, held: Opened, flow: Moved, direction: Direction, call: Call
) -> None:
    """A conversation has a request in flight from the question to the answer: of a client from its
    write to its read, of a server from its read to its write."""
    end = call.started_s + (call.took_s or 0.0)
    question: Direction = "write" if held.asks == "client" else "read"
    if not flow.switches:
        # Whether it is a stream shows only when a second transfer goes the same way.
        request_starts(thread, flow, call.started_s)
        if held.last_call is not None and flow.transfers == 2:
            state.flight.add(*held.last_call, (held, direction))
        if flow.transfers > 1:
            state.flight.add(call.started_s, end, (held, direction))
        held.last_call = call.started_s, end
    if direction == question:
        if held.asked_s is None:
            if flow.switches:
                request_starts(thread, flow, call.started_s)
            # A server was not asked before its read ended.
            held.asked_s = call.started_s if question == "write" else end
    else:
        if held.asked_s is not None:
            state.flight.add(held.asked_s, end, (held, direction))
        held.asked_s = None


def _sync(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    held = state.held(thread, arguments[0]) if arguments else None
    if held is None or held.kind is None or call.result != 0:
        return
    flow = state.flow_of(held)
    flow.sync_calls += 1
    flow.sync_every += _SYNCS[call.name] == "every"
    state.flight.add(call.started_s, call.started_s + (call.took_s or 0.0), (held, "write"))


def _seek(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    held = state.held(thread, arguments[0]) if arguments else None
    if held is not None and call.result is not None and call.result >= 0:
        held.position = call.result


def _arm(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    held = state.held(thread, arguments[0]) if arguments else None
    if held is None or call.result != 0 or len(arguments) < 3:
        return
    held.kind = held.kind or "timer"
    after = fields(fields(arguments[2]).get("it_value", ""))
    seconds, nanoseconds = number(after.get("tv_sec", "")), number(after.get("tv_nsec", ""))
    if held.armed_s is not None:  # It is taken back, or was read by a way that no call shows.
        state.flight.add(held.armed_s, call.started_s, (held, "read"))
    held.armed_s = None
    if seconds is None or nanoseconds is None or not (seconds or nanoseconds):
        return
    if "TFD_TIMER_ABSTIME" not in arguments[1]:
        state.flow_of(held).timers.add(seconds * 1_000_000_000 + nanoseconds)
    held.armed_s = call.started_s
    request_starts(thread, state.flow_of(held), call.started_s)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_TRANSFERS, _transfer),
    **dict.fromkeys(_SYNCS, _sync),
    "lseek": _seek,
    "_llseek": _seek,
    "timerfd_settime": _arm,
}
