"""What is said of sockets, pipes and timers: who asks, messages, how many are in flight."""

from __future__ import annotations

import pytest

from iomodels.observe.seen import BlockShare, Work
from tests.observe.logs import Log

SERVER, CLIENT = 1, 2


def unix(fd: int, own: int, other: int) -> str:
    return f"{fd}<UNIX-STREAM:[{own}->{other}]>"


def conversation(connections: int, depth: int, rounds: int = 60) -> Log:
    """A server that epoll tells of messages, and the process that asks, `depth` at a time."""
    log = Log()
    log.call("clone(child_stack=NULL, flags=SIGCHLD) = 2", thread=SERVER)
    for each in range(connections):
        accepted = unix(10 + each, 100 + each, 200 + each)
        log.call(f"accept4(3<UNIX-STREAM:[9]>, NULL, NULL, SOCK_NONBLOCK) = {accepted}")
        events = "{events=EPOLLIN}"
        log.call(f"epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, {accepted}, {events}) = 0")
    for turn in range(rounds):
        now = [(depth * turn + each) % connections for each in range(depth)]
        for each in now:
            asks = unix(10 + each, 200 + each, 100 + each)
            log.call(f'write({asks}, ""..., 64) = 64', thread=CLIENT)
        log.call(f"epoll_wait(4<anon_inode:[eventpoll]>, [], 64, -1) = {depth}", thread=SERVER)
        for each in now:
            serves = unix(10 + each, 100 + each, 200 + each)
            log.call(f'read({serves}, ""..., 4096) = 64', thread=SERVER)
            log.call(f'write({serves}, ""..., 200) = 200', thread=SERVER)
        for each in now:
            asks = unix(10 + each, 200 + each, 100 + each)
            log.call(f'read({asks}, ""..., 4096) = 200', thread=CLIENT)
    return log


def sides(log: Log) -> tuple[Work, Work]:
    """Server and client."""
    works = {work.role: work for work in log.observation().works}
    assert set(works) == {"server", "client"}
    return works["server"], works["client"]


@pytest.mark.parametrize(("connections", "depth"), [(1, 1), (16, 1), (16, 4)])
def test_a_server_and_its_client(connections: int, depth: int) -> None:
    server, client = sides(conversation(connections, depth))
    for work in (server, client):
        assert (work.kind, work.family, work.exchange) == ("socket", "unix", "echo")
        assert work.operations == 60 * depth
        assert work.depth == depth, "as many as the client has asked without an answer"
        assert work.descriptors == connections
        assert work.blocks == (BlockShare(200, 1.0),), "messages of the side that says more"
        assert work.read_share == pytest.approx(0.5, abs=0.01)
    assert server.model == "epoll"
    assert client.program != server.program


def test_idle_connections_are_held_and_not_active() -> None:
    log = conversation(1, 1)
    for each in range(30):
        accepted = unix(50 + each, 900 + each, 800 + each)
        log.call(f"accept4(3<UNIX-STREAM:[9]>, NULL, NULL, 0) = {accepted}")
    for _ in range(200):
        log.call(f'write({unix(10, 200, 100)}, ""..., 64) = 64', thread=CLIENT)
        log.call(f'read({unix(10, 100, 200)}, ""..., 64) = 64')
        log.call(f'write({unix(10, 100, 200)}, ""..., 64) = 64')
        log.call(f'read({unix(10, 200, 100)}, ""..., 64) = 64', thread=CLIENT)
    server, _ = sides(log)
    assert (server.descriptors, server.active) == (31, 1)


def test_who_reads_first_serves_where_one_process_made_both_ends() -> None:
    log = Log()
    log.call(f"socketpair(AF_UNIX, SOCK_STREAM, 0, [{unix(3, 7, 8)}, {unix(4, 8, 7)}]) = 0")
    log.call("clone(child_stack=NULL, flags=SIGCHLD) = 2")
    for _ in range(100):
        log.call(f'write({unix(4, 8, 7)}, ""..., 10) = 10', thread=2)
        log.call(f'read({unix(3, 7, 8)}, ""..., 10) = 10')
        log.call(f'write({unix(3, 7, 8)}, ""..., 10) = 10')
        log.call(f'read({unix(4, 8, 7)}, ""..., 10) = 10', thread=2)
    server, client = sides(log)
    assert (server.program, client.program) == (0, 1)


def test_of_streams_the_sizes_are_those_that_came() -> None:
    log = Log()
    for _ in range(100):
        log.call('read(0<pipe:[5]>, ""..., 65536) = 1000')
    work = log.work()
    assert (work.kind, work.exchange, work.blocks) == ("pipe", "stream", (BlockShare(1000, 1.0),))


def test_a_request_that_goes_on_after_a_short_read_is_one() -> None:
    log = Log()
    for _ in range(100):
        log.call('read(5<pipe:[5]>, ""..., 65536) = 40000')
        log.call('read(5<pipe:[5]>, ""..., 25536) = 25000')
        log.call('read(5<pipe:[5]>, ""..., 536) = 536')
    work = log.work()
    assert (work.operations, work.blocks) == (100, (BlockShare(65536, 1.0),))


def test_a_timer_is_in_flight_from_when_it_is_set() -> None:
    log = Log()
    spec = "{it_interval={tv_sec=0, tv_nsec=0}, it_value={tv_sec=0, tv_nsec=2000000}}"
    for fd in (3, 4, 5):
        log.call(f"timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) = {fd}<anon_inode:[timerfd]>")
    for _ in range(60):
        for fd in (3, 4, 5):
            log.call(f"timerfd_settime({fd}<anon_inode:[timerfd]>, 0, {spec}, NULL) = 0")
        for fd in (3, 4, 5):
            log.call(f'read({fd}<anon_inode:[timerfd]>, ""..., 8) = 8', took_s=1e-3)
    work = log.work()
    assert (work.kind, work.operations, work.service_ns) == ("timer", 180, 2_000_000)
    assert (work.depth, work.descriptors) == (3, 3)


@pytest.mark.parametrize(
    ("gaps_s", "arrivals"),
    [((4e-3, 4e-3, 4e-3), "constant"), ((0.3e-3, 1e-3, 17e-3), "poisson")],
)
def test_requests_after_sleeps_arrive_by_a_clock(gaps_s: tuple[float, ...], arrivals: str) -> None:
    log = Log()
    log.call('openat(AT_FDCWD</>, "/d", O_RDONLY) = 3</d>')
    for number in range(150):
        log.call("clock_nanosleep(CLOCK_MONOTONIC, 0, {}, NULL) = 0", took_s=gaps_s[number % 3])
        log.call(f'pread64(3</d>, ""..., 4096, {number * 40960}) = 4096')
    work = log.work()
    assert work.arrivals == arrivals
    mean_s = sum(gaps_s) / 3 + 210e-6
    assert work.rate == pytest.approx(1 / mean_s, rel=0.05)


def test_a_closed_loop_has_no_rate_and_shows_what_it_computes() -> None:
    log = Log()
    log.call('openat(AT_FDCWD</>, "/d", O_RDONLY) = 3</d>')
    for number in range(100):
        log.call("lseek(3</d>, 0, SEEK_CUR) = 0")
        log.call("lseek(3</d>, 0, SEEK_CUR) = 0")
        log.call(f'pread64(3</d>, ""..., 4096, {number * 40960}) = 4096')
        log.now_s += 2e-3
    work = log.work()
    assert (work.arrivals, work.rate) == ("closed", None)
    assert work.compute_ns == pytest.approx(2e6, rel=0.1)


@pytest.mark.parametrize("is_server", [True, False])
def test_of_connections_that_were_there_before_who_serves_shows_where_they_meet(
    is_server: bool,
) -> None:
    """Each was caught anywhere: some first read, and some first write."""
    log = Log()
    calls = (
        'recvfrom({}, ""..., 512, 0, NULL, NULL) = 512',
        'sendto({}, ""..., 512, 0, NULL, 0) = 512',
    )
    for number in range(400):
        each = number % 4
        ends = ["127.0.0.1:80", f"127.0.0.1:{5000 + each}"]
        own, peer = ends if is_server else reversed(ends)
        log.call(calls[(number // 4 + each) % 2].format(f"{5 + each}<TCP:[{own}->{peer}]>"))
    work = log.work()
    assert (work.role, work.descriptors) == ("server" if is_server else "client", 4)


def test_processes_of_a_server_with_a_connection_each_serve() -> None:
    log = Log()
    for number in range(400):
        for each in (0, 1):
            socket = f"5<TCP:[127.0.0.1:80->127.0.0.1:{5000 + each}]>"
            if number or each:  # one was caught after its read
                log.call(f'recvfrom({socket}, ""..., 512, 0, NULL, NULL) = 512', thread=1 + each)
            log.call(f'sendto({socket}, ""..., 512, 0, NULL, 0) = 512', thread=1 + each)
    assert [work.role for work in log.observation().works] == ["server", "server"]


def test_a_proxy_holds_those_who_ask_it_apart_from_those_whom_it_asks() -> None:
    log = Log()
    clients = [unix(10 + each, 100 + each, 200 + each) for each in range(8)]
    servers = [unix(30 + each, 300 + each, 400 + each) for each in range(2)]
    for server in servers:
        log.call(f"socket(AF_UNIX, SOCK_STREAM, 0) = {server}")
        log.call(f"connect({server}, {{sa_family=AF_UNIX}}, 20) = 0")
    for client in clients:
        log.call(f"accept4(3<UNIX-STREAM:[9]>, NULL, NULL, 0) = {client}")
    for turn in range(80):
        asks, asked = clients[turn % 8], servers[turn % 2]
        log.call(f'read({asks}, ""..., 4096) = 64')
        log.call(f'write({asked}, ""..., 64) = 64')
        log.call(f'read({asked}, ""..., 4096) = 200')
        log.call(f'write({asks}, ""..., 200) = 200')
    server, client = sides(log)
    assert (server.descriptors, client.descriptors) == (8, 2)
