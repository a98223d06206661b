"""What lies beneath a folder: its file system, and the device behind that, as far as is known.

Direct and cold reads say something of a device. Where memory answers (tmpfs, an overlay or a loop
device on it, a RAM disk), or another process with a cache of its own (FUSE), they do not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from iomodels import _core
from iomodels.machine.proc import ROOT, Fact, Mount, mount_of, read, unescaped

MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs", "devtmpfs", "hugetlbfs")
NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph")
MEMORY_DEVICES = re.compile(r"(?:ram|zram)\d+")
LOOP_DEVICES = re.compile(r"(loop\d+)(?:p\d+)?")
UNKNOWN_DEVICE = "an unknown device"
DEEPEST = 8
"""File systems in files of file systems: no more of them are followed."""

_FS_IOC_FIEMAP = 0xC020660B
_FIEMAP = struct.Struct("=QQLLLL")


@dataclass(frozen=True)
class Storage:
    """`kind` is that of the file system. `device` is the kernel's name of what is behind it, or
    None for a file system without one of its own, or in words where it is memory or not known."""

    kind: str | None = None
    device: str | None = None
    memory: bool = False
    """It is known that memory answers."""
    may_be_memory: bool = False
    """It cannot be known whether memory answers."""
    cached_below: bool = False
    """A loop device whose file may be in the page cache."""

    @property
    def facts(self) -> dict[str, Fact]:
        """For a result's `environment`."""
        return {"file_system": self.kind, "file_system_device": self.device}

    @property
    def text(self) -> str:
        """`ext4 on vda`; just `tmpfs` where there is no device."""
        kind = "an unknown file system" if self.kind is None else self.kind
        return f"{kind}{f' on {self.device}' if self.device else ''}"

    @property
    def in_user_space(self) -> bool:
        """Whether another process answers (FUSE)."""
        return self.kind is not None and self.kind.partition(".")[0] in ("fuse", "fuseblk")

    @property
    def over_network(self) -> bool:
        """Whether the data may come over a network."""
        return self.kind in NETWORK_FILE_SYSTEMS or self.kind == "fuse.sshfs"

    @property
    def why_no_device(self) -> str | None:
        """Why direct and cold reads there say nothing of a device, or None. Names no folder."""
        if self.memory:
            return f"channel.folder is in memory ({self.text}), and there is no device"
        if self.in_user_space:
            return (
                f"channel.folder is on a file system in user space ({self.kind}), where another "
                "process answers and may have a cache"
            )
        if self.may_be_memory:
            return (
                f"channel.folder is on {self.text}, which may be memory: its layers cannot be seen "
                "from here"
            )
        return None

    @property
    def doubt(self) -> str | None:
        """What makes direct and cold reads there doubtful, without ruling them out, or None."""
        if self.cached_below:
            return (
                f"the data files are on a loop device ({self.device}), whose own file may be in "
                "the page cache, so direct and cold reads may come from memory: use another "
                "folder, or `losetup --direct-io=on`"
            )
        if self.kind is None or self.device == UNKNOWN_DEVICE:
            return (
                f"the data files are on {self.text}: which device answers direct and cold reads, "
                "and from what cache, is not known"
            )
        return None


def storage_of(folder: Path, root: Path = ROOT) -> Storage:
    """What lies beneath `folder`. On an overlay whose layers cannot be seen, a nameless file is
    made there for a moment, to ask where its bytes are."""
    return _beneath(folder, root, DEEPEST)


def file_system_of(folder: Path, root: Path = ROOT) -> str:
    """The same in words: `ext4 on vda`."""
    return storage_of(folder, root).text


def _beneath(folder: Path, root: Path, deepest: int) -> Storage:
    mount = mount_of(folder, root)
    if mount is None:
        return Storage(may_be_memory=not _has_extents(folder))
    if deepest == 0:
        return Storage(mount.kind, UNKNOWN_DEVICE, may_be_memory=True)
    if mount.kind in MEMORY_FILE_SYSTEMS:
        return Storage(mount.kind, memory=True)
    if mount.kind == "overlay":
        return _beneath_overlay(mount, folder, root, deepest)
    name = _device_name(mount, root)
    if name is None:
        return Storage(mount.kind)
    return replace(_device(name, root, deepest), kind=mount.kind)


# Overlays


def _beneath_overlay(mount: Mount, folder: Path, root: Path, deepest: int) -> Storage:
    """Files are made in the upper layer. In a container its path is mostly another one's."""
    layers = _layers(mount)
    upper = layers.get("upperdir")
    if upper is not None and all(Path(path).is_dir() for path in layers.values()):
        below = _beneath(Path(upper), root, deepest - 1)
        device = f"memory ({below.kind})" if below.memory and not below.device else below.device
        return replace(below, kind=mount.kind, device=device)
    return Storage(mount.kind, UNKNOWN_DEVICE, may_be_memory=not _has_extents(folder))


def _layers(mount: Mount) -> dict[str, str]:
    """The upper and the work folder, by name of the option; they lie on one file system."""
    options = (option.partition("=") for option in mount.options.split(","))
    return {name: unescaped(value) for name, _, value in options if name in ("upperdir", "workdir")}


def _has_extents(folder: Path) -> bool:
    """Whether a file there has places on a device (FS_IOC_FIEMAP). Those of memory have none; an
    overlay passes the question on to its upper layer."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(4096))
            fcntl.ioctl(file, _FS_IOC_FIEMAP, _FIEMAP.pack(0, 4096, 0, 0, 0, 0))
    except OSError:
        return False
    return True


# Block devices


def _device(name: str, root: Path, deepest: int) -> Storage:
    """What is known of a block device. One made of others (dm, md) has it from those."""
    if MEMORY_DEVICES.fullmatch(name):
        return Storage(device=name, memory=True)
    if loop := LOOP_DEVICES.fullmatch(name):
        return _loop(name, root / "sys/block" / loop[1] / "loop", root, deepest)
    parts = [
        _device(part.name, root, deepest - 1)
        for part in sorted((root / "sys/block" / name / "slaves").glob("*"))
        if deepest > 1
    ]
    return Storage(
        device=name,
        memory=bool(parts) and all(part.memory for part in parts),
        cached_below=any(part.cached_below for part in parts),
    )


def _loop(name: str, facts: Path, root: Path, deepest: int) -> Storage:
    backing = read(facts / "backing_file")
    direct = read(facts / "dio") == "1"
    memory = False
    if backing is not None and Path(backing).exists():
        memory = _beneath(Path(backing), root, deepest - 1).memory
    return Storage(device=name, memory=memory, cached_below=not direct)


def _device_name(mount: Mount, root: Path) -> str | None:
    """The block device's kernel name; None for a file system that has none of its own.

    btrfs gives its mounts numbers that are no device's, hence the second way.
    """
    number = mount.device
    if number.startswith("0:") and mount.source.startswith("/dev/"):
        try:
            rdev = (root / mount.source.lstrip("/")).stat().st_rdev
        except OSError:
            return None
        number = f"{os.major(rdev)}:{os.minor(rdev)}"
    try:
        return (root / "sys/dev/block" / number).readlink().name
    except OSError:
        return None


# Direct I/O


def direct_io_error(folder: Path) -> str | None:
    """Write and read a block past the page cache; None if it works, else the file system's answer.

    Raises `OSError` where not even a file for the trial can be made.
    """
    import mmap

    with tempfile.TemporaryFile(dir=folder, buffering=0) as file, mmap.mmap(-1, 1 << 16) as block:
        fd = file.fileno()
        try:
            if _core.direct_alignment(fd) == 0:
                return "the file system has none"
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_DIRECT)
            if os.pwrite(fd, block, 0) == len(block) == os.preadv(fd, [block], 0):
                return None
            return "short transfer"
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            return error.strerror
