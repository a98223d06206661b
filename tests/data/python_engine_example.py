"""An engine in Python that only a test has: it waits for each transfer by itself, then makes it."""

from __future__ import annotations

from collections.abc import Callable

from iomodels.python.contract import EngineQuestion, Options, PythonEngine, PythonOption, Setup
from iomodels.python.making import make


def _drive(options: Options) -> Callable[[Setup], None]:
    import select

    def wait(fd: int, writes: bool) -> None:
        if options["by"] == "poll":
            poll = select.poll()
            poll.register(fd, select.POLLOUT if writes else select.POLLIN)
            poll.poll()
        else:
            select.select([] if writes else [fd], [fd] if writes else [], [])

    def run(setup: Setup) -> None:
        work = setup.work
        while work.wait():
            transfer = work.take()
            while transfer is not None:
                wait(transfer.fd, transfer.operation == 1)
                transfer = work.next(transfer, make(transfer))

    return run


def _cannot(question: EngineQuestion) -> str | None:
    return "the example has no patience for servers" if question.serves else None


ENGINE = PythonEngine(
    name="example",
    title="Python: example",
    calls="poll, then os.read",
    summary="an engine in Python that only a test has",
    drive=_drive,
    flags=frozenset({"streams", "waits", "moves_data"}),
    news="readiness",
    worker="caller",
    complexity="a list of descriptors",
    twin="poll",
    max_depth=1,
    options=(PythonOption("by", "which call waits", ("poll", "select")),),
    instead="python:selectors",
    cannot=_cannot,
)
