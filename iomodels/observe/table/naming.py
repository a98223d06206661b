"""What a descriptor is, from what strace writes behind its number, or from the name opened."""

from __future__ import annotations

import re
from typing import NamedTuple

from iomodels.observe.log.arguments import FileDescriptor, descriptor
from iomodels.observe.seen import Kind
from iomodels.observe.table.opened import Family

_KINDS: dict[str | None, tuple[Kind | None, Family | None]] = {
    "file": ("file", None),
    "pipe": ("pipe", None),
    "socket": ("socket", None),
    "tcp": ("socket", "tcp"),
    "unix": ("socket", "unix"),
    "timerfd": ("timer", None),
}
_ENDS = re.compile(r"\[([^\[\],]+|\[[^\]]*\]:\d+)->([^\],\[]+|\[[^\]]*\]:\d+)")
_LIBRARY = re.compile(
    r"\.(?:so(?:\.[\d.]+)?|pyc?|pyi|pth|mo|jar|rb|pm|node|conf|cfg|cache|dist-info/\w+)$"
    r"|^/(?:etc|lib|lib32|lib64)/|^/usr/(?:lib|lib32|lib64|share/(?:locale|zoneinfo|i18n|perl5?))/"
)


class Named(NamedTuple):
    """What a descriptor is; of a path only a number that stands for it."""

    kind: Kind | None
    family: Family | None = None
    file: int | None = None
    connection: tuple[int, int] | None = None
    is_library: bool = False
    is_datagram: bool = False


def named(seen: FileDescriptor) -> Named:
    """From its decoration. `hash` of a text differs from run to run and leads back to nothing."""
    kind, family = _KINDS.get(seen.kind, (None, None))
    if kind == "file":
        path = seen.decoration.removesuffix(" (deleted)").removesuffix("(deleted)")
        return Named(kind, file=hash(path), is_library=_LIBRARY.search(path) is not None)
    if kind == "socket" and (ends := _ENDS.search(seen.decoration)):
        return Named(kind, family, connection=(hash(ends[1]), hash(ends[2])))
    if kind == "socket" and seen.decoration.startswith("UNIX-DGRAM"):
        return Named(None, is_datagram=True)
    return Named(kind, family, is_datagram=seen.kind == "udp")


def named_by_path(text: str) -> Named:
    """From the argument of an opening call: a quoted path."""
    path = text.strip().removesuffix("...").strip('"')
    seen = descriptor(f"0<{path}>") if path.startswith("/") else None
    return named(seen) if seen else Named("file", file=hash(path))
