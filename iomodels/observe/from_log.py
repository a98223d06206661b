"""A log of strace → an `Observation`: read as a stream, never kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import BinaryIO

from iomodels.observe.log.reading import LogReader
from iomodels.observe.seen import Observation
from iomodels.observe.tally import Tally


def observation_of(
    log: BinaryIO,
    progress: Callable[[int], None] | None = None,
    *,
    processes: Mapping[int, int] | None = None,
    is_live: bool = False,
) -> Observation:
    """All that is seen in it. `progress` gets the bytes that were read so far; `processes` is as of
    `Tally`, `is_live` as of `LogReader`.

    Raises `UsageError` where it is no log of strace.
    """
    reader, tally = LogReader(is_live=is_live), Tally(processes)
    for event in reader.events(log, progress):
        tally.add(event)
    found = tally.observation()
    return replace(
        found,
        lines_not_understood=reader.not_understood,
        lacks=(*reader.lacks, *found.lacks),
    )
