"""Which calls can put their caller to sleep until something happens, and which only take time.

A long call is not a blocked one: `aio_read` of 8 µs starts a thread, and a `pread` of a cached file
copies. What the manual pages say of the calls, and how the engine opens its descriptors, decides.
"""

from __future__ import annotations

from collections.abc import Mapping

_WAITS = frozenset({"select", "ppoll", "aio_suspend", "futex_wait"})
"""They exist to wait."""
_STREAM = frozenset({"read", "write"})
"""They wait where the descriptor is a blocking one (read(2), O_NONBLOCK)."""
_STORAGE = frozenset({"pread", "pwrite"})
"""They wait where the device has to answer; O_NONBLOCK changes nothing on a regular file."""
_SYNC = frozenset({"fsync", "fdatasync"})
_BLOCKING_DESCRIPTORS = frozenset({"blocking", "threads"})
"""The engines whose descriptors are blocking and that make the calls themselves."""


def may_sleep(call: str, engine: str, parameters: Mapping[str, object]) -> bool:
    """Whether the call can block its thread. `engine` is canonical, `parameters` as in a result."""
    name, _, options = engine.partition(":")
    if call in _WAITS or call in _SYNC:
        return True
    if call in _STREAM:
        return name in _BLOCKING_DESCRIPTORS
    if call in _STORAGE:
        return parameters.get("channel.cache") in ("cold", "direct")
    if call == "lio_listio":
        return "mode=nowait" not in options.split(",")
    return False
