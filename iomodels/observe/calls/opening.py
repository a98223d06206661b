"""Calls that open, close or change descriptors."""

from __future__ import annotations

from iomodels.observe.calls.state import Handler, State
from iomodels.observe.log.arguments import descriptor, fields, flags, items, number
from iomodels.observe.log.call import Call
from iomodels.observe.seen import Kind
from iomodels.observe.table.naming import Named, named, named_by_path
from iomodels.observe.table.opened import Family, Opened, Role
from iomodels.observe.table.thread import Thread

_FAMILIES: dict[str, Family] = {
    "AF_UNIX": "unix",
    "AF_LOCAL": "unix",
    "AF_INET": "tcp",
    "AF_INET6": "tcp",
}
_WRITING = ("O_WRONLY", "O_RDWR")


def _give(
    state: State,
    thread: Thread,
    call: Call,
    what: Named,
    modes: frozenset[str] = frozenset(),
    role: Role | None = None,
) -> Opened | None:
    """The result is a new descriptor. `modes` are the flags that it was opened with."""
    if call.result is None or call.result < 0:
        return None
    seen = descriptor(f"{call.result}{call.result_note}")
    if seen is not None and seen.kind is not None:
        what = named(seen)._replace(is_datagram=what.is_datagram)
    held = Opened(
        thread.process.program,
        None if "O_DIRECTORY" in modes or "O_PATH" in modes else what.kind,
        what.family,
        is_append="O_APPEND" in modes,
        is_direct="O_DIRECT" in modes,
        is_nonblocking=bool(modes & {"O_NONBLOCK", "SOCK_NONBLOCK", "TFD_NONBLOCK"}),
        sync="every" if "O_SYNC" in modes else "data" if "O_DSYNC" in modes else "none",
        is_library=what.is_library and not modes & set(_WRITING),
        is_datagram=what.is_datagram,
        file=what.file,
        role=role,
        decoration=seen.decoration if seen and seen.kind else None,
    )
    state.connect(held, what.connection)
    closes = any(mode.endswith("_CLOEXEC") for mode in modes)
    return thread.process.give(call.result, held, closes_on_exec=closes)


def _open(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    at = 0 if call.name in ("open", "creat") else 1
    if len(arguments) <= at:
        return
    modes = flags(arguments[at + 1]) if len(arguments) > at + 1 else frozenset()
    if call.name == "openat2":
        modes = flags(fields(arguments[at + 1]).get("flags", ""))
    if call.name == "creat":
        modes = frozenset({"O_WRONLY"})
    _give(state, thread, call, named_by_path(arguments[at]), modes)


def _socket(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) >= 2:
        modes = flags(arguments[1])
        family = _FAMILIES.get(arguments[0]) if "SOCK_STREAM" in modes else None
        what = Named("socket" if family else None, family, is_datagram="SOCK_DGRAM" in modes)
        _give(state, thread, call, what, modes)


def _pair(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    is_pipe = call.name.startswith("pipe")
    ends = arguments[0] if is_pipe else arguments[3] if len(arguments) > 3 else ""
    found = [descriptor(end) for end in items(ends) or ()]
    if call.result != 0 or len(found) != 2:
        return
    modes = flags(arguments[1]) if len(arguments) > 1 else frozenset()
    ids = hash((call.thread, call.started_s)), hash((call.thread, call.started_s, "other"))
    for seen, connection in zip(found, (ids, ids[::-1]), strict=True):
        if seen is None:
            continue
        what = named(seen) if seen.kind else Named("pipe" if is_pipe else "socket")
        held = Opened(
            thread.process.program,
            what.kind,
            what.family or (None if is_pipe else "unix"),
            is_nonblocking=bool(modes & {"O_NONBLOCK", "SOCK_NONBLOCK"}),
            decoration=seen.decoration if seen.kind else None,
        )
        state.connect(held, what.connection or connection)
        closes = any(mode.endswith("_CLOEXEC") for mode in modes)
        thread.process.give(seen.number, held, closes_on_exec=closes)


def _accept(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    listener = state.held(thread, arguments[0]) if arguments else None
    if listener is None:
        return
    listener.kind = listener.kind or "socket"
    _listens(thread, listener)
    modes = flags(arguments[3]) if len(arguments) > 3 else frozenset()
    _give(state, thread, call, Named("socket", listener.family), modes, role="server")


def _connect(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    held = state.held(thread, arguments[0]) if arguments else None
    if held is not None and (call.result == 0 or call.error == "EINPROGRESS"):
        held.role = "client"
        thread.process.found_out(held)


def _listens(thread: Thread, held: Opened) -> None:
    """It is not a connection."""
    if not held.is_listening:
        held.is_listening = True
        thread.process.found_out(held)


def _listen(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    held = state.held(thread, arguments[0]) if arguments else None
    if held is not None and call.result == 0:
        _listens(thread, held)


def _duplicate(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    old = descriptor(arguments[0]) if arguments else None
    if old is None or call.result is None or call.result < 0:
        return
    state.held_of(thread.process, old)
    closes = call.name == "dup3" and "O_CLOEXEC" in arguments[-1]
    thread.process.share(old.number, call.result, closes_on_exec=closes)


def _control(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) < 2 or call.result is None or call.result < 0:
        return
    what = arguments[1]
    if what.startswith("F_DUPFD"):
        old = descriptor(arguments[0])
        if old is not None:
            state.held_of(thread.process, old)
            closes = what == "F_DUPFD_CLOEXEC"
            thread.process.share(old.number, call.result, closes_on_exec=closes)
        return
    held = state.held(thread, arguments[0])
    if held is None:
        return
    if what == "F_SETFL" and len(arguments) > 2:
        modes = flags(arguments[2])
        held.is_nonblocking = "O_NONBLOCK" in modes
        held.is_append = "O_APPEND" in modes
        held.is_direct = "O_DIRECT" in modes
        held.is_signalling = bool(modes & {"O_ASYNC", "FASYNC"})
    elif what == "F_GETFL":
        modes = flags(call.result_note)
        held.is_nonblocking |= "O_NONBLOCK" in modes
        held.is_append |= "O_APPEND" in modes
        held.is_direct |= "O_DIRECT" in modes
    elif what == "F_SETFD" and len(arguments) > 2:
        seen = descriptor(arguments[0])
        assert seen is not None, "held without a number"
        if "FD_CLOEXEC" in arguments[2]:
            thread.process.closes_on_exec.add(seen.number)
        else:
            thread.process.closes_on_exec.discard(seen.number)


def _device_control(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    if len(arguments) > 2 and arguments[1] == "FIONBIO" and call.result == 0:
        held = state.held(thread, arguments[0])
        if held is not None:
            held.is_nonblocking = arguments[2] != "[0]"


def _close(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    seen = descriptor(arguments[0]) if arguments else None
    if seen is not None:  # Linux closes it also where close fails.
        thread.process.close(seen.number)


def _close_range(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
    first, last = (number(text) for text in (*arguments, "", "")[:2])
    if first is None or last is None or call.result != 0:
        return
    for descriptor_number in [known for known in thread.process.held if first <= known <= last]:
        if len(arguments) > 2 and "CLOEXEC" in arguments[2]:
            thread.process.closes_on_exec.add(descriptor_number)
        else:
            thread.process.close(descriptor_number)


def _made(kind: Kind | None) -> Handler:
    def made(state: State, thread: Thread, call: Call, arguments: list[str]) -> None:
        modes = frozenset[str]().union(*(flags(text) for text in arguments))
        _give(state, thread, call, Named(kind), modes)

    return made


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), _open),
    **dict.fromkeys(("dup", "dup2", "dup3"), _duplicate),
    **dict.fromkeys(("pipe", "pipe2", "socketpair"), _pair),
    **dict.fromkeys(("accept", "accept4"), _accept),
    **dict.fromkeys(("fcntl", "fcntl64"), _control),
    **dict.fromkeys(
        (
            *("eventfd", "eventfd2", "epoll_create", "epoll_create1", "memfd_create"),
            *("signalfd", "signalfd4", "inotify_init1", "pidfd_open", "userfaultfd"),
        ),
        _made(None),
    ),
    "timerfd_create": _made("timer"),
    "socket": _socket,
    "connect": _connect,
    "listen": _listen,
    "ioctl": _device_control,
    "close": _close,
    "close_range": _close_range,
}
