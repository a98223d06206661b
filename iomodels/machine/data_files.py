"""Checks of where data files go: the file system, direct I/O, and who drops cached pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from iomodels.machine import environment, probes
from iomodels.machine.check import Check
from iomodels.machine.environment import Fact

MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "fuse.sshfs")


def data_files(folder: Path, facts: Mapping[str, Fact], root: Path) -> list[Check]:
    """Those of the group "Data files"."""
    group = "Data files"
    kind, device = facts["file_system"], facts["file_system_device"]
    where = environment.file_system_text(kind, device)
    memory, network = kind in MEMORY_FILE_SYSTEMS, kind in NETWORK_FILE_SYSTEMS
    if memory:
        meaning = "the files are memory: there is no device, and even direct I/O answers from RAM"
    elif network:
        meaning = "the data may come over a network: its delays are in every cold and direct read"
    else:
        meaning = "cached reads hardly depend on it; direct and cold reads are its and the device's"
    poor = memory or network
    return [
        Check(
            group,
            "file system",
            where,
            "warn" if memory else "note" if network else "ok",
            meaning,
            "choose a folder on a local disk with `--folder`" if poor else None,
        ),
        _direct_io(group, folder, memory),
        *_reclaim(group, root),
    ]


def _reclaim(group: str, root: Path) -> list[Check]:
    if not probes.reclaims_proactively(root):
        return []
    return [
        Check(
            group,
            "page cache",
            "reclaimed before memory is short (kdamond runs)",
            "note",
            "DAMON drops pages that look cold; a trial that loses cached pages is repeated",
            "nothing, if such a notice is rare; else a smaller channel.size, or DAMON's "
            "schemes off (/sys/kernel/mm/damon/admin)",
        )
    ]


def _direct_io(group: str, folder: Path, memory: bool) -> Check:
    name = "direct I/O"
    try:
        refused = probes.direct_io_error(folder)
    except OSError as error:
        return Check(
            group,
            name,
            f"no file can be made there ({error.strerror})",
            "warn",
            "file scenarios need a folder for their data file",
            "choose a folder that can be written, with room, with `--folder`",
        )
    if refused is None and memory:
        refused = "there is no device"
    if refused is None:
        return Check(group, name, "works", "ok", "cache = direct can be measured there")
    return Check(
        group,
        name,
        f"not possible ({refused})",
        "warn",
        "scenarios with cache = direct cannot be measured there",
        "choose a folder on ext4, xfs or btrfs with `--folder`",
    )
