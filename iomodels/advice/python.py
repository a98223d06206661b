"""What an I/O model is called in Python's standard library: for `advise --python`."""

from __future__ import annotations

from collections.abc import Mapping

from iomodels.engines import engine_text

MODULES: Mapping[str, str] = {
    "blocking": "os.read and os.write, or a blocking socket",
    "nonblocking": "os.set_blocking(fd, False), and BlockingIOError",
    "select": "selectors.SelectSelector",
    "poll": "selectors.PollSelector",
    "epoll": "selectors.EpollSelector, or asyncio, which uses it",
    "epoll:trigger=edge": "select.epoll with EPOLLET",
    "epoll:trigger=oneshot": "select.epoll with EPOLLONESHOT",
    "threads": "concurrent.futures.ThreadPoolExecutor, or asyncio.to_thread",
    "threads:handoff=none": "threading.Thread for each, as socketserver.ThreadingMixIn starts them",
    "sigio": "signal.signal with fcntl.F_SETSIG",
}
"""By the engine's name, with an option where that is another module. What is not here has none
in the standard library."""

CAVEAT = (
    "It was measured in C; Python's own cost of an operation comes on top, the same for all models "
    "at the least, and makes their differences smaller."
)


def module_of(engine: str) -> str | None:
    """What it is in Python: None where the standard library has nothing for it."""
    return MODULES.get(engine) or MODULES.get(engine_text.name_of(engine))
