"""`python:selectors`: one thread, which the `selectors` module tells what would not block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from iomodels.python.contract import EngineQuestion, Options, PythonEngine, PythonOption, Setup

_CALLS = {"epoll": "epoll_wait", "poll": "poll", "select": "select"}


def _drive(options: Options) -> Callable[[Setup], None]:
    from iomodels.python.flows.selecting import driver

    return driver(options["selector"])


def _vary(engine: PythonEngine, options: Options) -> PythonEngine:
    selector = options["selector"]
    return replace(
        engine,
        calls=f"{_CALLS[selector]}, then os.read / os.write",
        complexity="registered descriptors" if selector == "epoll" else "a list of descriptors",
        twin=selector,
        # Of the 1024 that select can watch two are the trial's own: its record, and that by which
        # the engine hears of new transfers.
        max_descriptor=1021 if selector == "select" else 0,
    )


def _cannot(question: EngineQuestion) -> str | None:
    if question.on_files and question.options["selector"] == "epoll":
        return "epoll does not support regular files (EPERM)"
    return None


def _degenerate(question: EngineQuestion) -> str | None:
    return "a regular file is always ready" if question.on_files else None


ENGINE = PythonEngine(
    name="selectors",
    title="Python: selectors",
    calls="epoll_wait, poll or select, then os.read / os.write",
    summary="one call sleeps until any of the registered descriptors is ready",
    drive=_drive,
    flags=frozenset(
        {"files", "streams", "waits", "nonblocking_descriptors", "moves_data", "cancels"}
    ),
    news="readiness",
    worker="caller",
    complexity="registered descriptors",
    twin="epoll",
    blocking=True,
    options=(
        PythonOption(
            "selector", "what tells of readiness: the default one on Linux is epoll", tuple(_CALLS)
        ),
    ),
    vary=_vary,
    cannot=_cannot,
    degenerate=_degenerate,
)
