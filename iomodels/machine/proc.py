"""What /proc and /sys say, as text and numbers: small files, mounts, control groups.

Whatever is not there is None or empty, never an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Fact = str | int | float | bool | None


def text_of(fact: Fact) -> str:
    """A fact as it is shown."""
    return "unknown" if fact is None else str(fact)


ROOT = Path("/")
"""Where /proc and /sys are looked for. Tests describe another machine by giving its files."""


def read(path: Path) -> str | None:
    """The text of a small file, stripped; None where it is missing, unreadable or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t") or None
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """The whole number in a small file, or None."""
    text = read(path)
    return int(text) if text and re.fullmatch(r"-?[0-9]+", text) else None


# Mounts


@dataclass(frozen=True)
class Mount:
    """One line of /proc/self/mountinfo, as far as it is of use here."""

    device: str
    point: str
    kind: str
    source: str
    options: str


def mount_of(folder: Path, root: Path = ROOT) -> Mount | None:
    """The mount that `folder` lies on: the longest mount point, the last of them if stacked."""
    path = os.path.realpath(folder)
    found = None
    for mount in mounts(root):
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def mounts(root: Path) -> Iterator[Mount]:
    """All mounts (proc_pid_mountinfo(5)); none where /proc does not say."""
    for line in (read(root / "proc/self/mountinfo") or "").splitlines():
        before, dash, after = line.partition(" - ")
        head, tail = before.split(" "), after.split(" ")
        if dash and len(head) >= 6 and len(tail) >= 3:
            point = unescaped(head[4])
            yield Mount(head[2], point, tail[0], tail[1], tail[2])


def unescaped(name: str) -> str:
    """A name from mountinfo: spaces and the like are written there in octal."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), name)


# Control groups


def cgroup_folders(controller: str, root: Path = ROOT) -> list[Path]:
    """This process's control group of a controller (`cpu`, `pids`) and all above it, innermost
    first; empty if none shows.

    A limit on any of them holds for the process. In a container the path in /proc/self/cgroup may
    be the host's, and then the mount point itself is the process's group.
    """
    groups = re.findall(r"^\d+:(.*?):(/.*)$", read(root / "proc/self/cgroup") or "", re.MULTILINE)
    v1 = [path for controllers, path in groups if controller in controllers.split(",")]
    v2 = [path for controllers, path in groups if not controllers]
    kind, paths = ("cgroup", v1) if v1 else ("cgroup2", v2)
    for mount in mounts(root):
        if paths and mount.kind == kind and (not v1 or controller in mount.options.split(",")):
            base = root / mount.point.lstrip("/")
            inner = base / paths[0].lstrip("/")
            shown = ".." not in inner.parts and os.access(inner, os.F_OK)
            folder = inner if shown else base
            return [folder, *(up for up in folder.parents if up.is_relative_to(base))]
    return []


def may_be_limited(root: Path = ROOT) -> bool:
    """Whether a limit on CPU time can be there without being seen: the control groups cannot be
    read, though the kernel has some, or nobody can say whether it has."""
    if cgroup_folders("cpu", root):
        return False
    has_groups = read(root / "proc/self/cgroup") is not None
    return has_groups or next(mounts(root), None) is None
