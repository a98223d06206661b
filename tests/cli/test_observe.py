"""`iomodels observe`: programs that run as usual, and scenarios of what they did."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.workload.scenario import resolve

from ..observe.straces import needs_strace, python
from ..processes import wait_until
from .running import cli, command_line, environment

__all__ = ["cli"]

SECRET = "very-secret-name"
BLOCKS = 40


@pytest.fixture(autouse=True)
def _strace() -> None:
    needs_strace()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / SECRET
    path.write_bytes(bytes(BLOCKS * 8192))
    return path


def copying(data: Path) -> list[str]:
    return ["dd", f"if={data}", f"of={data}.copy", "bs=8k", "status=none"]


def test_a_program_becomes_scenarios_without_anything_private(cli, data: Path) -> None:
    done = cli("observe", "-o", "mine.toml", "--", *copying(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    text = (data.parent / "mine.toml").read_text()
    for shown in (text, done.stderr):
        assert SECRET not in shown
        assert str(data.parent) not in shown
    scenarios = resolve([str(data.parent / "mine.toml")])
    assert {each.settings["load.operation"] for each in scenarios} == {"read", "write"}
    for each in scenarios:
        assert each.settings["load.block"] == 8192
        assert each.settings["load.pattern"] == "sequential"
        assert each.today == "blocking"
    assert "iomodels advise mine.toml" in done.stderr
    assert all(len(line) <= 80 and line == line.rstrip() for line in done.stderr.splitlines())


def test_a_narrow_report_breaks_no_line_twice(data: Path) -> None:
    done = subprocess.run(
        command_line("observe", "-o", "mine.toml", "--", *copying(data)),
        capture_output=True,
        text=True,
        cwd=data.parent,
        env=environment(COLUMNS="40"),
        check=True,
    )
    lines = done.stderr.splitlines()
    assert all(len(line) <= 40 and line == line.rstrip() for line in lines)
    _, *rest = lines[: lines.index("")]
    assert all(line.startswith("  ") for line in rest), rest


def test_without_an_output_the_file_has_a_name_of_its_own(cli, data: Path) -> None:
    for _ in range(2):
        assert cli("observe", "--", *copying(data)).returncode == 0
    assert len(list((data.parent / "results").glob("observed-*.toml"))) == 2


def test_the_program_has_its_own_input_and_output(tmp_path: Path) -> None:
    said = b"".join(b"line %d\n" % number for number in range(50_000))
    done = subprocess.run(
        command_line("observe", "-o", "mine.toml", "--", "cat"),
        input=said,
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == said


def test_json_is_alone_on_standard_output(cli, data: Path) -> None:
    code = f"open({str(data)!r}, 'rb', 0).read(5); print('said'); raise SystemExit(3)"
    reading = [f"f = open({str(data)!r}, 'rb', 0)", "[f.read(8192) for _ in range(30)]", code]
    done = cli("observe", "--json", "--", *python("\n".join(reading)))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "iomodels.observation/1"
    assert document["exit_code"] == 3
    assert document["observation"]["works"][0]["model"] == "blocking"
    assert document["scenarios"][0].startswith("files-read")
    assert SECRET not in done.stdout
    assert "said" in done.stderr
    assert "the command ended with exit code 3" in done.stderr
    assert not (data.parent / "results").exists()


def test_a_second_run_measures_what_strace_costs(cli, data: Path) -> None:
    done = cli("observe", "--compare", "--json", "--", *copying(data))
    document = json.loads(done.stdout)
    assert document["slowing"]["is_measured"]
    assert document["observation"]["slowdown"] == document["slowing"]["ratio"] > 0
    estimated = json.loads(cli("observe", "--json", "--", *copying(data)).stdout)
    assert not estimated["slowing"]["is_measured"]
    assert estimated["observation"]["slowdown"] is None
    assert estimated["slowing"]["ratio"] > 1


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "name a command to watch"),
        (["--pid", "1", "--", "true"], 2, "not both"),
        (["--", "no-such-command-here"], 2, "there is no such command"),
        (["--comparing", "--", "touch", "made"], 2, "no such option '--comparing'"),
        (["--compare", "--seconds", "3", "--", "touch", "made"], 2, "--compare contradicts"),
        (["-o", "mine.txt", "--", "touch", "made"], 2, ".toml at its end"),
        (["-o", "here.toml", "--", "touch", "made"], 2, "here.toml exists already"),
        (["--pid", "4194304"], 2, "no such process"),
        (["--", "true"], 3, "no reads or writes"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    cli, tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    (tmp_path / "here.toml").touch()
    done = cli("observe", *arguments)
    assert done.returncode == code, done.stderr
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "results").exists()


def test_ctrl_c_ends_the_program_and_keeps_what_was_seen(tmp_path: Path, data: Path) -> None:
    ready = tmp_path / "ready"
    code = f"""
import pathlib, time
file = open({str(data)!r}, "rb", 0)
for _ in range({BLOCKS}): file.read(8192)
pathlib.Path({str(ready)!r}).touch()
try: time.sleep(60)
except KeyboardInterrupt: raise SystemExit(0)
"""
    with subprocess.Popen(
        command_line("observe", "-o", "mine.toml", "--", *python(code)),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # without a terminal
    ) as process:
        wait_until(ready.exists)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert resolve([str(tmp_path / "mine.toml")])[0].settings["load.block"] == 8192


def test_a_running_process_is_watched_for_a_time(cli, tmp_path: Path, data: Path) -> None:
    code = f"""
import os, time
file = os.open({str(data)!r}, os.O_RDONLY)
while True: os.pread(file, 4096, 8192 * (os.getpid() % 7)); time.sleep(0.001)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            done = cli("observe", "--pid", str(process.pid), "--seconds", "1", "-o", "mine.toml")
            assert process.poll() is None
        finally:
            process.kill()
    assert done.returncode == 0, done.stderr
    assert "files-read" in done.stdout
    assert "the time is over" in done.stderr
    (scenario,) = resolve([str(tmp_path / "mine.toml")])
    assert scenario.settings["load.block"] == 4096


def test_a_process_that_does_nothing_is_not_taken_for_a_log_that_is_empty(cli) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            done = cli("observe", "--pid", str(process.pid), "--seconds", "0.3")
        finally:
            process.kill()
    assert done.returncode == 3, done.stderr
    assert "watch it while it works" in done.stderr
