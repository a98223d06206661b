"""Logs of real programs, shortened: what they say of models that their calls hardly show."""

from __future__ import annotations

import io

from iomodels.observe.from_log import observation_of
from iomodels.observe.seen import Observation


def observation(log: str) -> Observation:
    return observation_of(io.BytesIO(log.encode()))


def test_a_ring_for_a_file_that_is_closed_before_it() -> None:
    """fio: the pipe is from its parent, and strace 6.1 does not name all flags."""
    bursts = [
        line
        for number in range(50)
        for line in (
            *(f"2 17.{number:03}{k} io_uring_enter(6, 1, 0, 0, NULL, 0) = 1" for k in range(4)),
            f"2 17.{number:03}5 io_uring_enter(6, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) = 0",
        )
    ]
    seen = observation(
        "1 16.0 pipe2([3<pipe:[1]>, 4<pipe:[1]>], O_CLOEXEC) = 0\n"
        "1 16.1 clone(child_stack=NULL, flags=SIGCHLD) = 2\n"
        "2 16.2 io_uring_setup(4, {flags=IORING_SETUP_COOP_TASKRUN|0x3000}) = "
        "6<anon_inode:[io_uring]>\n"
        '2 16.3 openat(AT_FDCWD</>, "/data", O_RDONLY|O_DIRECT) = 7</data>\n'
        + "".join(f"{line} <0.000010>\n" for line in bursts)
        + "2 18.0 close(7</data>) = 0\n"
        "2 18.1 close(6<anon_inode:[io_uring]>) = 0\n"
        "2 18.2 +++ exited with 0 +++\n"
    )
    (work,) = seen.works
    assert (work.kind, work.operations, work.depth, work.is_direct) == ("file", 200, 4, True)
    assert work.model == "io_uring:taskrun=defer"
    assert "4 entries" in work.model_evidence


def test_a_ring_that_nobody_waits_on_shows_no_more_in_flight_than_a_call_submits() -> None:
    """Cached reads end in the call that submits them, however many fit in the queue."""
    seen = observation(
        "1 16.0 io_uring_setup(8, {flags=0}) = 6<anon_inode:[io_uring]>\n"
        '1 16.1 openat(AT_FDCWD</>, "/data", O_RDONLY) = 7</data>\n'
        + "".join(f"1 17.{n:04} io_uring_enter(6, 1, 0, 0, NULL, 0) = 1\n" for n in range(200))
    )
    (work,) = seen.works
    assert (work.kind, work.depth, work.model) == ("file", 1, "io_uring")


def test_a_file_that_is_opened_not_to_block_blocks() -> None:
    """tar, nginx and lighttpd open files so, in case they are none."""
    seen = observation(
        '1 16.1 openat(AT_FDCWD</>, "/data", O_RDONLY|O_NONBLOCK) = 7</data>\n'
        + "".join(
            f'1 17.{n:04} read(7</data>, ""..., 4096) = 4096 <0.000010>\n' for n in range(200)
        )
    )
    assert [work.model for work in seen.works] == ["blocking"]
