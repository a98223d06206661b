"""What a run needs before its first trial: the clock's calibration, the data files, and what to
start each trial with. Everything made here is gone at the end of the run: files have no name.
"""

from __future__ import annotations

import os
from types import TracebackType

from iomodels import _core
from iomodels.plan import Plan, PlannedTrial
from iomodels.scenario import FileChannel, Point, TimerChannel
from iomodels.trial import Command

CALIBRATION_NS = 100_000_000
"""The TSC is compared with CLOCK_MONOTONIC over this long: an error below 1 ppm."""

_CACHE = {"warm": 0, "direct": 1}
_PATTERN = {"sequential": 0, "random": 1}
_DISTRIBUTION = {"constant": 0, "uniform": 1, "exponential": 2, "lognormal": 3}


class Unavailable(Exception):  # noqa: N818 - it never reaches a user as an error
    """This cell cannot be measured here; the message says why."""


class Preparation:
    """A run's clock and data files. A context manager: leaving it closes the files."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._clock_q32 = _core.clock_calibrate(CALIBRATION_NS)
        self._files: dict[tuple[str, int], int | OSError] = {}

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

    def why_not(self, point: Point) -> str | None:
        """Why this machine cannot offer the point's channel, or None. Makes the data file.

        Raises `Unavailable` where the channel could be had, but making it failed.
        """
        channel = point.channel
        if not isinstance(channel, FileChannel):
            return None
        fd = self._file(channel)
        if channel.cache != "direct":
            return None
        alignment = _core.direct_alignment(fd)
        if alignment == 0:
            return "the file system of channel.folder has no direct I/O: choose another folder"
        if point.load.block % alignment:
            return (
                f"direct I/O needs blocks of a multiple of {alignment} bytes here, "
                f"and load.block is {int(point.load.block)}"
            )
        return None

    def command(self, planned: PlannedTrial) -> Command:
        """What to start the trial with. All engines of a round get the same random choices."""
        point, spec = planned.cell.point, planned.cell.engine
        settings = {
            "clock_ns_per_tick_q32": self._clock_q32,
            "seed": (self._seed * 1_000_003 + planned.round) & (2**63 - 1),
            "depth": point.load.depth,
            "opens_per_request": int(point.channel.opens == "per-request"),
            "engine_threads": int(spec.options.get("threads", 0)),
        }
        descriptors: tuple[int, ...] = ()
        if isinstance(point.channel, FileChannel):
            fd = self._file(point.channel)
            descriptors = (fd,)
            settings |= self._file_settings(point, point.channel, fd)
        else:
            settings |= _timer_settings(point.channel)
        return Command(
            engine=spec.core_name,
            channel=point.channel.kind,
            settings=settings,
            descriptors=descriptors,
        )

    def _file_settings(self, point: Point, channel: FileChannel, fd: int) -> dict[str, int]:
        return {
            "block": int(point.load.block),
            "pattern": _PATTERN[point.load.pattern],
            "file_fd": fd,
            "file_size": int(channel.size),
            "file_seed": self._seed,
            "file_cache": _CACHE[channel.cache],
        }

    def _file(self, channel: FileChannel) -> int:
        """One data file for each folder and size, made when it is first asked for."""
        key = (str(channel.folder), int(channel.size))
        if key not in self._files:
            try:
                self._files[key] = _core.make_file(*key, self._seed)
            except OSError as error:
                self._files[key] = error
        made = self._files[key]
        if isinstance(made, OSError):
            raise Unavailable(
                f"no data file of {key[1]} bytes could be made in channel.folder: "
                f"{os.strerror(made.errno or 0)}; choose another folder or a smaller channel.size"
            )
        return made


def _timer_settings(channel: TimerChannel) -> dict[str, int]:
    service = channel.service
    return {
        "block": 8,
        "service_distribution": _DISTRIBUTION[service.distribution],
        "service_mean_ns": int(service.mean_ns),
        "service_low_ns": int(service.low_ns),
        "service_high_ns": int(service.high_ns),
        "service_sigma_millionths": round(service.sigma * 1e6),
    }
