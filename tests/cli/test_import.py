"""`iomodels import`: job files and logs to scenario files, with the exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.workload.scenario import resolve

from ..fio.files import BROKEN, VALID
from .running import cli, command_line, environment

__all__ = ["cli"]  # a fixture

JOB = """[global]
direct=1
[deep]
ioengine=libaio
iodepth=8
rw=randread
bs=4k
size=8m
group_reporting
[log]
stonewall
direct=0
rw=write
bs=4k
fdatasync=1
size=1m
"""
PARTLY = "[hot]\nrw=randread\ndirect=1\nsize=8m\nrandom_distribution=zipf:1.1\n"
LOG = "".join(
    f'{1000 + number / 1000:.6f} pread64(3</x/private-file>, "…", 4096, {4096 * (number * 7 % 64)})'
    f" = 4096 <0.000100>\n"
    for number in range(100)
)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.fio"
    path.write_text(JOB)
    return path


def test_standard_output_is_the_file_and_standard_error_the_table(cli, job, tmp_path):
    done = cli("import", str(job))
    assert done.returncode == 0
    (tmp_path / "mine.toml").write_text(done.stdout)
    names = [scenario.name for scenario in resolve([str(tmp_path / "mine.toml")])]
    assert names == ["deep", "log"]
    for option in ("iodepth", "rw", "group_reporting", "stonewall", "fdatasync"):
        assert option in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80
    assert "-o mine.toml" in done.stderr


def test_what_is_imported_is_measured(cli, job):
    assert cli("import", str(job), "-o", "mine.toml").returncode == 0
    quick = ("-r", "1", "-d", "0.02", "--warmup", "0", "-e", "blocking", "-e", "threads")
    done = cli("bench", "mine.toml", *quick)
    assert done.returncode == 0, done.stderr
    assert "deep" in done.stdout + done.stderr


MEASURED = ("checks-of-data", "includes", "net-ping-pong", "thinking", "aliases", "same-names")


def test_what_is_imported_of_all_kinds_is_measured(cli, tmp_path):
    for name in MEASURED:
        (path,) = (path for path in VALID if path.stem == name)
        assert cli("import", str(path), "--partly", "-o", f"{name}.toml").returncode == 0
    quick = ("-r", "1", "-d", "0.02", "--warmup", "0", "-e", "blocking", "--json")
    done = cli("bench", *(f"{name}.toml" for name in MEASURED), *quick)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert {cell["status"] for cell in cells} <= {"ok", "n/a"}
    reasons = [cell["reason"] for cell in cells if cell["status"] == "n/a"]
    assert all("-e" in reason for reason in reasons), reasons  # more in flight than one thread has
    assert len(cells) - len(reasons) >= len(MEASURED)


def test_an_output_says_what_comes_next_and_is_not_overwritten(cli, job, tmp_path):
    done = cli("import", str(job), "-o", "new/mine.toml")
    assert (done.returncode, done.stdout) == (0, "")
    assert "iomodels bench new/mine.toml" in done.stderr
    assert "iomodels advise new/mine.toml" in done.stderr
    written = (tmp_path / "new" / "mine.toml").read_text()
    again = cli("import", str(job), "-o", "new/mine.toml")
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert cli("import", str(job), "-o", "new/mine.toml", "--force").returncode == 0
    assert (tmp_path / "new" / "mine.toml").read_text() == written


def test_json_has_every_option(cli, job):
    done = cli("import", str(job), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    assert (data["schema"], data["format"]) == ("iomodels.import/1", "job file")
    deep, log = data["jobs"]
    assert {option["option"] for option in log["options"]} >= {"direct", "fdatasync", "stonewall"}
    assert deep["scenario"]["parameters"]["load.depth"] == 8
    assert deep["scenario"]["today"] == "kaio"


def test_a_job_that_cannot_be_said_is_written_with_partly_only(cli, tmp_path):
    (tmp_path / "hot.fio").write_text(PARTLY)
    done = cli("import", "hot.fio", "-o", "mine.toml")
    assert done.returncode == 3
    assert not (tmp_path / "mine.toml").exists()
    assert "random_distribution" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("iomodels: hot.fio: no job of it can be")
    done = cli("import", "hot.fio", "--partly")
    assert done.returncode == 0
    assert "# random_distribution: " in done.stdout


def test_one_job_of_two_is_written(cli, tmp_path):
    (tmp_path / "two.fio").write_text(JOB + PARTLY)
    done = cli("import", "two.fio")
    assert done.returncode == 0
    assert 'name = "deep"' in done.stdout
    assert "hot" not in done.stdout
    assert "not written" in done.stderr


@pytest.mark.parametrize("path", BROKEN[::6], ids=lambda path: path.stem)
def test_a_broken_file_is_one_sentence(cli, path):
    done = cli("import", str(path), "-o", "mine.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"iomodels: {path}: ") or path.stem in done.stderr


def test_what_is_no_file_is_one_sentence(cli, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "page.html").write_text("<!doctype html>\n<p>hello\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    for name, said in (
        ("missing.fio", "no such file"),
        (".", "folder"),
        ("empty", "is empty"),
        ("page.html", "neither"),
        ("picture.png", "neither"),
    ):
        done = cli("import", name)
        assert (done.returncode, done.stdout) == (2, ""), name
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


def imported_from_pipe(text: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_line("import", "-", *arguments),
        input=text,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
        timeout=60,
        check=False,
    )


def test_standard_input(tmp_path):
    done = imported_from_pipe(JOB, cwd=tmp_path)
    assert done.returncode == 0
    assert 'name = "deep"' in done.stdout
    done = imported_from_pipe("[a]\nrw=sideways\n", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("iomodels: standard input: line 2: rw must be one of")


@pytest.mark.parametrize("from_pipe", [False, True], ids=["file", "pipe"])
def test_a_log_of_strace(cli, tmp_path, from_pipe):
    (tmp_path / "program.log").write_text(LOG)
    done = imported_from_pipe(LOG, cwd=tmp_path) if from_pipe else cli("import", "program.log")
    assert done.returncode == 0, done.stderr
    (tmp_path / "mine.toml").write_text(done.stdout)
    (scenario,) = resolve([str(tmp_path / "mine.toml")])
    assert scenario.settings["load.block"] == 4096
    assert scenario.settings["load.pattern"] == "random"
    assert scenario.today == "blocking"
    assert "private" not in done.stdout + done.stderr
    assert cli("import", "program.log", "--partly").returncode == 2


def test_a_log_in_json(cli, tmp_path):
    (tmp_path / "program.log").write_text(LOG)
    done = cli("import", "program.log", "--json")
    data = json.loads(done.stdout)
    assert (done.returncode, done.stderr, data["format"]) == (0, "", "log")
    assert data["observation"]["works"][0]["operations"] == 100
    assert len(data["scenarios"]) == 1


def test_what_a_log_lacks_is_said(cli, tmp_path):
    (tmp_path / "program.log").write_text(re.sub(r"(?m)^[\d.]+ | <[\d.]+>$", "", LOG))
    done = cli("import", "program.log")
    assert done.returncode == 0
    assert "# the log has no times (strace -ttt)" in done.stdout
    assert "the log has no times (strace -ttt)" in done.stderr


def test_a_log_without_io_is_no_scenario(cli, tmp_path):
    (tmp_path / "program.log").write_text("1 getpid() = 1\n1 +++ exited with 0 +++\n" * 3)
    done = cli("import", "program.log")
    assert (done.returncode, done.stdout) == (3, "")
    assert "were seen in 3 system calls: make the log while the program works" in done.stderr
    assert "strace -f" in done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_log_that_strace_wrote(cli, tmp_path):
    (tmp_path / "data").write_bytes(b"x" * (1 << 20))
    program = "import os\nfd = os.open('data', 0)\nfor n in range(64): os.pread(fd, 16384, n << 14)"
    subprocess.run(
        ["strace", "-f", "-ttt", "-T", "-y", "-o", "program.log", sys.executable, "-c", program],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    done = cli("import", "program.log", "--json")
    data = json.loads(done.stdout)
    assert (data["format"], done.returncode) == ("log", 0)
    (first, *_) = data["observation"]["works"]
    assert first["blocks"][0]["block_bytes"] == 16384


def test_formats_are_told_apart_by_content(tmp_path):
    from importlib import import_module

    opened = import_module("iomodels.cli.importing.source").opened
    logs = [
        '1234 read(3, "", 1) = 0\n',
        '[pid  1234] 12:00:01 read(3, "", 1) = 0\n',
        '1700000000.123456 openat(AT_FDCWD, "/", O_RDONLY) = 3 <0.000010>\n',
        "77 12:00:00.123 <... futex resumed>) = 0\n",
        "1 --- SIGCHLD {si_signo=SIGCHLD} ---\n",
        "strace: Process 7 attached\n",
        "96, 516) = 4096\n" + '7 read(3, "", 1) = 0\n' * 2,  # cut
    ]
    for text in logs:
        (tmp_path / "x").write_text(text)
        with opened(str(tmp_path / "x")) as source:
            assert source.format == "log", text
    for path in VALID:
        with opened(str(path)) as source:
            assert source.format == "job file", path.name
