"""An output belongs to one run at a time, and to none whose process has ended."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.base.errors import OutputError
from iomodels.results import locks

HOLDING = """
import sys
from pathlib import Path
from iomodels.results import locks

with locks.reserved([Path(sys.argv[1])]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "check.xml"


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that has it, until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def reserve(path: Path) -> None:
    with locks.reserved([path]):
        pass


def test_what_another_process_has_is_refused_until_it_ends(output: Path) -> None:
    with holder(output) as other:
        with pytest.raises(OutputError, match=r"check.xml is an output of a run that is still"):
            reserve(output)
        reserve(output.with_name("other.xml"))
        other.communicate("")
    reserve(output)
    assert list(output.parent.iterdir()) == []


def test_a_process_that_was_killed_has_nothing(output: Path) -> None:
    with holder(output) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    reserve(output)
    assert list(output.parent.iterdir()) == [], "what it left is gone, too"


def test_all_of_them_or_none(output: Path) -> None:
    free = output.with_name("free.xml")
    with holder(output) as other:
        with pytest.raises(OutputError), locks.reserved([free, output]):
            pytest.fail("one of them is taken")
        reserve(free)
        other.communicate("")


def test_a_link_to_it_is_the_same_output(output: Path) -> None:
    link = output.with_name("link.xml")
    link.symlink_to(output)
    with holder(output) as other:
        with pytest.raises(OutputError):
            reserve(link)
        other.communicate("")


def test_the_longest_name_has_room_for_the_lock(output: Path) -> None:
    with locks.reserved([output.with_name("x" * 251 + ".xml")]):
        assert len(list(output.parent.iterdir())) == 1


def test_where_there_are_no_locks_nothing_is_refused(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with holder(output) as other:
        monkeypatch.setattr(locks.fcntl, "flock", refused)
        reserve(output)
        other.communicate("")
