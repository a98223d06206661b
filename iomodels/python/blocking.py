"""`python:blocking`: one call after another, each of which returns when the data is there."""

from __future__ import annotations

from collections.abc import Callable

from iomodels.python.contract import Options, PythonEngine, Setup
from iomodels.python.making import make_all


def _run(setup: Setup) -> None:
    work = setup.work
    while work.wait():
        make_all(work, work.take())


def _drive(options: Options) -> Callable[[Setup], None]:
    return _run


ENGINE = PythonEngine(
    name="blocking",
    title="Python: blocking",
    calls="os.read, os.preadv, os.write",
    summary="each call returns when the data has been transferred; the thread sleeps until then",
    drive=_drive,
    flags=frozenset({"files", "streams", "blocks_in_submit", "moves_data"}),
    news="completion",
    worker="caller",
    complexity="one call",
    twin="blocking",
    synchronous=True,
    blocking=True,
    max_depth=1,
    instead="python:threads",
)
