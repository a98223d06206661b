"""Every benchmark still runs and gives sane numbers. No time is asserted: machines differ."""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from iomodels.check import pair_runs

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SPEED = BENCHMARKS / "speed.py"
INTEGRITY = BENCHMARKS / "integrity.py"
ROWS = {
    "harness": 3,
    "cached-read": 3,
    "direct-read": 2,
    "direct-read-by-kernel": 2,
    "io_uring": 6,
    "aio-read": 1,
    "server-threads": 6,
    "many-descriptors": 6,
    "server": 16,
    "command-line": 2,
    "process": 3,
    "bench": 1,
    "all": 1,
}
"""How many rows each benchmark has."""
LONGEST = pytest.mark.longest
EXCUSES = ("fio is not installed", "left out with --quick", "Operation not supported")
"""Why a row may have no value here: the last where the file system has no direct I/O."""


def speed(*options: str) -> str:
    command = [sys.executable, str(SPEED), "--quick", "--rounds", "1", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def all_rows() -> list[dict[str, Any]]:
    return json.loads(speed("--json"))["rows"]


def rows_of(name: str) -> list[dict[str, Any]]:
    """They come in the order of `ROWS`."""
    assert len(all_rows()) == sum(ROWS.values())
    counts = list(ROWS.values())
    first = sum(counts[: list(ROWS).index(name)])
    return all_rows()[first : first + ROWS[name]]


@pytest.mark.timeout(300)  # the first waits for all
@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_sane_numbers_or_a_known_reason(name):
    rows = rows_of(name)
    excused = [row for row in rows if row["reason"]]
    assert all(any(excuse in row["reason"] for excuse in EXCUSES) for row in excused), excused
    for row in rows:
        if row["reason"]:
            continue
        value = row["value"]
        assert 0 < value["low"] <= value["median"] <= value["high"] < math.inf
        assert row["ours"] > 0
        assert row["theirs"] > 0
        assert row["pairs"] == 1


def test_the_table_names_the_machine_but_not_the_host_and_to_what_all_is_pinned():
    cpu = min(os.sched_getaffinity(0))
    table = speed("--only", "harness", "--cpu", str(cpu))
    assert f"pinned to CPU {cpu}" in table
    assert f"Linux {platform.release()}" in table
    assert "bare stamps" in table
    assert "≤ 1.3" in table
    assert os.uname().nodename not in table.split()


def test_a_missing_fio_is_said_and_leaves_the_other_rows(tmp_path):
    """A PATH without fio, but with what the compiler needs."""
    for name in ("cc", "as", "ld"):
        for folder in os.environ["PATH"].split(os.pathsep):
            program = Path(folder) / name
            if program.exists():
                (tmp_path / name).symlink_to(program)
                break
    command = [sys.executable, str(SPEED), "--quick", "--rounds", "1", "--only", "cached-read"]
    done = subprocess.run(
        [*command, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "fio is not installed" in done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [bool(row["reason"]) for row in rows] == [True, False, False]


def test_servers_on_event_loops_run_beside_plain_ones_and_each_other() -> None:
    command = [sys.executable, str(BENCHMARKS / "event_loops.py"), "--quick", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    loops = 2 if find_spec("uvloop") else 1  # against plain ones; and uvloop against asyncio
    assert len(rows) == 3 * 2 * loops + 3 * 2 * (loops - 1)
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["pairs"] == 1 for row in rows)


def integrity(*options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(INTEGRITY), "--json", *options],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    "engines",
    [
        ("io_uring:fixed=both,multishot=on",),
        pytest.param(("blocking", "nonblocking", "select", "aio", "threads"), marks=LONGEST),
        pytest.param(("poll", "epoll", "sigio", "kaio", "io_uring"), marks=LONGEST),
    ],
    ids=",".join,
)
def test_what_is_written_is_what_is_read(engines):
    engines = [word for name in engines for word in ("--engine", name)]
    code, told = integrity("--gib", "0.02", *engines)
    assert code == 0, [cell for cell in told["cells"] if cell["reason"]]
    assert told["differences"] == 0
    assert told["moved"] >= told["verified"]
    for cell in told["cells"]:
        assert cell["verified"] > 0 or cell["missing"], cell
    if not any(cell["missing"] for cell in told["cells"]):
        assert told["verified"] >= 0.02 * 2**30


def test_a_byte_that_is_different_is_found():
    code, told = integrity("--gib", "0.02", "--engine", "select", "--spoil")
    found = {(cell["channel"], cell["work"]) for cell in told["cells"] if cell["difference"]}
    assert code == 1
    # Every write is followed by a look at the whole file; reads may miss a part of it.
    assert {("file", "write"), ("file", "mixed")} <= found
    assert all(channel.startswith("file") for channel, _ in found)


@pytest.mark.usefixtures("few_pairs")
def test_false_alarms_of_ab_are_counted_and_add_up(tmp_path, monkeypatch, capsys):
    """In this process, with few pairs. In each of them, B is what A was: a real false alarm comes
    in less than one suite of a hundred, but it comes."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    real = pair_runs._Session.pair

    def pair(*arguments):
        found = real(*arguments)
        return replace(found, b=found.a)

    monkeypatch.setattr(pair_runs._Session, "pair", pair)

    def ab(*options):
        monkeypatch.setattr(sys, "argv", ["ab.py", *options])
        assert importlib.import_module("ab").main() == 0
        return capsys.readouterr().out

    kept = tmp_path / "kept.json"
    told = json.loads(ab("--quick", "--suites", "1", "--json", "--keep", str(kept)))
    assert [suite["cells"] for suite in told["suites"]] == [1]
    assert told["false_alarms"] == 0
    assert told["suites"][0]["seconds"] > 0
    assert told["suites"][0]["exit"] in (0, 4)
    assert json.loads(kept.read_text()) == told
    # No time is left, so nothing is added to what is there.
    assert json.loads(ab("--quick", "--minutes", "-1", "--json", "--keep", str(kept))) == told
    other = tmp_path / "other.json"
    alarm = {**told["suites"][0], "alarms": ["echo aio"], "exit": 1}
    other.write_text(json.dumps({"suites": [alarm]}))
    added = ab("--add", str(kept), str(other))
    assert "2 A/A suites of 1 cells" in added
    assert "false alarms      1, 50.0% [9.5% … 90.5%]" in added


def test_what_measuring_costs_in_python_can_be_measured():
    command = [sys.executable, str(BENCHMARKS / "python_cost.py"), "--quick", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["reason"] for row in rows] == [None] * 16
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in rows)
    assert all(row["name"].startswith(platform.python_version()) for row in rows)


@pytest.mark.long
def test_what_the_recorder_costs_while_off_can_be_measured():
    command = [sys.executable, str(BENCHMARKS / "recorder.py"), "--quick", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["pairs"] for row in rows] == [1, 1, 1]
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in rows)


@pytest.mark.long
def test_the_other_build_has_no_recorder_in_its_calls(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    recorder = importlib.import_module("recorder")

    def uses(core: Path) -> int:
        done = subprocess.run(["objdump", "-d", core], capture_output=True, text=True, check=True)
        return len(re.findall(r"call.*<recorder_enter", done.stdout))

    plain = uses(recorder.build_core(tmp_path))
    assert plain > 10
    assert uses(recorder.build_core(tmp_path, recorder.WITHOUT)) < plain / 5


def test_levels_are_simulated_with_tiny_settings() -> None:
    command = [sys.executable, str(BENCHMARKS / "levels.py"), "--cells", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    tables = [len(part.splitlines()) - 2 for part in done.stdout.split("\n\n")]
    assert tables == [4 * 3, 3 * 3, 4]
    assert all(0 <= float(share) <= 100 for share in re.findall(r"([\d.]+) ?%", done.stdout))
