"""What a run needs before its first trial: the clock's calibration, the data files, and what to
start each trial with. Everything made here is gone at the end of the run: files have no name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType

from iomodels import _core
from iomodels.base.errors import NothingMeasured, ScenarioError, TrialError
from iomodels.base.files import FULL
from iomodels.base.system import allowed_cpus, memory_bytes
from iomodels.base.toml import printable
from iomodels.base.units import format_size
from iomodels.engines.point_settings import choice, of_point
from iomodels.machine.storage import Storage, storage_of
from iomodels.results.schema import Notice
from iomodels.trials.planned import Command, PlannedCell, PlannedTrial
from iomodels.trials.record import new_record
from iomodels.workload.channels import FileChannel
from iomodels.workload.load import Load
from iomodels.workload.point import Point

CALIBRATION_NS = 100_000_000
"""The TSC is compared with CLOCK_MONOTONIC over this long: an error below 1 ppm."""
COMPUTE_CALIBRATION_NS = 50_000_000

_MAX_SEED = 2**63 - 1
"""The core's numbers; a result file's seed may be larger."""

BUFFER_SHARE = 0.5
"""How much of the memory a trial's buffers may take: all of them are touched before it begins."""

HARNESS_SETTINGS = {
    "append": 0,
    "arrival_gap_q10_ns": 0,
    "compute_units": 0,
    "deadline_ns": 0,
    "sync": choice("sync", "none"),
}
"""The null engine measures the loop: a plain closed one, with nothing to wait for in it."""

_WRONG_FOLDER = (
    *(errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)


def check_folders(cells: Iterable[PlannedCell]) -> None:
    """Refuse, before anything is measured, a `channel.folder` in which no file can be made.

    Tried, not asked: to the superuser `access` allows even a read-only file system. Nothing stays
    of it. Raises `ScenarioError` with the path, which no result ever has.
    """
    channels = [cell.point.channel for cell in cells if cell.na_reason is None]
    for folder in dict.fromkeys(c.folder for c in channels if isinstance(c, FileChannel)):
        try:
            os.close(_core.make_file(str(folder), 0, 0))
        except OSError as error:
            if error.errno in _WRONG_FOLDER:
                raise ScenarioError(
                    f"channel.folder is {printable(str(folder))}, where no file can be created "
                    f"({os.strerror(error.errno)}): use a folder with write permission"
                ) from None


class Unavailable(Exception):  # noqa: N818 - it never reaches a user as an error
    """This cell cannot be measured here; the message says why."""


class Preparation:
    """A run's clock and data files. A context manager: leaving it closes the files.

    `making` is told the size of each data file before it is made, which may take long. Raises
    `NothingMeasured` where there is no room for any trial's record.
    """

    def __init__(self, seed: int, making: Callable[[int], None] = lambda size: None) -> None:
        # Without it no trial can run: that is known now, and is no failure of any cell.
        try:
            with new_record():
                pass
        except TrialError as error:
            raise NothingMeasured(str(error)) from None
        self._making = making
        self._seed = seed
        self._clock_q32 = _core.clock_calibrate(CALIBRATION_NS)
        self._cpus = sorted(allowed_cpus())
        self._files: dict[tuple[str, int], int | Unavailable] = {}

    def __enter__(self) -> Preparation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for fd in self._files.values():
            if isinstance(fd, int):
                os.close(fd)

    @cached_property
    def _units_per_ms(self) -> int:
        return _core.compute_calibrate(COMPUTE_CALIBRATION_NS)

    def why_not(self, point: Point) -> str | None:
        """Why this machine cannot offer the point's channel, or None. Makes the data file.

        Raises `Unavailable` where the channel could be had, but making it failed.
        """
        if point.load.placement == "apart" and len(self._cpus) < 2:
            return "load.placement = 'apart' needs two CPUs, and one is allowed here"
        block = point.load.block
        buffers = (point.core_depth + point.core_idle) * int(block.largest)
        if not block.is_fixed and point.load.writes and point.channel.kind == "file":
            buffers *= 4  # what is written needs room for a period of its content (file_content.h)
        if buffers > BUFFER_SHARE * memory_bytes():
            return (
                f"load.depth and load.block need buffers of {format_size(buffers)}, and that is "
                f"more than half of this machine's memory ({format_size(memory_bytes())})"
            )
        channel = point.channel
        if not isinstance(channel, FileChannel):
            return None
        if channel.cache != "warm":
            reason = self._storage(channel.folder).why_no_device
            if reason is not None:
                return f"{reason}: choose another folder for channel.cache = '{channel.cache}'"
        fd = self._shared_file(channel)
        if channel.cache != "direct":
            return None
        alignment = _core.direct_alignment(fd)
        if alignment == 0:
            return "the file system of channel.folder has no direct I/O: choose another folder"
        if block.granule % alignment:
            return (
                f"direct I/O needs blocks of a multiple of {alignment} bytes here, "
                f"and load.block is {block}"
            )
        return None

    @cache  # noqa: B019 - a preparation lives as long as its run
    def _storage(self, folder: str) -> Storage:
        return storage_of(Path(folder))

    def doubts(self, points: Iterable[Point]) -> list[Notice]:
        """What makes direct or cold reads doubtful here, each once."""
        texts = dict.fromkeys(self._doubt(point) for point in points)
        return [Notice("device", text) for text in texts if text is not None]

    def _doubt(self, point: Point) -> str | None:
        channel = point.channel
        if not isinstance(channel, FileChannel) or channel.cache == "warm":
            return None
        return self._storage(channel.folder).doubt

    @contextmanager
    def command(self, planned: PlannedTrial) -> Iterator[Command]:
        """What to start the trial with. All engines of a round get the same random choices.

        A trial that writes has a file of its own, which is gone when the context is left.
        """
        point, spec = planned.cell.point, planned.cell.engine
        settings = of_point(point) | {
            "clock_ns_per_tick_q32": self._clock_q32,
            "seed": (self._seed * 1_000_003 + planned.round) & _MAX_SEED,
            "compute_units": self._compute_units(point.load),
            **self._cpu_settings(point.load),
        }
        changed = HARNESS_SETTINGS if planned.cell.is_harness else {}
        channel = point.channel
        if not isinstance(channel, FileChannel):
            yield Command(spec.name, channel.kind, settings | changed, options=spec.options)
            return
        own = point.load.writes
        fd = self._new_file(channel) if own else self._shared_file(channel)
        try:
            settings |= {"file_fd": fd, "file_seed": self._seed & _MAX_SEED} | changed
            yield Command(spec.name, channel.kind, settings, (fd,), spec.options)
        finally:
            if own:
                os.close(fd)

    def _compute_units(self, load: Load) -> int:
        return round(load.compute * self._units_per_ms / 1e6) if load.compute else 0

    def _cpu_settings(self, load: Load) -> dict[str, int]:
        if load.placement == "free":
            return {}
        first, *others = self._cpus
        return {
            "engine_cpu": first,
            "peer_cpu": others[0] if load.placement == "apart" else first,
        }

    def _shared_file(self, channel: FileChannel) -> int:
        """One data file for each folder and size, made when it is first asked for."""
        key = (str(channel.folder), int(channel.size))
        if key not in self._files:
            try:
                self._files[key] = self._new_file(channel)
            except Unavailable as unavailable:
                self._files[key] = unavailable
        made = self._files[key]
        if isinstance(made, Unavailable):
            raise made
        return made

    def _new_file(self, channel: FileChannel) -> int:
        folder, size = str(channel.folder), int(channel.size)
        try:
            free = _free_bytes(folder)
            if free is not None and free < size:
                reason = f"{os.strerror(errno.ENOSPC)}, {format_size(free)} are free there"
                raise _no_file(size, reason, too_large=True)
            self._making(size)
            return _core.make_file(folder, size, self._seed & _MAX_SEED)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise _no_file(size, reason, too_large=error.errno in FULL) from error


def _no_file(size: int, reason: str, *, too_large: bool) -> Unavailable:
    """Never names the folder, since the message gets into the result."""
    return Unavailable(
        f"no data file of {format_size(size)} could be made in channel.folder: {reason}; "
        f"choose another folder{' or a smaller channel.size' if too_large else ''}"
    )


def _free_bytes(folder: str) -> int | None:
    """What an ordinary user may still write there; None where the file system does not say."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize if status.f_blocks else None
