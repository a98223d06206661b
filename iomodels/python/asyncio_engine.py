"""`python:asyncio`: coroutines on the event loop of the standard library."""

from __future__ import annotations

from collections.abc import Callable

from iomodels.python.contract import Options, PythonEngine, Setup
from iomodels.python.event_loops.engine_words import APIS, CALLS, FLAGS, THREADS, cannot


def _drive(options: Options) -> Callable[[Setup], None]:
    import asyncio

    from iomodels.python.event_loops.driving import driver

    return driver(options, asyncio.new_event_loop)


ENGINE = PythonEngine(
    name="asyncio",
    title="Python: asyncio",
    calls=CALLS,
    summary="a coroutine for each connection, resumed by the event loop when its data is there",
    drive=_drive,
    flags=FLAGS,
    news="readiness",
    worker="caller",
    complexity="registered descriptors",
    twin="epoll",
    twin_on_files="threads",
    threads=THREADS,
    options=(APIS,),
    cannot=cannot,
)
