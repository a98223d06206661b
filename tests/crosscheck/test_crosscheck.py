"""A job file with fio and with iomodels: real ones, and fio's that fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from iomodels.base.errors import UsageError
from iomodels.crosscheck.document import CheckedJob, Crosscheck
from iomodels.crosscheck.fio_run import PASSED
from iomodels.crosscheck.measuring import QUANTITIES, crosscheck
from iomodels.fio.importing import import_jobs

NEEDS_FIO = pytest.mark.skipif(
    shutil.which("fio") is None, reason="fio is not installed (Debian: apt install fio)"
)
ROUNDS = 2
ROUND_S = 2.0  # about 0.15 s for each of the two


def checked(text: str, folder: Path, rounds: int = 1) -> tuple[CheckedJob, Crosscheck]:
    jobs = import_jobs(text.encode(), "job.fio", memory_bytes=8 << 30).jobs
    found = crosscheck(jobs, budget_s=ROUND_S * rounds, rounds=rounds, folder=str(folder), seed=1)
    assert list(folder.iterdir()) == [], "nothing stays"
    (job,) = found.jobs
    return job, found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@NEEDS_FIO
def test_a_job_is_measured_with_both(folder: Path, tmp_path: Path) -> None:
    """And what the job names as its file is left alone."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep me" * 1000)
    text = f"[writer]\nfilename={victim}\nrw=randwrite\nbs=4k\nsize=1m\nioengine=psync\n"
    job, found = checked(text, folder, ROUNDS)
    assert not job.skipped
    assert victim.read_bytes() == b"keep me" * 1000
    assert [one.quantity for one in job.compared] == [quantity.key for quantity in QUANTITIES]
    assert (job.engine, job.ioengine, job.rounds) == ("blocking", "psync", ROUNDS)
    for one in job.compared:
        assert 0 < one.ours.low <= one.ours.median <= one.ours.high
        assert 0 <= one.fio.low <= one.fio.median <= one.fio.high
    rate, in_bytes = job.compared[:2]
    assert in_bytes.fio.median == pytest.approx(rate.fio.median * 4096, rel=0.05)
    assert in_bytes.ours.median == pytest.approx(rate.ours.median * 4096, rel=0.05)
    written = msgspec.json.encode(found)
    assert str(tmp_path).encode() not in written
    assert b"victim" not in written


@NEEDS_FIO
def test_that_fio_leaves_out_the_cpu_of_helper_threads_is_found(folder: Path) -> None:
    """Requests so large that the helper threads, which copy them, spend nearly all of it, however
    busy the machine is."""
    text = (
        "[aio]\nrw=randread\nbs=1m\nsize=16m\nioengine=posixaio\niodepth=8\nruntime=9\ntime_based\n"
    )
    job, _ = checked(text, folder)
    (cpu,) = (one for one in job.compared if one.quantity == "cpu_ns_per_op")
    assert cpu.fio.high < cpu.ours.low
    (said,) = (b for b in job.reasons if "the thread that submits only" in b.sentence)
    assert said.quantities == ("cpu_ns_per_op",)


@NEEDS_FIO
def test_what_cannot_be_compared_says_why(folder: Path) -> None:
    job, _ = checked("[net]\nioengine=net\nhostname=localhost\n", folder)
    assert job.skipped
    job, _ = checked("[run]\nexec_prerun=touch /tmp/never\nrw=read\nsize=1m\n", folder)
    assert "exec_prerun" in job.skipped


def test_nothing_that_names_a_file_or_a_program_is_passed_on() -> None:
    assert not {name for name in PASSED if "file" in name and name != "registerfiles"}
    begin = ("exec", "directory", "log", "write_", "read_", "include")
    assert not {name for name in PASSED if name.startswith(begin)}


def test_without_fio_that_is_what_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UsageError, match=r"fio is not installed \(Debian: apt install fio\)"):
        checked("[a]\nrw=read\nsize=1m\n", folder)


def test_a_budget_that_is_too_small_says_how_much_it_takes() -> None:
    jobs = import_jobs(b"[a]\nrw=read\nsize=1m\n", "job.fio", memory_bytes=8 << 30).jobs
    with pytest.raises(UsageError, match="6 rounds of 1 job with both take 11 s at least"):
        crosscheck(jobs, budget_s=5.0)


FAULTS = {
    "exit 3": "fio ended with exit code 3",
    "echo 'fio: broken' >&2; exit 1": "fio ended with exit code 1: fio: broken",
    'echo "no JSON" >"$out"': "the JSON that fio wrote is not as expected",
    'echo \'{"fio version": "fio-9", "jobs": []}\' >"$out"': "fio reports 0 jobs",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fio_that_fails_is_no_traceback(
    fault: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "fio"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo fio-9; exit; }\n'
        'for word; do case "$word" in --output=*) out=${word#--output=};; esac; done\n'
        f"{fault}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    job, _ = checked("[a]\nrw=randread\nbs=4k\nsize=1m\n", folder)
    assert FAULTS[fault] in job.skipped
