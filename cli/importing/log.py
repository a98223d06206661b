"""Importing a log of strace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from iomodels.base.units import format_size
from iomodels.observe.from_log import observation_of
from iomodels.observe.log.chunks import stream_of
from iomodels.observe.log.lines import CHUNK_BYTES
from iomodels.observe.log.reading import RECOMMENDED
from iomodels.observe.scenarios import figures_of, no_scenario_of, notes_of, scenarios_of

from ..observing.shown import report
from ..show import console
from .imported import SCHEMA, Imported
from .source import Source

WORTH_PROGRESS = 64 << 20
"""Bytes of a log that take some seconds."""

Progress = Callable[[int], None]


def of_log(source: Source) -> Imported:
    """The works in it as scenarios, read as a stream. Raises `UsageError`."""
    with _progress(source.size) as progress:
        observation = observation_of(stream_of(_chunks(source), CHUNK_BYTES), progress)
    scenarios = scenarios_of(observation)
    return Imported(
        scenarios=scenarios,
        title="What a program does, from a log of strace",
        notes=(figures_of(observation), *notes_of(observation)),
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


def _chunks(source: Source) -> Iterator[bytes]:
    """The beginning that was read already, then the rest."""
    yield source.beginning
    # `read` would wait until all of the chunk is there, and a log may still grow.
    read = getattr(source.stream, "read1", source.stream.read)
    while chunk := read(CHUNK_BYTES):
        yield chunk


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
