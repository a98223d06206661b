"""Small inputs and poor surroundings: each one sentence with its documented code, no traceback."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from iomodels.results import save

from ..factory import make_run
from .running import QUICK, cli, command_line, environment, start

__all__ = ["cli", "start"]
BENCH = ("bench", "slow-device", "-e", "blocking", *QUICK)
MANY_DIGITS = "9" * 4301
"""One more than Python reads."""


def run(*arguments, cwd, limits):
    def limit() -> None:
        for name, most in limits:
            resource.setrlimit(name, (most, most))

    return subprocess.run(
        command_line(*arguments),
        cwd=cwd, env=environment(), capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip


def is_one_sentence(done) -> bool:
    last = done.stderr.splitlines()[-1]
    return last.startswith("iomodels: ") and "Traceback" not in done.stderr and len(last) < 400


@pytest.mark.parametrize("columns", [MANY_DIGITS, "100000000"])
def test_a_huge_width_is_a_large_one(cli, columns) -> None:
    done = cli("engines", COLUMNS=columns)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) < 1_000_000


def test_a_number_that_python_does_not_read_is_no_number(cli) -> None:
    done = cli("bench", "slow-device", "-e", f"aio:threads={MANY_DIGITS}")
    assert done.returncode == 2
    assert "is not a whole number" in done.stderr
    assert is_one_sentence(done)


@pytest.mark.parametrize(
    "prefix", ["printf 5", "printf []", "printf {}", 'printf "{\\"protocol\\":2}"']
)
def test_a_prefix_that_answers_something_else(cli, prefix) -> None:
    done = cli("check", "slow-device", "--a", f"prefix={prefix}")
    assert done.returncode == 2
    assert "does not start a Python that has iomodels" in done.stderr
    assert "Traceback" not in done.stderr


SMALL_FILES = """
import resource
from iomodels.cli.start import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
main()
"""


@pytest.mark.parametrize("command", ["bench", "check"])
def test_no_room_for_a_record_is_nothing_measured(cli, start, command) -> None:
    """An environment in which no trial can run, which is no failed cell and no regression."""
    if command == "check":
        assert cli(*BENCH, "-o", "b.json").returncode == 0
    arguments = BENCH if command == "bench" else ("check", "--baseline", "b.json")
    with start(*arguments, program=SMALL_FILES) as process:
        assert process.wait() == 3, process.stderr
        assert "no memory for the record of a trial (File too large): raise" in process.stderr
        assert is_one_sentence(process)


def test_few_descriptors_are_named(tmp_path) -> None:
    done = run(*BENCH, cwd=tmp_path, limits=[(resource.RLIMIT_NOFILE, 6)])
    assert done.returncode in (3, 5)
    assert "ulimit -n" in done.stderr
    assert is_one_sentence(done)


def test_a_small_result_takes_little_memory(tmp_path) -> None:
    """256 MiB were asked for, whatever the size of the file."""
    save.save(make_run(), tmp_path / "b.json", force=False)
    done = run(
        "compare", "b.json", "b.json", cwd=tmp_path, limits=[(resource.RLIMIT_AS, 330 << 20)]
    )
    assert done.returncode in (0, 4), done.stderr


@pytest.mark.parametrize("arguments", [BENCH, (*BENCH, "-o", "r.json"), (*BENCH, "--json")])
def test_a_folder_that_is_gone(tmp_path, arguments) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    program = shutil.which("iomodels", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(gone), program, *arguments],
        env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == (0 if "--json" in arguments else 5), done.stderr
    if "--json" not in arguments:
        assert "the current folder cannot be used" in done.stderr
        assert is_one_sentence(done)


HIT = """
import os, signal, sys
from iomodels.trials.record import Record
real, count = Record.numbers, [0]
def numbers(self, name):
    kept = real(self, name)
    count[0] += 1
    if count[0] == 48:
        os.kill(os.getpid(), signal.SIGINT)
    return kept
Record.numbers = numbers
from iomodels.cli.start import main
sys.argv[1:] = ["bench", "slow-device", "-e", "blocking", "-r", "9", "-d", "0.02", "-o", "r.json"]
main()
"""


def test_ctrl_c_while_a_histogram_is_read(start, tmp_path) -> None:
    """What the interruption left behind kept the record's memory: a BufferError, nothing saved."""
    with start(program=HIT) as process:
        assert process.wait() == 130, process.stderr
        assert "Traceback" not in process.stderr
    assert any(cell.trials for cell in import_module("iomodels").load(tmp_path / "r.json").cells)


def test_the_table_does_not_need_the_shipped_scenarios(monkeypatch) -> None:
    """They are read again for what sets a lone point apart, which the table can do without."""
    cells = import_module("iomodels.analysis.cells")

    def gone():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(cells.scenario, "shipped", gone)
    (points,) = cells.grouped(make_run().cells).values()
    assert cells.points_to_show("slow-device", points) == points


def test_an_incomplete_installation_is_one_line() -> None:
    script = "import sys; sys.modules['click'] = None; from iomodels.cli.start import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 70
    assert "it is not installed completely" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("mebibytes", [23, 25, 27])
def test_too_little_memory_is_one_line(tmp_path, mebibytes) -> None:
    """Of ours: where OpenSSL cannot be loaded, Python's hashlib logs lines of its own before it."""
    limit = resource.RLIMIT_AS, mebibytes << 20
    done = run(*BENCH, "--json", cwd=tmp_path, limits=[limit])
    assert done.returncode == 5, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("iomodels: ")]
    assert said == done.stderr.splitlines()[-1]
    assert "ulimit -v" in said or "-v)" in said


SHORT_OF_MEMORY = """
import resource
from iomodels.cli import main, start
resource.setrlimit(resource.RLIMIT_AS, (1 << 45, 1 << 45))
def fails(*_):
    raise {error}
main.LazyGroup.get_command = fails
{more}
start.main()
"""


@pytest.mark.parametrize(
    "error",
    [
        "MemoryError",
        "SystemError('returned NULL without exception set')",
        "SystemError('<built-in function compile> returned NULL without setting an exception')",
        "ValueError(\"field 'target' is required for AnnAssign\")",
    ],
)
@pytest.mark.parametrize("more", ["", "main._unforeseen = fails"], ids=["", "twice"])
def test_each_way_in_which_memory_is_short_is_one_line(start, error, more) -> None:
    """Which of them it is, and whether another one follows while the first is told, is luck above:
    the last three are what CPython's compiler makes of it."""
    if more and error != "MemoryError":
        error = f"({error} if isinstance(_[0], main.click.Group) else MemoryError)"
    with start(*BENCH, program=SHORT_OF_MEMORY.format(error=error, more=more)) as process:
        assert process.wait() == 5, process.stderr
        assert process.stderr == (
            "iomodels: Cannot allocate memory: free some memory, or raise the limit (ulimit -v)\n"
        )


def test_such_an_error_is_ours_where_memory_is_not_limited(start) -> None:
    error = "ValueError('x is required for y')"
    program = SHORT_OF_MEMORY.format(error=error, more="").replace("resource.setrlimit", "print")
    with start(*BENCH, program=program) as process:
        assert process.wait() == 70, process.stderr
