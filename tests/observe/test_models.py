"""Which model is named, from which calls."""

from __future__ import annotations

import random

import pytest

from tests.observe.logs import Log, reads

SOCKET = "5<TCP:[127.0.0.1:80->127.0.0.1:5000]>"
THREAD = "clone(child_stack=0x1, flags=CLONE_VM|CLONE_FILES|CLONE_THREAD) = {}"
OPEN = 'openat(AT_FDCWD</>, "/data", O_RDWR) = 3</data>'
WAKE = "futex(0x7f00, FUTEX_WAKE_PRIVATE, 1) = 1"
WAIT = "futex(0x7f00, FUTEX_WAIT_PRIVATE, 0, NULL) = 0"


@pytest.mark.parametrize(
    ("before", "model"),
    [
        ((), "blocking"),
        (
            (f"poll([{{fd={SOCKET}, events=POLLIN}}], 1, -1) = 1 ([{{fd=5, revents=POLLIN}}])",),
            "poll",
        ),
        ((f"ppoll([{{fd={SOCKET}}}], 1, NULL, NULL, 8) = 1 ([{{fd=5, revents=POLLIN}}])",), "poll"),
        ((f"pselect6(6, [{SOCKET}], NULL, NULL, NULL, NULL) = 1 (in [5])",), "select"),
        ((f"select(6, [{SOCKET}], NULL, NULL, NULL) = 1 (in [5])",), "select"),
        (("epoll_wait(4<anon_inode:[eventpoll]>, [{events=EPOLLIN}], 9, -1) = 1",), "epoll"),
        (("epoll_pwait2(4<anon_inode:[eventpoll]>, [], 9, NULL, NULL, 8) = 1",), "epoll"),
        (("poll([...], 1, -1) = 1 ([...])",), "poll"),
    ],
)
def test_calls_for_readiness(before: tuple[str, ...], model: str) -> None:
    log = Log()
    for _ in range(100):
        for call in before:
            log.call(call)
        log.call(f'recvfrom({SOCKET}, ""..., 1000, 0, NULL, NULL) = 100')
    assert log.work().model == model


@pytest.mark.parametrize(
    ("events", "model"),
    [
        ("EPOLLIN", "epoll"),
        ("EPOLLIN|EPOLLET", "epoll:trigger=edge"),
        ("EPOLLIN|EPOLLONESHOT", "epoll:trigger=oneshot"),
    ],
)
def test_how_epoll_is_asked(events: str, model: str) -> None:
    log = Log()
    log.call(
        f"epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, {SOCKET}, {{events={events}}}) = 0"
    )
    for _ in range(100):
        log.call("epoll_wait(4<anon_inode:[eventpoll]>, [], 9, -1) = 1")
        log.call(f'read({SOCKET}, ""..., 1000) = 100')
    assert log.work().model == model


def test_files_of_a_program_that_waits_for_sockets_are_blocking() -> None:
    log = Log()
    log.call(OPEN)
    for number in range(100):
        log.call("epoll_wait(4<anon_inode:[eventpoll]>, [], 9, -1) = 1")
        log.call(f'read({SOCKET}, ""..., 1000) = 100')
        reads(log, [number * 40960])
    models = {work.kind: work.model for work in log.observation().works}
    assert models == {"socket": "epoll", "file": "blocking"}


def test_trying_again_and_again() -> None:
    log = Log()
    log.call(f"fcntl({SOCKET}, F_SETFL, O_RDWR|O_NONBLOCK) = 0")
    for _ in range(100):
        for _ in range(3):
            log.call(f"read({SOCKET}, 0x1, 1000) = -1 EAGAIN (Resource temporarily unavailable)")
        log.call(f'read({SOCKET}, ""..., 1000) = 100')
    assert log.work().model == "nonblocking"


def test_signals() -> None:
    log = Log()
    log.call(f"fcntl({SOCKET}, F_SETFL, O_RDWR|O_NONBLOCK|O_ASYNC) = 0")
    for _ in range(100):
        log.call(
            "rt_sigtimedwait([IO RT_2], {si_signo=SIGRT_2, si_code=POLL_IN, si_fd=5}, NULL, 8) = 34"
        )
        log.call(f'read({SOCKET}, ""..., 1000) = 100')
    assert log.work().model == "sigio"


def test_kernel_aio_with_its_depth_and_batch() -> None:
    log = Log()
    log.call('openat(AT_FDCWD</>, "/data", O_RDONLY|O_DIRECT) = 3</data>')
    for number in range(100):
        requests = ", ".join(
            "{aio_data=0, aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=3</data>, aio_buf=0x1, "
            f"aio_nbytes=8192, aio_offset={(number * 4 + each) * 1000448}}}"
            for each in range(4)
        )
        log.call(f"io_submit(0x7f00, 4, [{requests}]) = 4")
        log.call("io_getevents(0x7f00, 4, 4, [{}, {}, {}, {}], NULL) = 4", took_s=1e-3)
    work = log.work()
    assert (work.model, work.operations, work.depth, work.batch) == ("kaio", 400, 4, 4)
    assert (work.is_direct, work.blocks[0].block_bytes, work.threads) == (True, 8192, 1)
    assert work.sequential_share is not None
    assert work.sequential_share < 0.05


def test_kernel_aio_of_two_processes_with_one_address_of_the_context() -> None:
    log = Log()

    def submit(thread: int, requests: int, number: int) -> None:
        each = (
            "{aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=3</data>, aio_buf=0x1, aio_nbytes=4096, "
            f"aio_offset={number * 1000448}}}"
        )
        submitted = ", ".join([each] * requests)
        log.call(f"io_submit(0x7f00, {requests}, [{submitted}]) = {requests}", thread=thread)

    def reap(thread: int, requests: int) -> None:
        log.call(f"io_getevents(0x7f00, 1, 8, [{{}}], NULL) = {requests}", thread=thread)

    for number in range(100):
        submit(1, 4, number)
        for again in range(3):
            submit(2, 1, number * 3 + again)
            reap(2, 1)
        reap(1, 4)
    depths = {work.operations: work.depth for work in log.observation().works}
    assert depths == {400: 4, 300: 1}


def aio(*after: str) -> Log:
    """Helper threads of glibc's that serve a descriptor each, and wait one second when idle."""
    log = Log()
    for fd in (3, 4, 5):
        log.call(f'openat(AT_FDCWD</>, "/data", O_RDONLY) = {fd}</data>')
        log.call(THREAD.format(fd + 7))
    for number in range(300):
        fd = 3 + number % 3
        thread = fd + 7
        log.call(WAKE)
        offset = number * 7919 % 4096 * 4096
        log.call(f'pread64({fd}</data>, ""..., 4096, {offset}) = 4096', thread=thread)
        for call in after:
            log.call(call, thread=thread)
        until = f"{{tv_sec={int(log.now_s) + 1}, tv_nsec={int(log.now_s % 1 * 1e9)}}}"
        flags = "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"
        log.call(f"futex(0x7f00, {flags}, 0, {until}, FUTEX_BITSET_MATCH_ANY) = 0", thread=thread)
    return log


def test_posix_aio() -> None:
    work = aio(WAKE).work()
    assert (work.model, work.depth, work.operations) == ("aio", 3, 300)


def test_posix_aio_that_signals() -> None:
    assert (
        aio("rt_sigqueueinfo(1, SIGRT_2, {si_code=SI_ASYNCIO}) = 0").work().model
        == "aio:notify=signal"
    )


def test_posix_aio_that_starts_a_thread_for_each_completion() -> None:
    assert aio(THREAD.format(99)).work().model == "aio:notify=callback"


def test_posix_aio_whose_helpers_start_each_other() -> None:
    """Not for each completion: those that they start transfer, too."""
    log = aio()
    shuffled = random.Random(3).sample(range(1 << 20), 200)
    for number in range(200):
        offset = shuffled[number] * 4096
        log.call(THREAD.format(200 + number), thread=10)
        text = f'pread64(3</data>, ""..., 4096, {offset}) = 4096'
        log.call(text, thread=200 + number)
    assert log.work().model == "aio"


def test_posix_aio_tries_a_place_on_what_has_none() -> None:
    log = Log()
    log.call(THREAD.format(2))
    for _ in range(100):
        log.call(f"pread64({SOCKET}, 0x1, 100, 0) = -1 ESPIPE (Illegal seek)", thread=2)
        log.call(f'read({SOCKET}, ""..., 100) = 100', thread=2)
    assert log.work().model == "aio"


@pytest.mark.parametrize(("before", "model"), [((WAIT,), "threads"), ((), "threads:handoff=none")])
def test_threads_with_and_without_others_that_hand_over(
    before: tuple[str, ...], model: str
) -> None:
    log = Log()
    log.call(OPEN)
    for thread in (2, 3, 4):
        log.call(THREAD.format(thread))
    for number in range(300):
        for call in before:
            log.call(call, thread=2 + number % 3)
        text = f'pread64(3</data>, ""..., 4096, {number * 7919 % 4096 * 4096}) = 4096'
        log.call(text, thread=2 + number % 3)
    work = log.work()
    assert (work.model, work.threads) == (model, 3)


@pytest.mark.parametrize(("shift", "model"), [(0, "threads:handoff=none"), (1, "threads")])
def test_an_interpreters_lock_is_no_handoff(shift: int, model: str) -> None:
    """Threads that have a connection each wait for it between messages, as those of a pool wait
    for work: what tells them apart is whether any of them takes any connection."""
    log = Log()
    for thread in (2, 3, 4):
        log.call(THREAD.format(thread))
    for number in range(300):
        thread = 2 + (number + shift * (number // 3)) % 3
        fd = 5 + number % 3
        socket = f"{fd}<TCP:[127.0.0.1:80->127.0.0.1:500{fd}]>"
        log.call(WAIT, thread=thread)
        log.call(f'recvfrom({socket}, ""..., 512, 0, NULL, NULL) = 512', thread=thread)
        log.call(WAKE, thread=thread)
        log.call(f'sendto({socket}, ""..., 512, 0, NULL, 0) = 512', thread=thread)
    work = log.work()
    assert (work.model, work.threads) == (model, 3)


def test_processes_that_one_forked_are_one_work() -> None:
    log = Log()
    for child in (2, 3, 4, 5):
        log.call(f"clone(child_stack=NULL, flags=SIGCHLD) = {child}")
        log.call('openat(AT_FDCWD</>, "/data", O_RDWR) = 3</data>', thread=child)
    for number in range(400):
        text = f'pread64(3</data>, ""..., 8192, {number * 7919 % 4096 * 8192}) = 8192'
        log.call(text, thread=2 + number % 4)
    work = log.work()
    assert (work.operations, work.model) == (400, "threads:handoff=none")
    assert "4 processes" in work.model_evidence


def test_threads_that_ran_before_the_log_are_told_from_processes() -> None:
    def log() -> Log:
        found = Log()
        for number in range(200):
            text = f'pread64(3</data>, ""..., 8192, {number * 7919 % 4096 * 8192}) = 8192'
            found.call(text, thread=10 + number % 2)
        return found

    assert len(log().observation().works) == 2
    (work,) = log().observation({10: 10, 11: 10}).works
    assert (work.operations, work.threads) == (200, 2)


def test_a_child_that_is_heard_of_before_the_call_that_made_it_ends() -> None:
    """After vfork, it has even executed another program."""
    log = Log()
    log.call('openat(AT_FDCWD</>, "/kept", O_RDONLY) = 3</kept>')
    log.call('openat(AT_FDCWD</>, "/closed", O_RDONLY|O_CLOEXEC) = 4</closed>')
    log.call('execve("/bin/x", ["x"], 0x1) = 0', thread=2)
    log.call("vfork() = 2")
    reads(log, range(0, 100 * 4096, 4096), fd="3")
    for number in range(100):
        log.call('read(3, ""..., 100) = 100', thread=2)
        log.call(f"read(4, 0x1, {number}) = -1 EBADF (Bad file descriptor)", thread=2)
    works = log.observation().works
    assert [(work.operations, work.kind) for work in works] == [(100, "file"), (100, "file")]
    assert works[0].program != works[1].program


@pytest.mark.parametrize(
    ("flags", "registered", "model"),
    [
        ("0", (), "io_uring"),
        ("IORING_SETUP_SQPOLL", (), "io_uring:sqpoll=on"),
        ("IORING_SETUP_COOP_TASKRUN", (), "io_uring:taskrun=coop"),
        ("0", ("IORING_REGISTER_BUFFERS",), "io_uring:fixed=buffers"),
        ("0", ("IORING_REGISTER_BUFFERS", "IORING_REGISTER_FILES"), "io_uring:fixed=both"),
    ],
)
def test_io_uring(flags: str, registered: tuple[str, ...], model: str) -> None:
    log = Log()
    log.call('openat(AT_FDCWD</>, "/data", O_RDONLY|O_DIRECT) = 3</data>')
    log.call(f"io_uring_setup(8, {{flags={flags}, sq_entries=8}}) = 4<anon_inode:[io_uring]>")
    for what in registered:
        log.call(f"io_uring_register(4<anon_inode:[io_uring]>, {what}, [3</data>], 1) = 0")
    for _ in range(100):
        log.call(
            "io_uring_enter(4<anon_inode:[io_uring]>, 2, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 2"
        )
    observation = log.observation()
    (work,) = observation.works
    assert (work.model, work.kind, work.operations, work.blocks) == (model, "file", 200, ())
    assert work.is_direct
    assert [(each.what, each.count) for each in observation.unseen] == [("io_uring", 200)]


def test_threads_whose_beginning_is_not_in_the_log_are_said() -> None:
    log = Log()
    for thread in (1, 2, 3):
        reads(log, range(0, 40960, 4096), thread=thread)
    (lack,) = log.observation().lacks
    assert "how 3 of its threads began" in lack
    assert log.observation({1: 1, 2: 1, 3: 1}).lacks == ()
    log.call("clone(flags=CLONE_FILES|CLONE_THREAD) = 2")
    log.call("clone(flags=CLONE_FILES|CLONE_THREAD) = 3")
    assert log.observation().lacks == ()
