"""Logs of strace as versions 4 to 6 write them, and as they come apart."""

from __future__ import annotations

import io
import os
import tracemalloc
from typing import Any

import pytest

from iomodels.base.errors import UsageError
from iomodels.observe.log import underway
from iomodels.observe.log.call import Call, ThreadEnded
from iomodels.observe.log.lines import MAX_LINE_BYTES
from iomodels.observe.log.reading import LogReader


def read(text: str | bytes) -> tuple[list[Call | ThreadEnded], LogReader]:
    reader = LogReader()
    raw = text.encode() if isinstance(text, str) else text
    return list(reader.events(io.BytesIO(raw))), reader


def calls(text: str | bytes) -> list[Call]:
    found, reader = read(text)
    assert reader.not_understood == 0, reader.first_not_understood
    return [event for event in found if isinstance(event, Call)]


def only(line: str) -> Call:
    (call,) = calls(line + "\n")
    return call


READ = "read(3</tmp/a>, ..., 4096) = 17"


@pytest.mark.parametrize(
    ("front", "thread", "at_s"),
    [
        ("", 0, 0.0),
        ("1234  ", 1234, 0.0),
        ("[pid  1234] ", 1234, 0.0),
        ("[pid 4194303] ", 4194303, 0.0),
        ("1795789590.851924 ", 0, 1795789590.851924),
        ("1795789590 ", 0, 1795789590.0),
        ("7 1795789590.851924 ", 7, 1795789590.851924),
        ("7 1795789590.851924123 ", 7, 1795789590.851924123),
        ("7 14:26:32 ", 7, 51992.0),
        ("[pid     7] 14:26:32.994963 ", 7, 51992.994963),
        ("     0.000037 ", 0, 0.000037),
        ("[pid    12]      0.000037 ", 12, 0.000037),
        ("12 14:26:32.5 (+     0.000014) ", 12, 51992.5),
        ("12 14:26:32.5 [  17] ", 12, 51992.5),  # -n
        ("12 14:26:32.5 [00007f0674c26000] ", 12, 51992.5),  # -i
        ("12<a name> 14:26:32.5 ", 12, 51992.5),  # -Y
        ("[pid 12<name>] ", 12, 0.0),
    ],
)
@pytest.mark.parametrize(("took", "took_s"), [("", None), (" <0.000009>", 9e-6)])
def test_what_stands_in_front_and_at_the_end(
    front: str, thread: int, at_s: float, took: str, took_s: float | None
) -> None:
    call = only(front + READ + took)
    assert call == Call(thread, "read", "3</tmp/a>, ..., 4096", 17, None, at_s, took_s)


@pytest.mark.parametrize(
    ("end", "result", "error", "note"),
    [
        ("= 0", 0, None, ""),
        ("                      = 0", 0, None, ""),
        ("= 3</tmp/a, b>", 3, None, "</tmp/a, b>"),
        ("= 3</tmp/a) = 4>", 3, None, "</tmp/a) = 4>"),
        ("= 3</tmp/a>(deleted)", 3, None, "</tmp/a>(deleted)"),
        ("= 0x7f0674c26000", 0x7F0674C26000, None, ""),
        ("= 0x802 (flags O_RDWR|O_NONBLOCK)", 0x802, None, "(flags O_RDWR|O_NONBLOCK)"),
        ("= -1 EAGAIN (Resource temporarily unavailable)", -1, "EAGAIN", None),
        ("= -1 ENOSYS (Function not implemented) (INJECTED)", -1, "ENOSYS", None),
        ("= ? ERESTARTSYS (To be restarted if SA_RESTART is set)", None, "ERESTARTSYS", None),
        ("= ? ERESTART_RESTARTBLOCK (Interrupted by signal)", None, "ERESTART_RESTARTBLOCK", None),
        ("= ? <unavailable>", None, None, "<unavailable>"),
        ("= ?", None, None, ""),
        ("= 0 (Timeout)", 0, None, "(Timeout)"),
        ("= 1 (in [4], left {tv_sec=1, tv_nsec=0})", 1, None, None),
        ("= 1 ([{fd=5, revents=POLLOUT}])", 1, None, "([{fd=5, revents=POLLOUT}])"),
        ("= 8 (DELAYED)", 8, None, "(DELAYED)"),
    ],
)
@pytest.mark.parametrize("took", ["", " <0.000009>"])
def test_results(
    end: str, result: int | None, error: str | None, note: str | None, took: str
) -> None:
    call = only(f"5 1795789590.85 ppoll([{{fd=4}}], 1) {end}{took}")
    assert (call.arguments, call.result, call.error) == ("[{fd=4}], 1", result, error)
    assert call.took_s == (9e-6 if took else None)
    if note is not None:
        assert call.result_note == note


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        '"a) = 5", 3',
        r'"a\") = 5 <0.1>", 3',
        "3</tmp/x) = 5>, 4",
        "3<UNIX-STREAM:[1->2]>, 4",
        "3</dev/null<char 1:3>>, 4",
        '5, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}, 16',
        r"3</tmp/a, b\76\"x\n>, 4",
        "<... resuming interrupted nanosleep ...>",
        "1<<CAP_CHOWN|1<<CAP_KILL",
    ],
)
def test_arguments_may_look_like_the_end(arguments: str) -> None:
    assert only(f"5 read({arguments}) = 7").arguments == arguments
    assert only(f"5 read({arguments}) = 7 (Timeout)").arguments == arguments


def test_calls_of_several_threads_cross() -> None:
    found, reader = read(
        "1 1795789590.000001 read(3</a>,  <unfinished ...>\n"
        "2 1795789590.000002 futex(0x1, FUTEX_WAIT, 1, NULL <unfinished ...>\n"
        '1 1795789590.000003 <... read resumed> ""..., 10) = 3 <0.000002>\n'  # up to 5.1
        "2 1795789590.000004 <... futex resumed> )  = 0 <0.000002>\n"
        "2 1795789590.000005 nanosleep({tv_sec=0},  <unfinished ...>\n"
        "1 1795789590.000006 <... write resumed>) = 3 <0.000002>\n"
        "2 1795789590.000007 <... nanosleep resumed>NULL) = 0 <0.000002>\n"
        "2 1795789590.000008 +++ exited with 0 +++\n"
    )
    assert [(e.thread, e.name, e.arguments, e.started_s) for e in found if isinstance(e, Call)] == [
        (1, "read", '3</a>,  ""..., 10', 1795789590.000001),
        (2, "futex", "0x1, FUTEX_WAIT, 1, NULL", 1795789590.000002),
        (2, "nanosleep", "{tv_sec=0}, NULL", 1795789590.000005),
    ]
    assert found[-1] == ThreadEnded(2, 1795789590.000008)
    assert (reader.without_beginning, reader.without_end, reader.not_understood) == (1, 0, 0)


def test_a_thread_that_is_killed_in_a_call() -> None:
    found, reader = read(
        "1 <... futex resumed> <unfinished ...>) = ?\n"
        "2 read(0,  <unfinished ...>\n"
        "2 <... read resumed> <unfinished ...>) = ?\n"
        "2 +++ killed by SIGKILL +++\n"
        "3 poll([{fd=1, events=POLLIN}], 1, -1 <unfinished ...>\n"
        "3 +++ killed by SIGKILL +++\n"
        "4 epoll_wait(5,  <detached ...>\n"
        "6 exit_group(0 <unfinished ...>\n"
        "7 read(8,  <unfinished ...>\n"
    )
    assert [e.name if isinstance(e, Call) else e.thread for e in found] == [
        *("read", 2, "poll", 3, "epoll_wait", "exit_group", "read")
    ]
    assert {e.result for e in found if isinstance(e, Call)} == {None}
    assert (reader.without_beginning, reader.without_end) == (1, 4)


def test_what_is_no_call_is_understood_all_the_same() -> None:
    found, reader = read(
        "1 17.5 --- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---\n"
        "1 17.6 --- stopped by SIGSTOP ---\n"
        "strace: Process 123 attached\n"
        "Process 124 attached\n"
        "strace: [ Process PID=9 runs in 32 bit mode. ]\n"
        "1 17.7 read(3, 4) = 5\n"
        " > /usr/lib/x86_64-linux-gnu/libc.so.6(read+0x13) [0x10e37d]\n"
        "\n"
    )
    assert len(found) == 1
    assert (reader.lines, reader.not_understood) == (8, 0)


def test_the_first_process_gets_its_number_late() -> None:
    """strace on a terminal: no number while there is one process only."""
    found, _ = read(
        "read(3, 1) = 1\n"
        "clone(child_stack=NULL, flags=SIGCHLDstrace: Process 11 attached\n"
        ", child_tidptr=0x7f) = 11\n"
        "[pid    11] read(3, 3) = 3\n"
        "[pid    10] read(3, 2) = 2\n"
        "[pid    10] wait4(-1,  <unfinished ...>\n"
        "[pid    11] +++ exited with 0 +++\n"
        "<... wait4 resumed>NULL, 0, NULL) = 11\n"
        "vfork(strace: Process 12 attached\n"
        " <unfinished ...>\n"
        "[pid    12] read(3, 4) = 4\n"
        "[pid    10] <... vfork resumed>) = 12\n"
        "[pid    10] +++ exited with 0 +++\n"
        "read(3, 5) = 5\n"
        "+++ exited with 0 +++\n"
    )
    assert [(e.thread, e.result) for e in found if isinstance(e, Call)] == [
        *((0, 1), (0, 11), (11, 3), (0, 2), (0, 11), (12, 4), (0, 12), (12, 5))
    ]
    assert [e.thread for e in found if isinstance(e, ThreadEnded)] == [11, 0, 12]


def test_midnight_and_relative_times() -> None:
    day = calls("1 23:59:59.5 read() = 0\n1 00:00:01.25 read() = 0\n1 00:00:01.0 read() = 0\n")
    assert [call.started_s - 86400 for call in day] == [-0.5, 1.25, 1.0]
    since = calls("     0.000000 a() = 0\n     0.250000 b() = 0\n     1.000000 c() = 0\n")
    assert [call.started_s for call in since] == [0.0, 0.25, 1.25]
    since = calls("[pid  7]      0.500000 a() = 0\n8      0.250000 b() = 0 <0.1>\n")
    assert [call.started_s for call in since] == [0.5, 0.75]
    plain = calls("1000.5 a() = 0\n1000.750000 b() = 0\n")
    assert [call.started_s for call in plain] == [1000.5, 1000.75]


def test_what_a_log_lacks_is_said() -> None:
    assert read("1 12:00:00 a() = 0 <0.1>\n")[1].lacks == ()
    assert "strace -T" in read("1 12:00:00 a() = 0\n")[1].lacks[0]
    assert "strace -ttt" in read("1 a() = 0 <0.1>\n")[1].lacks[0]


def test_without_times_calls_follow_on_each_other() -> None:
    found = calls(
        "1 a() = 0 <0.5>\n1 b( <unfinished ...>\n2 c() = 1 (Timeout) <0.25>\n"
        "1 <... b resumed>) = 0 <2.0>\n1 d() = 0 <1.0>\n1 e() = 0\n"
    )
    assert [(call.name, call.started_s) for call in found] == [
        *(("a", 0.0), ("c", 0.5), ("b", 0.5), ("d", 2.5), ("e", 3.5))
    ]


def test_strange_bytes_and_line_ends() -> None:
    raw = b'1 read(3</tmp/\xff\x00\xc3\xa9>, "\x85\xe2\x80\xa8\x0b\x1c"..., 4) = 4\r\n'
    assert [call.result for call in calls(raw * 3)] == [4, 4, 4]
    assert [call.result for call in calls(raw.rstrip() + b"\n\n")] == [4]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_line_that_was_cut(end: str) -> None:
    """4096 of which 40 is left is not 40."""
    found, reader = read("1 read(3, 4096) = 40\n" + "1 read(3, 4096) = 40" + end)
    assert (len(found), reader.not_understood) == ((2, 0) if end else (1, 1))
    found, reader = read("1 read(3, 4096) = 40\n1 pread64(3</tmp/a), 40" + end)
    assert (len(found), reader.not_understood, reader.first_not_understood) == (1, 1, 2)


def test_a_line_too_long_is_left_out() -> None:
    long = b"1 read(3, " + b"x" * (MAX_LINE_BYTES * 3)
    found, reader = read(b"1 read() = 1\n" + long + b") = 5\n1 read() = 2\n" + long)
    assert [event.result for event in found if isinstance(event, Call)] == [1, 2]
    assert (reader.lines, reader.not_understood, reader.first_not_understood) == (4, 2, 2)


class Endless(io.RawIOBase):
    """`x`, so many times."""

    def __init__(self, left: int) -> None:
        self.left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        size = min(len(buffer), self.left)
        buffer[:size] = b"x" * size
        self.left -= size
        return size


def test_a_line_without_end_takes_no_memory() -> None:
    stream = io.BufferedReader(Endless(40 * MAX_LINE_BYTES))
    tracemalloc.start()
    with pytest.raises(UsageError):
        list(LogReader().events(stream))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * MAX_LINE_BYTES


def test_calls_that_never_end_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "MAX_TEXT", 100_000)
    begun = "".join(f"{pid} read(3, {'x' * 1000} <unfinished ...>\n" for pid in range(1, 400))
    found, reader = read(begun)
    assert 90 < len(found) < 100
    assert reader.without_end == 399
    assert {event.thread for event in found} == set(range(400 - len(found), 400))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", None),
        ("\n\n", "all 2 lines"),
        ("[global]\nrw=randread\n", "all 2 lines"),
        ("% time     seconds  usecs/call     calls    errors syscall\n", "all 1 lines"),
        ("\x7fELF\x02\x01\x01" * 5000, "all 1 lines"),
        ("time,value\n" * 100_000, "the first 1000 lines"),
    ],
)
def test_what_is_no_log(text: str, lines: str | None) -> None:
    with pytest.raises(UsageError) as error:
        read(text)
    message = str(error.value)
    assert "strace -f -ttt -T -y -s 0" in message
    assert (lines or "empty") in message


def test_a_log_that_still_grows_is_read_as_it_comes() -> None:
    to_read, to_write = os.pipe()
    with open(to_read, "rb") as source, open(to_write, "wb", buffering=0) as log:
        seen: list[int] = []
        events = LogReader().events(source, seen.append)
        for number in range(3):
            line = f"1 17.5 read(3) = {number}\n".encode()
            log.write(line + b"1 17")
            call = next(events)
            assert isinstance(call, Call)
            assert call.result == number
            log.write(b".6 write(4) = 5\n")
            assert next(events) != call
        log.close()
        assert list(events) == []
    assert seen[-1] == 3 * (len(line) + len("1 17.6 write(4) = 5\n"))
