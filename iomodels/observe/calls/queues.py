"""Kernel AIO, whose requests are arguments, and io_uring, whose requests lie in memory."""

from __future__ import annotations

from dataclasses import replace

from iomodels.observe.calls.ring import RingSeen
from iomodels.observe.calls.state import Handler, State
from iomodels.observe.calls.transfers import placed, request_starts, transferred
from iomodels.observe.counting.moved import Direction
from iomodels.observe.log.arguments import descriptor, fields, flags, items, number
from iomodels.observe.log.call import Call
from iomodels.observe.table.opened import Opened
from iomodels.observe.table.thread import Thread

_DIRECTIONS: dict[str, Direction] = {
    "IOCB_CMD_PREAD": "read",
    "IOCB_CMD_PREADV": "read",
    "IOCB_CMD_PWRITE": "write",
    "IOCB_CMD_PWRITEV": "write",
}
_SYNCS = {"IOCB_CMD_FSYNC": "every", "IOCB_CMD_FDSYNC": "data"}
_MOST_QUEUED = 65536


def _submit(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is None or call.result <= 0 or len(arguments) < 3:
        return
    queue = state.queued.setdefault((thread.process, arguments[0]), [])
    found = [fields(item) for item in items(arguments[2]) or ()][: call.result]
    if not found:
        state.unseen["io_submit"] += call.result
    # What is not direct has been transferred when the call returns, one after the other.
    each = replace(call, took_s=call.took_s / call.result) if call.took_s else call
    for one in found:
        held = state.held(thread, one.get("aio_fildes", ""))
        command = one.get("aio_lio_opcode", "")
        if held is None or held.kind is None:
            continue
        if command == "IOCB_CMD_POLL":
            held.waits.add("kaio")
            held.ready = "kaio"
        elif command in _SYNCS:
            flow = state.flow_of(held)
            flow.sync_calls += 1
            flow.sync_every += _SYNCS[command] == "every"
        elif command in _DIRECTIONS:
            direction = _DIRECTIONS[command]
            _queue(state, thread, each, held, direction, one)
            state.flow_of(held).batches.add(call.result)
            if len(queue) < _MOST_QUEUED:
                queue.append((call.started_s, held, direction))


def _queue(
    state: State,
    thread: Thread,
    call: Call,
    held: Opened,
    direction: Direction,
    one: dict[str, str],
) -> None:
    size = number(one.get("aio_nbytes", "")) or 0
    if "V" in one["aio_lio_opcode"].removeprefix("IOCB_CMD_"):
        vectors = items(one.get("aio_buf", "")) or ()
        size = sum(number(fields(vector).get("iov_len", "")) or 0 for vector in vectors)
    if size <= 0:
        return
    flow = transferred(state, thread, held, direction, size, size, call)
    flow.waits["kaio"] += 1
    request_starts(thread, flow, call.started_s)
    offset = number(one.get("aio_offset", ""))
    if held.kind == "file" and offset is not None:
        placed(thread, held, flow, direction, offset, size, size)


def _reap(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    """Which request each event is of, the log does not show: the first submitted ones."""
    if not call.result or call.result < 0 or not arguments:
        return
    queue = state.queued.get((thread.process, arguments[0]), [])
    end = call.started_s + (call.took_s or 0.0)
    for start, held, direction in queue[: call.result]:
        state.flight.add(start, end, (held, direction))
    del queue[: call.result]


def _ring_set_up(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is None or call.result < 0 or len(arguments) < 2:
        return
    held = thread.process.give(call.result, Opened(thread.process.program, None))
    seen = descriptor(f"{call.result}{call.result_note}")
    held.decoration = seen.decoration if seen and seen.kind else None
    ring = state.ring_of[held] = RingSeen(thread.process)
    ring.entries = number(arguments[0]) or 0
    ring.flags = flags(fields(arguments[1]).get("flags", ""))


def _ring(state: State, thread: Thread, text: str) -> RingSeen | None:
    held = state.held(thread, text)
    if held is None:
        return None
    if held not in state.ring_of:
        state.ring_of[held] = RingSeen(thread.process)
    return state.ring_of[held]


def _enter(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    ring = _ring(state, thread, arguments[0]) if arguments else None
    if ring is None:
        return
    if call.result is not None and call.result > 0:
        ring.submitted += call.result
        ring.since_wait += call.result
        ring.most_at_once = max(ring.most_at_once, call.result)
    if len(arguments) > 2 and number(arguments[2]):
        # More than the queue holds: the others ended without a wait, and say nothing.
        if ring.since_wait <= ring.entries:
            ring.most_at_once = max(ring.most_at_once, ring.since_wait)
        ring.since_wait = 0
    ring.first_s = min(ring.first_s, call.started_s)
    ring.last_s = max(ring.last_s, call.started_s + (call.took_s or 0.0))
    ring.threads.add(thread.number)


def _register(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    ring = _ring(state, thread, arguments[0]) if arguments else None
    if ring is None or len(arguments) < 3 or call.result is None or call.result < 0:
        return
    what = arguments[1]
    if "REGISTER_BUFFERS" in what and "UNREGISTER" not in what:
        ring.fixed.add("buffers")
    if "REGISTER_FILES" in what and "UNREGISTER" not in what:
        ring.fixed.add("files")
        for item in items(arguments[2]) or ():
            if held := state.held(thread, item):
                ring.registered[held] = None


HANDLERS: dict[str, Handler] = {
    "io_submit": _submit,
    "io_getevents": _reap,
    "io_pgetevents": _reap,
    "io_uring_setup": _ring_set_up,
    "io_uring_enter": _enter,
    "io_uring_register": _register,
}
