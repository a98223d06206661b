"""Two that measure at the same time are both told so, in whichever order they come and go."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from iomodels.measure import alongside
from iomodels.measure.alongside import Alongside
from iomodels.results import read
from iomodels.results.schema import Notice

from ..processes import has_a_round, wait_until

IOMODELS = (sys.executable, "-m", "iomodels")


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """This test's own: other tests measure at the same time."""
    own = tuple(f"\0iomodels-test-{secrets.token_hex(8)}-{number}" for number in range(3))
    monkeypatch.setattr(alongside, "ADDRESSES", own)
    return own


def noting(stack: ExitStack) -> list[Notice]:
    """What one that begins now, and measures until the stack ends, notes."""
    noted: list[Notice] = []
    stack.enter_context(Alongside(noted.append))
    return noted


def test_one_alone_notes_nothing() -> None:
    for _ in range(2):  # and one that ended before is no other
        with ExitStack() as stack:
            noted = noting(stack)
        assert noted == []


def test_the_second_knows_at_once_and_the_first_at_its_end() -> None:
    with ExitStack() as stack:
        first = noting(stack)
        second = noting(stack)
        assert [notice.code for notice in second] == ["alongside"]
        assert first == []
    assert [notice.code for notice in first] == ["alongside"]
    assert len(second) == 1, "it is said once"


def test_the_first_knows_of_one_that_came_and_went() -> None:
    with ExitStack() as stack:
        first = noting(stack)
        with ExitStack() as short:
            noting(short)
    assert len(first) == 1


def test_whoever_finds_no_free_address_is_not_alone(addresses: tuple[str, ...]) -> None:
    with ExitStack() as stack:
        all_of_them = [noting(stack) for _ in range(len(addresses) + 2)]
    assert [len(noted) for noted in all_of_them] == [1] * len(all_of_them)


def test_many_words_that_nobody_reads_hold_nobody_up() -> None:
    with ExitStack() as stack:
        first = noting(stack)
        for _ in range(50):  # more than the queue of a socket takes
            with ExitStack() as short:
                assert len(noting(short)) == 1
    assert len(first) == 1


def test_without_sockets_nothing_is_noticed_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("refused by a sandbox")

    monkeypatch.setattr(alongside.socket, "socket", refused)
    with ExitStack() as stack:
        noted = noting(stack), noting(stack)
    assert noted == ([], [])


def test_two_commands_at_the_same_time_both_have_the_warning(tmp_path: Path) -> None:
    slow = ("bench", "slow-device", "-e", "blocking", "-r", "1000", "-d", "0.05")
    fast = ("bench", "slow-device", "-e", "blocking", "-r", "1", "-d", "0.05", "-o", "second.json")
    partial = tmp_path / "first.json.partial"
    with subprocess.Popen(
        [*IOMODELS, *slow, "-o", "first.json"], cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as first:
        wait_until(lambda: has_a_round(partial))
        second = subprocess.run(
            [*IOMODELS, *fast], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        first.send_signal(signal.SIGINT)
    assert second.returncode == 0
    assert alongside.MESSAGE in " ".join(second.stderr.split())
    for name in ("first.json", "second.json"):
        codes = [notice.code for notice in read.load(tmp_path / name).warnings]
        assert codes.count("alongside") == 1
