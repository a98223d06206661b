"""`iomodels import --crosscheck`: the table fits, and mistakes are one sentence."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path

import pytest

from iomodels.crosscheck.document import Because, CheckedJob, Compared, Crosscheck
from iomodels.crosscheck.measuring import QUANTITIES
from iomodels.results.schema import Interval

from ..cli.running import cli

__all__ = ["cli"]

console = import_module("iomodels.cli.show.console")
show = import_module("iomodels.cli.importing.crosschecked")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "job.fio"
    path.write_text("[a]\nrw=randread\nbs=4k\nsize=1m\n")
    return path


def test_without_fio_it_is_one_sentence(cli, job, tmp_path):
    done = cli("import", "--crosscheck", str(job), PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "iomodels: fio is not installed (Debian: apt install fio)\n"


def test_where_no_job_can_be_measured_nothing_was(cli, tmp_path):
    path = tmp_path / "job.fio"
    path.write_text("[a]\nrw=trim\nsize=1m\n")
    program = tmp_path / "fio"
    program.write_text("#!/bin/sh\necho fio-9\n")
    program.chmod(0o755)
    done = cli("import", "--crosscheck", str(path), PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 3
    assert "a: not measured: no scenario: rw (line 2): no engine trims" in done.stdout
    assert done.stderr.splitlines()[-1] == "iomodels: no job could be measured with both"


@pytest.mark.parametrize("more", [("-o", "x.toml"), ("--budget", "1")])
def test_what_does_not_go_together_is_a_mistake(cli, job, more):
    done = cli("import", "--crosscheck", str(job), *more)
    assert (done.returncode, done.stdout) == (2, "")
    done = cli("import", str(job), "--budget", "60")
    assert "--budget is for --crosscheck" in done.stderr


def test_both_numbers_are_shown_whole_on_80_columns():
    apart = Interval(123456.0, 111111.0, 133333.0), Interval(223456.0, 211111.0, 233333.0)
    compared = [Compared(quantity=q.key, fio=apart[0], ours=apart[1]) for q in QUANTITIES]
    because = Because(quantities=("cpu_ns_per_op",), sentence="it is so")
    shown = CheckedJob(
        name="a", compared=tuple(compared), reasons=(because,), unexplained=("throughput_ops",)
    )
    output = io.StringIO()
    narrow = console.QuietConsole(file=output, width=80, force_terminal=False, markup=False)
    for part in show.shown(Crosscheck(fio_version="9", seed=1, duration_s=1.0, jobs=(shown,))):
        narrow.print(part)
    text = output.getvalue()
    assert "…" not in text
    words = " ".join(text.split())
    assert "latency p50 123µs (111µs–133µs) 223µs (211µs–233µs) 1.81 differs" in words
    assert "CPU per operation: it is so." in words
    assert "throughput: no reason was found." in words
