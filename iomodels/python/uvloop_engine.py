"""`python:uvloop`: the same coroutines on an event loop in C, libuv's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

from iomodels.python import asyncio_engine
from iomodels.python.contract import EngineQuestion, Options, Setup

TICK_S = 0.001


def _drive(options: Options) -> Callable[[Setup], None]:
    import uvloop

    from iomodels.python.event_loops.driving import driver

    return driver(options, uvloop.new_event_loop)


def _cannot(question: EngineQuestion) -> str | None:
    if question.deadline_s is not None and question.deadline_s < TICK_S:
        return (
            f"the timers of libuv count in milliseconds; load.deadline is "
            f"{question.deadline_s * 1e6:g} µs"
        )
    return asyncio_engine.ENGINE.cannot(question)


def _missing(options: Options) -> str | None:
    if find_spec("uvloop") is not None:
        return None
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("iomodels")
    except PackageNotFoundError:
        return "uvloop is not installed in that Python: run its -m pip install uvloop"
    return "uvloop is not installed: pip install 'iomodels[uvloop]'"


ENGINE = replace(
    asyncio_engine.ENGINE,
    name="uvloop",
    title="Python: uvloop",
    summary="a coroutine for each connection, resumed by an event loop in C (libuv)",
    drive=_drive,
    cannot=_cannot,
    missing=_missing,
    packages=("uvloop",),
    keeps=("pipe", "pipe"),  # libuv's, for signals: one for all loops of a process
)
