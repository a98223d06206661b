"""The helper processes that draw for `iomodels chart`: what they load, and how they end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from iomodels.cli.show import rendering

from iomodels.results.save import save

from .. import chart_runs
from ..fresh import Running
from ..processes import children
from .running import environment, start

__all__ = ["start"]

SEVERAL = """
import os
import iomodels
from iomodels import charts
from iomodels.cli.show import rendering

rendering.allowed_cpus = lambda: {0, 1}
several = (charts.pictures([iomodels.load("four.json")]) * 2)[:9]
files = rendering.rendered(several, "svg")
first = next(files), next(files)
print("drawing", flush=True)
os.read(0, 1)
assert [*first, *files] == [charts.render(picture, "svg") for picture in several]
print("the same")
"""


@dataclass
class Drawing:
    """A process that has drawn two of nine pictures; it goes on when its input is closed."""

    process: Running
    input: int

    def go_on(self) -> None:
        os.close(self.input)


@pytest.fixture
def drawing(start, tmp_path):
    save(chart_runs.four(rounds=2), tmp_path / "four.json", force=False)
    theirs, ours = os.pipe()
    with start(program=SEVERAL, streams=(theirs, None, None)) as process:
        os.close(theirs)
        process.wait_until(lambda: process.stdout == "drawing\n")
        yield Drawing(process, ours)
    with suppress(OSError):  # it went on
        os.close(ours)


def helpers_of(drawing: Drawing) -> list[int]:
    """Descriptors of the two helpers' processes, which can be waited for."""
    found = children(drawing.process.pid)
    assert len(found) == 2
    return [os.pidfd_open(pid) for pid in found]


def assert_ended(helpers: list[int]) -> None:
    for helper in helpers:
        assert select.select([helper], [], [], 30)[0], "a helper goes on"
        os.close(helper)


@pytest.mark.parametrize("killed", [0, 1, 2])
def test_what_a_killed_helper_should_have_drawn_is_drawn_all_the_same(drawing, killed):
    helpers = helpers_of(drawing)
    for helper in helpers[:killed]:
        signal.pidfd_send_signal(helper, signal.SIGKILL)
    drawing.go_on()
    code = drawing.process.wait()
    assert (drawing.process.stderr, code) == ("", 0)
    assert drawing.process.stdout == "drawing\nthe same\n"
    assert_ended(helpers)


def test_helpers_end_with_a_process_that_is_killed(drawing):
    helpers = helpers_of(drawing)
    for helper in helpers:  # or they could have drawn all before
        signal.pidfd_send_signal(helper, signal.SIGSTOP)
    drawing.process.send_signal(signal.SIGKILL)
    assert_ended(helpers)


def test_ctrl_c_ends_all_though_a_helper_hangs(drawing):
    helpers = helpers_of(drawing)
    for helper in helpers:
        signal.pidfd_send_signal(helper, signal.SIGSTOP)
    drawing.go_on()
    drawing.process.send_signal(signal.SIGINT)
    assert drawing.process.wait() != 0
    assert "Interrupted" in drawing.process.stderr  # the command line makes one line of it
    assert_ended(helpers)


SVG = ("--format", "svg", "--all")
MODULES = ("socket", "select", "selectors", "signal", "threading", "struct", "pickle", "types")
MODULES += ("subprocess", "multiprocessing", "matplotlib", "numpy")


@pytest.mark.parametrize("started", [("-P", "-m"), ("-m",)], ids=["script", "module"])
def test_no_file_of_the_current_folder_is_run(tmp_path, started):
    scenarios = ("one", "two")
    cells = [
        chart_runs.cell(engine, 6, scenario=name)
        for name in scenarios
        for engine in chart_runs.CALLS
    ]
    save(chart_runs.run(cells), tmp_path / "many.json", force=False)
    course = tmp_path / "course"
    course.mkdir()
    # What `python -m` itself loads before any of our lines is run, nobody can keep from it.
    names = MODULES if "-P" in started else ("matplotlib", "numpy", "socket", "multiprocessing")
    for name in names:
        (course / f"{name}.py").write_text("open('EXECUTED', 'a').write(__name__)\nraise OSError")
    done = subprocess.run(
        [sys.executable, *started, "iomodels", "chart", "../many.json", "-o", "out", *SVG],
        cwd=course, env=environment(), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 2 * rendering.WORTH_A_PROCESS
    assert not Path(course / "EXECUTED").exists()


def test_a_notebook_s_backend_is_not_ours(tmp_path):
    save(chart_runs.four(rounds=2), tmp_path / "four.json", force=False)
    done = subprocess.run(
        [sys.executable, "-m", "iomodels", "chart", "four.json", "-o", "out", *SVG],
        cwd=tmp_path,
        env=environment(MPLBACKEND="module://matplotlib_inline.backend_inline"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# In /proc even root can make nothing.
@pytest.mark.parametrize(
    "folders", [("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), ["MPLCONFIGDIR"]]
)
def test_matplotlib_gets_a_folder_where_its_own_cannot_be(tmp_path, folders):
    save(chart_runs.four(rounds=2), tmp_path / "four.json", force=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "iomodels", "chart", "four.json", "-o", "out", *SVG],
        cwd=tmp_path,
        env=environment(TMPDIR=str(temporary), **dict.fromkeys(folders, "/proc/none")),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(temporary.iterdir()) == [], "nothing stays"
