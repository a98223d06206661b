"""Importing a log of strace."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from iomodels.base.units import format_size
from iomodels.observe.from_log import observation_of
from iomodels.observe.log.reading import RECOMMENDED
from iomodels.observe.scenarios import no_scenario_of, notes_of, scenarios_of

from ..observing.shown import report
from ..show import console
from .imported import SCHEMA, Imported
from .source import Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

WORTH_PROGRESS = 64 << 20
"""Bytes of a log that take some seconds."""

Progress = Callable[[int], None]


def of_log(source: Source) -> Imported:
    """The works in it as scenarios, read as a stream. Raises `UsageError`."""
    with _progress(source.size) as progress:
        observation = observation_of(_whole(source), progress)
    scenarios = scenarios_of(observation)
    return Imported(
        scenarios=scenarios,
        title="What a program does, from a log of strace",
        notes=notes_of(observation),
        shown=report(observation, scenarios, console.err().width),
        data={
            "schema": SCHEMA,
            "format": source.format,
            "observation": msgspec.to_builtins(observation),
            "scenarios": [scenario.name for scenario in scenarios],
        },
        why_nothing=(
            f"{source.where}: {no_scenario_of(observation)}: make the log while the program works, "
            f"with `{RECOMMENDED}`"
        ),
    )


class _Chained(io.RawIOBase):
    """The beginning that was read already, then the rest."""

    def __init__(self, beginning: bytes, rest: BinaryIO) -> None:
        self._beginning = beginning
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._beginning:
            taken, self._beginning = self._beginning[: len(view)], self._beginning[len(view) :]
        else:
            # `read` would wait until all of the buffer is full, and a log may still grow.
            read = getattr(self._rest, "read1", self._rest.read)
            taken = cast(bytes, read(len(view)))
        view[: len(taken)] = taken
        return len(taken)


def _whole(source: Source) -> BinaryIO:
    return io.BufferedReader(_Chained(source.beginning, source.stream), 256 << 10)


@contextmanager
def _progress(size: int | None) -> Iterator[Progress | None]:
    """On a terminal a bar, in a pipe one line; nothing for a log that is read at once."""
    if size is not None and size < WORTH_PROGRESS:
        yield None
        return
    messages = console.messages()
    if not messages.is_terminal:
        of = f" of {format_size(size)}" if size is not None else ""
        messages.print(console.safe(f"reading a log{of}"))
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=messages, transient=True) as bars:
        task = bars.add_task("", total=size)
        yield lambda done: bars.update(task, completed=done)
