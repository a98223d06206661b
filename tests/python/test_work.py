"""What the core lends an engine in Python, and how it takes wrong use."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from iomodels import _core
from iomodels.trials.record import Record, new_record

OPERATIONS = 20
LONG_NS = 10**11


@contextmanager
def conversation(work: _core.Work, answers: list[int]) -> Iterator[None]:
    """One slice and the end, on a thread as in a trial."""

    def converse() -> None:
        answers.append(work.run(LONG_NS, OPERATIONS))
        answers.append(work.close())

    thread = Thread(target=converse)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def record() -> Iterator[Record]:
    with new_record() as made:
        yield made


def timers(record: Record, depth: int = 1) -> _core.Work:
    settings = {"depth": depth, "service_mean_ns": 1000}
    return _core.Work("timer", settings, record.fd, nonblocking=False, moves_data=True)


def read_all(work: _core.Work) -> _core.Transfer:
    """Until the work is over; the last transfer that there was."""
    last = None
    while work.wait():
        transfer = work.take()
        while transfer is not None:
            last = transfer
            transfer = work.next(transfer, os.read(transfer.fd, transfer.length))
    assert last is not None
    return last


def test_the_descriptors_stay_open_until_the_engine_has_left(record: Record) -> None:
    """select() fails on one that is closed, between the last transfer and the look at `is_over`."""
    work, answers, fds = timers(record), list[int](), set[int]()
    with conversation(work, answers):
        while work.wait():
            transfer = work.take()
            while transfer is not None:
                fds.add(transfer.fd)
                transfer = work.next(transfer, os.read(transfer.fd, transfer.length))
        for fd in fds:
            os.fstat(fd)
        work.leave()
    assert answers == [0, 0]
    for fd in fds:
        with pytest.raises(OSError) as error:
            os.fstat(fd)
        assert error.value.errno == errno.EBADF


def test_a_transfer_ends_once_and_is_none_of_the_engines_then(record: Record) -> None:
    work, answers = timers(record), list[int]()
    with conversation(work, answers):
        last = read_all(work)
        with pytest.raises(RuntimeError, match="at rest"):
            work.next(last, 8)
        with pytest.raises(RuntimeError, match="at rest"):
            work.next(last, b"12345678")
        for name in ("fd", "operation", "offset", "length", "buffer", "poll_first"):
            with pytest.raises(RuntimeError, match="at rest"):
                getattr(last, name)
        assert last.slot == 0
        work.leave()
    assert answers == [0, 0]
    with pytest.raises(RuntimeError, match="at rest"):
        work.next(last, 8)
    assert record.field("slice_operations") == OPERATIONS


@pytest.mark.parametrize(
    ("result", "error"),
    [
        *((wrong, TypeError) for wrong in (None, "12345678", 8.0, True)),
        (-4096, ValueError),
        (-1 << 32, ValueError),
        (1 << 64, OverflowError),
    ],
)
def test_what_is_no_result_changes_nothing(
    record: Record, result: object, error: type[Exception]
) -> None:
    work, answers = timers(record), list[int]()
    with conversation(work, answers):
        assert work.wait()
        transfer = work.take()
        assert transfer is not None
        data = os.read(transfer.fd, transfer.length)
        with pytest.raises(error):
            work.next(transfer, result)  # type: ignore[arg-type]
        following = work.next(transfer, data)
        while following is not None:
            following = work.next(following, os.read(following.fd, 8))
        read_to_the_end = work.wait()
        work.leave()
    assert not read_to_the_end
    assert answers == [0, 0]
    assert record.field("slice_operations") == OPERATIONS


def test_more_than_was_asked_for_is_an_error(record: Record) -> None:
    work, answers = timers(record), list[int]()
    with conversation(work, answers):
        assert work.wait()
        transfer = work.take()
        assert transfer is not None
        assert work.next(transfer, transfer.length + 1) is None
        assert not work.wait()
        work.leave()
    assert answers == [-errno.EPROTO, 0]


def test_bytes_end_only_reads(record: Record) -> None:
    settings = {"depth": 1, "block": 64}
    work = _core.Work("pipe", settings, record.fd, nonblocking=False, moves_data=True)
    answers: list[int] = []
    with conversation(work, answers):
        assert work.wait()
        transfer = work.take()
        assert transfer is not None
        assert transfer.operation == 1
        with pytest.raises(TypeError, match="only a read"):
            work.next(transfer, b"x" * 64)
        following = work.next(transfer, os.write(transfer.fd, transfer.buffer))
        while following is not None:
            done = (
                os.write(following.fd, following.buffer)
                if following.operation == 1
                else os.read(following.fd, following.length)
            )
            following = work.next(following, done)
        assert not work.wait()
        work.leave()
    assert answers == [0, 0]
