"""Trio as an engine of iomodels: `iomodels bench echo -e trio,python:asyncio`.

Every command that names the engine imports this module: so it says what the engine is, and no more.
What is slow to import is imported in `drive`, by the process that measures.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from iomodels.plugin import PythonEngine
from iomodels.python.contract import Options, Setup


def _drive(options: Options) -> Callable[[Setup], None]:
    from iomodels_trio.driver import run

    return run


def _missing(options: Options) -> str | None:
    if find_spec("trio") is None:
        return "trio is not installed there: pip install trio"
    return None


ENGINE = PythonEngine(
    name="trio",
    title="Trio",
    calls="SocketStream.receive_some and send_all",
    summary="a task for each connection, resumed by trio's loop when its data is there",
    drive=_drive,
    flags=frozenset({"streams", "waits", "nonblocking_descriptors", "moves_data"}),
    news="readiness",
    worker="caller",
    complexity="registered descriptors",
    instead="python:asyncio",
    missing=_missing,
    packages=("trio",),
)
