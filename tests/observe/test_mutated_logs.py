"""Logs that went wrong somewhere: no traceback, and nothing private, whatever is in them."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from iomodels.base.errors import UsageError
from iomodels.observe.from_log import observation_of
from iomodels.observe.scenarios import figures_of, notes_of, scenarios_of
from iomodels.workload.writing import as_file

# Of strace 6.1: most calls that mean something, of five programs, with private paths and addresses.
LINES = (Path(__file__).parents[1] / "data" / "logs" / "calls.log").read_bytes().splitlines()
PRIVATE = re.compile(r"private|10\.11\.12\.13|:\[\d|/home")
NUMBERS = (
    *(b"-1", b"0", b"99999999999999999999", b"9223372036854775807", b"0xffffffffffffffff", b""),
    *(b"NULL", b"[...]", b"[]", b"{}", b'"', b"<", b"?", b"1e9", b"4096"),
)
LETTERS = b'<>",()\\\0\xff7{}[]= \r'
NUMBER, ARGUMENT = re.compile(rb"\b\d+\b"), re.compile(rb", [^,]*")

Lines = list[bytes]


def _drop(dice: random.Random, lines: Lines, at: int) -> None:
    del lines[at]


def _repeat(dice: random.Random, lines: Lines, at: int) -> None:
    lines.insert(dice.randrange(len(lines)), lines[at])


def _cut(dice: random.Random, lines: Lines, at: int) -> None:
    lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]


def _shuffle(dice: random.Random, lines: Lines, at: int) -> None:
    dice.shuffle(lines)


def _letter(dice: random.Random, lines: Lines, at: int) -> None:
    place = dice.randrange(len(lines[at]) + 1)
    letter = dice.choice(LETTERS)
    lines[at] = lines[at][:place] + bytes([letter]) + lines[at][place + dice.randrange(2) :]


def _number(dice: random.Random, lines: Lines, at: int) -> None:
    _replace(dice, lines, at, NUMBER, dice.choice(NUMBERS))


def _argument(dice: random.Random, lines: Lines, at: int) -> None:
    _replace(dice, lines, at, ARGUMENT, dice.choice((b"", b", " + dice.choice(NUMBERS))))


def _replace(
    dice: random.Random, lines: Lines, at: int, what: re.Pattern[bytes], by: bytes
) -> None:
    if found := list(what.finditer(lines[at])):
        match = dice.choice(found)
        lines[at] = lines[at][: match.start()] + by + lines[at][match.end() :]


MUTATIONS: tuple[Callable[[random.Random, Lines, int], None], ...] = (
    *(_drop, _repeat, _cut, _shuffle, _letter, _number, _argument),
)


def mutated(dice: random.Random) -> bytes:
    lines = LINES.copy()
    if dice.random() < 0.5:
        begin = dice.randrange(len(lines))
        lines = lines[begin : begin + dice.choice((5, 50))]
    for _ in range(dice.choice((0, 1, 3, 30))):
        if lines:
            dice.choice(MUTATIONS)(dice, lines, dice.randrange(len(lines)))
    raw = b"\n".join(lines)
    if dice.random() < 0.1:  # without -T, -y, -ttt
        raw = re.sub(rb"(?m) <\d+\.\d+>$", b"", raw)
    if dice.random() < 0.1:
        raw = re.sub(rb"<[^<>\n]*(?:->[^<>\n]*)?>", b"", raw)
    if dice.random() < 0.1:
        raw = re.sub(rb"(?m)^(\d+ +)\d+\.\d+ ", rb"\1", raw)
    return raw


def all_that_is_said(raw: bytes) -> str:
    """The scenario file, and the data."""
    seen = observation_of(io.BytesIO(raw))
    scenarios = scenarios_of(seen)
    text = as_file(scenarios, "title", (figures_of(seen), *notes_of(seen))) if scenarios else ""
    return text + msgspec.json.encode(seen).decode()


def test_the_log_is_understood_as_it_is() -> None:
    raw = b"\n".join(LINES)
    assert PRIVATE.search(raw.decode())
    seen = observation_of(io.BytesIO(raw))
    assert seen.lines_not_understood == 0
    assert {"file", "socket"} <= {work.kind for work in seen.works}
    assert "io_uring" in {unseen.what for unseen in seen.unseen}


@pytest.mark.parametrize("seed", range(8))
def test_a_mutated_log_is_no_traceback(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(40):
        raw = mutated(dice)
        try:
            said = all_that_is_said(raw)
        except UsageError as error:
            said = str(error)
        assert not PRIVATE.search(said), raw
