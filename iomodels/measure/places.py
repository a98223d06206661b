"""Where a run has its files: one file system, which the result describes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from iomodels.base.errors import ScenarioError
from iomodels.machine import storage
from iomodels.trials.planned import PlannedCell
from iomodels.workload.channels import FileChannel
from iomodels.workload.point import Point


def described(points: Iterable[Point]) -> Path:
    """The folder of the first point on files; its file system is described."""
    for point in points:
        if point.channel.kind == "file":
            return Path(point.channel.folder)
    return Path("/var/tmp")


def check_one_file_system(cells: Iterable[PlannedCell]) -> None:
    """Refuse files on several file systems: a result names one, and others would be compared with
    it. Raises `ScenarioError` with two scenarios that differ."""
    by_folder: dict[str, str] = {}
    for cell in cells:
        channel = cell.point.channel
        if cell.na_reason is None and isinstance(channel, FileChannel):
            by_folder.setdefault(str(channel.folder), cell.point.scenario)
    first: dict[str, str] = {}
    for folder, scenario in by_folder.items():
        first.setdefault(storage.file_system_of(Path(folder)), scenario)
    if len(first) > 1:
        named = ", ".join(f"{scenario} on {place}" for place, scenario in list(first.items())[:2])
        raise ScenarioError(
            f"files on several file systems ({named}), but a result "
            "can describe only one: run these scenarios separately"
        )
