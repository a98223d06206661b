"""Checks of where data files go: the file system, direct I/O, and who drops cached pages."""

from __future__ import annotations

from pathlib import Path

from iomodels.machine import noise, probes, storage
from iomodels.machine.check import Check
from iomodels.machine.storage import UNKNOWN_DEVICE, Storage

GROUP = "Data files"


def data_files(folder: Path, root: Path) -> list[Check]:
    """Those of the group "Data files"."""
    found = storage.storage_of(folder, root)
    return [_file_system(found), _direct_io(folder, found), *_reclaim(root)]


def _file_system(found: Storage) -> Check:
    name, elsewhere = "file system", "use a folder on a local disk: `--folder`"
    if found.memory:
        meaning = (
            "the files are in memory: there is no device, and direct I/O reads from memory too"
        )
        return Check(GROUP, name, found.text, "warn", meaning, elsewhere)
    if found.in_user_space:
        meaning = "another process answers and can have a cache: no cold and no direct reads there"
    elif found.kind is None:
        meaning = "/proc cannot be read, so the file system and its device are unknown"
        elsewhere = noise.SHOW_PROC
    elif found.device == UNKNOWN_DEVICE:
        meaning = "the device that answers direct and cold reads, and its caches, are unknown"
    elif found.over_network:
        meaning = "the data can come over a network; cold and direct reads contain its delays"
    elif found.cached_below:
        meaning = "a loop device on a file: the page cache can answer instead of the device"
        elsewhere += ", or use `losetup --direct-io=on`"
    else:
        meaning = (
            "cached reads hardly depend on it; direct and cold reads depend on it and on the device"
        )
        return Check(GROUP, name, found.text, "ok", meaning)
    return Check(GROUP, name, found.text, "note", meaning, elsewhere)


def _reclaim(root: Path) -> list[Check]:
    if not probes.reclaims_proactively(root):
        return []
    return [
        Check(
            GROUP,
            "page cache",
            "reclaimed early (kdamond runs)",
            "note",
            "DAMON drops pages that are rarely used; a trial that loses cached pages is repeated",
            "if such notes are frequent, use a smaller channel.size, or turn the schemes of DAMON "
            "off (/sys/kernel/mm/damon/admin)",
        )
    ]


def _direct_io(folder: Path, found: Storage) -> Check:
    name = "direct I/O"
    try:
        refused = storage.direct_io_error(folder)
    except OSError as error:
        return Check(
            GROUP,
            name,
            f"no file can be created there ({error.strerror})",
            "warn",
            "file scenarios need a folder for their data file",
            "use a folder with write permission and free space: `--folder`",
        )
    if refused is None:
        refused = _no_device(found)
    if refused is None:
        return Check(GROUP, name, "works", "ok", "channel.cache = direct can be measured there")
    others = [kind for kind in ("ext4", "xfs", "btrfs") if kind != found.kind]
    return Check(
        GROUP,
        name,
        f"not possible ({refused})",
        "warn",
        "scenarios with channel.cache = direct cannot be measured there",
        f"use a folder on a disk with {' or '.join(others)}: `--folder`",
    )


def _no_device(found: Storage) -> str | None:
    if found.memory:
        return "there is no device"
    if found.in_user_space:
        return "another process answers"
    return "it may be memory" if found.may_be_memory else None
