"""Pictures to the bytes of their files, several at a time where there are many."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from iomodels.base.errors import OutputError
from iomodels.charts import Format, Picture, render

from ..shared.interrupts import terminated_like_ctrl_c

WORTH_A_PROCESS = 6
"""To start one takes as long as to draw three pictures."""


def rendered(pictures: Sequence[Picture], format: Format) -> Iterator[bytes]:
    """Each picture's file, in order.

    Ctrl-C and SIGTERM end the workers too. Raises `OutputError` where one of them was killed.
    """
    workers = min(len(os.sched_getaffinity(0)), len(pictures) // WORTH_A_PROCESS)
    if workers < 2:
        yield from (render(picture, format) for picture in pictures)
        return
    # A pipe for each, and no pool: in that a worker that is killed can hold the lock of a queue.
    with terminated_like_ctrl_c(), ExitStack() as stack:
        started = [_worker(pictures[n::workers], format, stack) for n in range(workers)]
        for number, picture in enumerate(pictures):
            process, pipe = started[number % workers]
            try:
                yield pipe.recv_bytes()
            except (EOFError, OSError):  # between two files, or in one
                process.join()
                by_a_signal = (process.exitcode or 0) < 0
                assert by_a_signal, f"'{picture.name}' cannot be drawn: the reason is above"
                raise OutputError(
                    f"the process that drew '{picture.name}' was killed, perhaps for want of "
                    "memory: draw fewer at a time with --scenario NAME"
                ) from None


def _worker(
    pictures: Sequence[Picture], format: Format, stack: ExitStack
) -> tuple[SpawnProcess, Connection]:
    """Starts a process, which ends with `stack`, and gives the pipe that it writes to."""
    context = multiprocessing.get_context("spawn")  # not forked: numpy has threads
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_draw, args=(theirs, pictures, format), daemon=True)
    # Ctrl-C is for this process: the worker starts with it ignored.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
    theirs.close()
    stack.enter_context(ours)
    stack.callback(process.join)
    stack.callback(process.kill)
    return process, ours


def _draw(pipe: Connection, pictures: Sequence[Picture], format: Format) -> None:
    for picture in pictures:
        pipe.send_bytes(render(picture, format))
