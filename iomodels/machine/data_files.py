"""Checks of where data files go: the file system, direct I/O, and who drops cached pages."""

from __future__ import annotations

from pathlib import Path

from iomodels.machine import probes, storage
from iomodels.machine.check import Check
from iomodels.machine.storage import UNKNOWN_DEVICE, Storage

GROUP = "Data files"


def data_files(folder: Path, root: Path) -> list[Check]:
    """Those of the group "Data files"."""
    found = storage.storage_of(folder, root)
    return [_file_system(found), _direct_io(folder, found), *_reclaim(root)]


def _file_system(found: Storage) -> Check:
    name, elsewhere = "file system", "choose a folder on a local disk with `--folder`"
    if found.memory:
        meaning = "the files are memory: there is no device, and even direct I/O answers from RAM"
        return Check(GROUP, name, found.text, "warn", meaning, elsewhere)
    if found.in_user_space:
        meaning = "another process answers, and may have a cache: no cold and no direct reads there"
    elif found.kind is None or found.device == UNKNOWN_DEVICE:
        meaning = "which device answers direct and cold reads, and from what cache, is not known"
    elif found.over_network:
        meaning = "the data may come over a network: its delays are in every cold and direct read"
    elif found.cached_below:
        meaning = "a file behind the loop device: the page cache may answer for the device"
        elsewhere += ", or use `losetup --direct-io=on`"
    else:
        meaning = "cached reads hardly depend on it; direct and cold reads are its and the device's"
        return Check(GROUP, name, found.text, "ok", meaning)
    return Check(GROUP, name, found.text, "note", meaning, elsewhere)


def _reclaim(root: Path) -> list[Check]:
    if not probes.reclaims_proactively(root):
        return []
    return [
        Check(
            GROUP,
            "page cache",
            "reclaimed before memory is short (kdamond runs)",
            "note",
            "DAMON drops pages that look cold; a trial that loses cached pages is repeated",
            "nothing, if such a notice is rare; else a smaller channel.size, or DAMON's "
            "schemes off (/sys/kernel/mm/damon/admin)",
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
            f"no file can be made there ({error.strerror})",
            "warn",
            "file scenarios need a folder for their data file",
            "choose a folder that can be written, with room, with `--folder`",
        )
    if refused is None:
        refused = _no_device(found)
    if refused is None:
        return Check(GROUP, name, "works", "ok", "cache = direct can be measured there")
    others = [kind for kind in ("ext4", "xfs", "btrfs") if kind != found.kind]
    return Check(
        GROUP,
        name,
        f"not possible ({refused})",
        "warn",
        "scenarios with cache = direct cannot be measured there",
        f"choose a folder on a disk with {' or '.join(others)}, with `--folder`",
    )


def _no_device(found: Storage) -> str | None:
    if found.memory:
        return "there is no device"
    if found.in_user_space:
        return "another process answers"
    return "it may be memory" if found.may_be_memory else None
