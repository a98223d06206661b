"""What moves data without a transfer that the log shows: counted, to be said."""

from __future__ import annotations

from iomodels.observe.calls.state import Handler, State
from iomodels.observe.log.arguments import number
from iomodels.observe.log.call import Call
from iomodels.observe.table.thread import Thread

REASONS = {
    "mmap": "what is read and written through memory makes no system calls",
    "splice": "a pipe and a descriptor exchange data in the kernel; no scenario does that",
    "tee": "two pipes exchange data in the kernel; no scenario does that",
    "vmsplice": "memory is given to a pipe in the kernel; no scenario does that",
    "sendfile": "a file is sent by the kernel itself; no scenario does that",
    "copy_file_range": "a file is copied by the kernel itself; no scenario does that",
    "process_vm_readv": "memory of another process is read; that is no I/O of a descriptor",
    "process_vm_writev": "memory of another process is written; that is no I/O of a descriptor",
    "datagrams": "no scenario has datagrams",
    "io_uring": "size and place of its requests lie in memory shared with the kernel",
    "io_submit": "the log leaves out its requests (strace -s 0 needs -e abbrev=execve)",
    "recvmmsg": "the log does not show the sizes of its messages",
    "sendmmsg": "the log does not show the sizes of its messages",
}
_MAPPED = 65536
"""Smaller maps are counted as the small change of a program's start."""


def _moved(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is not None and call.result > 0:
        state.unseen[call.name] += 1
        state.unseen_bytes[call.name] += call.result


def _counted(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if call.result is not None and call.result > 0:
        state.unseen[call.name] += 1


def _map(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) < 5 or arguments[4].startswith("-1") or "MAP_ANON" in arguments[3]:
        return
    if call.error or "PROT_EXEC" in arguments[2] or "MAP_FIXED" in arguments[3]:
        return
    held = state.held(thread, arguments[4])
    size = number(arguments[1]) or 0
    if held is not None and held.kind == "file" and not held.is_library and size >= _MAPPED:
        state.unseen["mmap"] += 1
        state.unseen_bytes["mmap"] += size


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(
        (
            *("splice", "tee", "vmsplice", "sendfile", "sendfile64", "copy_file_range"),
            *("process_vm_readv", "process_vm_writev"),
        ),
        _moved,
    ),
    **dict.fromkeys(("recvmmsg", "sendmmsg"), _counted),
    **dict.fromkeys(("mmap", "mmap2"), _map),
}
