"""The arguments of a call, as strace writes them: split, and read one by one.

All of this takes time in proportion to the text, whatever the text is: names of files are chosen by
anybody. So a string or a `<…>` that does not end goes on to the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

DescriptorKind = Literal[
    "file",
    "pipe",
    "socket",
    "tcp",
    "udp",
    "unix",
    "timerfd",
    "eventfd",
    "epoll",
    "io_uring",
    "signalfd",
    "other",
]


@dataclass(frozen=True, slots=True)
class FileDescriptor:
    """`kind` is None where strace did not say it (without -y). A socket is "tcp", "udp" or "unix"
    with -yy, and "socket" with -y. What has a path but no block of data (a terminal, /proc) is
    "other".

    `decoration` is what strace wrote of it, without `<` and `>`: it is private.
    """

    number: int
    kind: DescriptorKind | None
    decoration: str = ""


_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
# `>` ends it only where an argument can end: addresses have `->`, and older versions do not escape
# a `>` in a name. A device stands inside: `</dev/null<char 1:3>>`.
_DECORATION = (
    r"<[^<>\\]*+(?:(?:\\.|<(?:char|block) [^<>]*+>|<|>(?![,)\]}>(| =]|\Z))[^<>\\]*+)*+(?:>|\\?\Z)"
)
_PART = re.compile(
    rf"(?P<string>{_STRING})|(?<=[0-9D])(?!<<)(?P<decoration>{_DECORATION})|\\.|[](){{}}[,]",
    re.DOTALL,
)
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")
_DESCRIPTOR = re.compile(rf"\s*([0-9]{{1,9}})(?:(?!<<)({_DECORATION})|(?![\w.*<]))", re.DOTALL)
_NUMBER = re.compile(r"\s*(-?[0-9]{1,20}(?![\w.])|0x[0-9a-fA-F]{1,16}(?!\w))(?:\*([0-9]{1,9})\b)?")
_FLAG = re.compile(r"[A-Z_0-9a-z<]+")


def outer(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """The commas at the top level of `text`, each with its place, and last the closing bracket
    that has no opening one, if there is one."""
    depth = 0
    for match in _PART.finditer(text, start):
        part = match[0]
        if part == ",":
            if depth == 0:
                yield match.start(), part
        elif part in _OPENS:
            depth += 1
        elif part in _CLOSES:
            if depth == 0:
                yield match.start(), part
                return
            depth -= 1


def split(arguments: str) -> list[str]:
    """The arguments, each without the spaces around it. Of none: an empty list."""
    parts: list[str] = []
    start = 0
    for place, _ in outer(arguments):
        parts.append(arguments[start:place].strip())
        start = place + 1
    last = arguments[start:].strip()
    return [*parts, last] if parts or last else []


def descriptor(text: str) -> FileDescriptor | None:
    """The descriptor that `text` begins with (one argument, or all of them from there); None where
    it is none, as AT_FDCWD, -1 and NULL."""
    match = _DESCRIPTOR.match(text)
    if match is None:
        return None
    number, decoration = match.groups()
    if decoration is None:
        return FileDescriptor(int(number), None)
    inside = decoration[1:-1]
    return FileDescriptor(int(number), _kind(inside), inside)


_PREFIXES: tuple[tuple[str, DescriptorKind], ...] = (
    ("pipe:", "pipe"),
    ("socket:", "socket"),
    ("TCP", "tcp"),
    ("UDP", "udp"),
    ("UNIX", "unix"),
    ("anon_inode:[timerfd]", "timerfd"),
    ("anon_inode:[eventfd]", "eventfd"),
    ("anon_inode:[eventpoll]", "epoll"),
    ("anon_inode:[io_uring]", "io_uring"),
    ("anon_inode:[signalfd]", "signalfd"),
    ("signalfd:", "signalfd"),
    ("{eventfd-count", "eventfd"),
    ("/proc/", "other"),
    ("/sys/", "other"),
    ("/memfd:", "other"),
    ("/dev/shm/", "file"),
)
_DISKS = re.compile(r"/dev/(?:sd|hd|vd|xvd|nvme|mmcblk|loop|md|dm-|mapper/|disk/|ram|zram|nbd|sr)")


def _kind(decoration: str) -> DescriptorKind:
    for prefix, kind in _PREFIXES:
        if decoration.startswith(prefix):
            return kind
    if decoration.startswith("/dev/"):
        is_disk = "<block " in decoration or _DISKS.match(decoration)
        return "file" if is_disk else "other"
    return "file" if decoration.startswith("/") else "other"


def number(text: str) -> int | None:
    """The number that `text` is or begins with: `4096`, `-1`, `0x1000`, `8192*1024`; else None."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = int(match[1], 16) if match[1].startswith("0x") else int(match[1])
    return value * int(match[2]) if match[2] else value


def fields(structure: str) -> dict[str, str]:
    """Of `{iov_base=""..., iov_len=4096}` the fields by name; of what is no structure, none."""
    inner = _inside(structure, "{", "}")
    pairs = (item.partition("=") for item in split(inner or ""))
    return {name: value for name, is_one, value in pairs if is_one}


def items(array: str) -> list[str] | None:
    """Of `[a, b]` the items; None where strace left them out (`[...]`, an address, NULL)."""
    inner = _inside(array, "[", "]")
    if inner is None:
        return None
    found = split(inner)
    return None if found and found[-1] == "..." else found


def _inside(text: str, opening: str, closing: str) -> str | None:
    text = text.strip()
    return text[1:-1] if text.startswith(opening) and text.endswith(closing) else None


def flags(text: str) -> frozenset[str]:
    """Of `O_RDWR|O_DIRECT` the names."""
    return frozenset(_FLAG.findall(text))
