"""Names of files, and with them much of a log, are chosen by anybody."""

from __future__ import annotations

import io
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomodels.base.errors import UsageError
from iomodels.observe.log.arguments import descriptor, fields, flags, items, number, split
from iomodels.observe.log.call import Call
from iomodels.observe.log.reading import LogReader

PIECES = [
    *'<>()[]{}",\\ =-?+\n\r\x00\xff3D',
    *("1 17.5 ", "[pid 2] ", "14:26:32.5 ", "read(", "</tmp/a", "<char 1:3>", ") = 5", " <0.1>"),
    *(" <unfinished ...>\n", "<... read resumed>", "+++ exited with 0 +++\n", "--- SIG", "/*"),
    *("strace: Process 2 attached\n", "-1 EAGAIN (", "0x", "->", "9" * 5000, "²", "…"),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join)


def events(raw: bytes) -> list[Call]:
    try:
        return [e for e in LogReader().events(io.BytesIO(raw)) if isinstance(e, Call)]
    except UsageError:
        return []


@settings(max_examples=100)
@given(TEXTS)
def test_any_text_can_be_read(text: str) -> None:
    for call in events(b"1 read() = 0\n" + text.encode()):
        split(call.arguments)
    parts = split(text)
    assert [part for part in parts if part != part.strip()] == []
    for one in (*parts, text):
        descriptor(one), fields(one), items(one), number(one), flags(one)


def quoted(text: str) -> str:
    """As strace writes a name: `"`, `<`, `>`, `\\` and what is no printing ASCII are escaped."""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"<>\\' else f"\\{ord(c):o}"
                   for c in text)  # fmt: skip


@settings(max_examples=100)
@given(st.text(max_size=30) | TEXTS.map(lambda text: text[:300]))
def test_any_name_comes_back_as_one_argument(name: str) -> None:
    name = quoted(name)
    arguments = [f"3</tmp/{name}>", f'"{name}"...', "4096"]
    line = f"1 17.5 pread64({', '.join(arguments)}) = 3</tmp/{name}> <0.1>\n"
    (call,) = events(line.encode())
    assert split(call.arguments) == arguments
    assert (call.result, call.result_note, call.took_s) == (3, f"</tmp/{name}>", 0.1)
    found = descriptor(call.arguments)
    assert found is not None
    assert (found.kind, found.decoration) == ("file", f"/tmp/{name}")


LETTERS = 100_000
REPEATED = [
    *("<", ">", '"', "\\", "(", ")", "[", ",", " ", "3<", "3<a>b", '\\"', '"\\', ") ", ") =", "=>"),
    *(") = 5", ") = 5 <0.1>", ") = 5 <", "<char 1", "3<char 1:3>", "1 ", "9", "0x", " <unfinished"),
    *("-1 E", "D</a>, ", "[pid ", "[ 1] ", "(+ ", "?", "A", "<... read resumed>", "\t"),
]


@pytest.mark.parametrize("piece", REPEATED)
@pytest.mark.parametrize("front", ["", "1 17.5 read(3</", '1 17.5 read("', "1 17.5 read(3) = 5 "])
def test_no_line_takes_quadratic_time(front: str, piece: str) -> None:
    """100,000 letters take milliseconds; with the square of them it would be minutes."""
    text = front + piece * (LETTERS // len(piece))
    begun = process_time()
    events(f"1 read() = 0\n{text}\n{text}) = 5 (a)\n".encode())
    split(text), descriptor(text), fields("{" + text + "}"), items(f"[{text}]"), flags(text)
    number(text)
    assert process_time() - begun < 3


@pytest.mark.parametrize(
    "line",
    [
        "{n} read(3,  <unfinished ...>",
        "{n} <... read resumed>",
        "[pid {n}] read(3) = 5",
        "strace: Process {n} attached",
        "read(strace: Process {n} attached",
        "<... read resumed>) = 0",
        "{n} +++ exited with 0 +++",
        "1 <... read resumed>a <unfinished ...>",
        "{n}.5 a(",
    ],
)
def test_no_lines_take_quadratic_time(line: str) -> None:
    text = "1 read() = 0\n" + "".join(line.format(n=n % 4_000_000) + "\n" for n in range(30_000))
    begun = process_time()
    events(text.encode())
    assert process_time() - begun < 5
