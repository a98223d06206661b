"""`python:null`: the driver's loop without any I/O. What a trial with it takes is the harness."""

from __future__ import annotations

from collections.abc import Callable

from iomodels.python.contract import Options, PythonEngine, Setup


def _run(setup: Setup) -> None:
    work = setup.work
    while work.wait():
        transfer = work.take()
        while transfer is not None:
            transfer = work.next(transfer, transfer.length)


def _drive(options: Options) -> Callable[[Setup], None]:
    return _run


ENGINE = PythonEngine(
    name="null",
    title="Python: no I/O",
    calls="none",
    summary="ends each request at once, without I/O; its time is the overhead of the harness",
    drive=_drive,
    flags=frozenset({"files", "streams", "blocks_in_submit"}),
    news="nothing",
    worker="caller",
    complexity="one call",
    twin="null",
    synchronous=True,
)
