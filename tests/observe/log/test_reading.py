"""Logs of strace as versions 4 to 6 write them, and as they come apart."""

from __future__ import annotations

import io

import pytest

from iomodels.observe.log.call import Call, ThreadEnded
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
