"""PATH.partial, where a run keeps its trials: no fault and no interruption loses a finished one."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys

import pytest

from iomodels.base import files
from iomodels.base.errors import ResultError
from iomodels.results import read, save

from ..factory import make_cell, make_run, make_trial
from .shared import is_one_sentence


def key(cell):
    return {"scenario": cell.scenario, "parameters": cell.parameters, "engine": cell.engine}


def write_trials(path, cell, trials):
    with save.PartialWriter(path) as writer:
        for trial in trials:
            writer.append(key(cell), trial)
    return writer


def test_each_trial_is_in_the_file_when_append_returns(path):
    cell = make_cell("aio:notify=poll")
    with save.PartialWriter(path) as writer:
        for number, trial in enumerate(cell.trials, start=1):
            writer.append(key(cell), trial)
            assert save.recover(writer.path) == [(key(cell), t) for t in cell.trials[:number]]


def test_the_file_stays_unless_it_is_discarded(path):
    cell = make_cell()
    partial = files.partial_path(path)
    with contextlib.suppress(KeyboardInterrupt), save.PartialWriter(path) as writer:
        writer.append(key(cell), cell.trials[0])
        raise KeyboardInterrupt
    assert len(save.recover(partial)) == 1

    with save.PartialWriter(path, force=True) as writer:
        writer.append(key(cell), cell.trials[0])
        writer.discard()
    assert list(path.parent.iterdir()) == []


def test_no_empty_file_stays(path):
    with save.PartialWriter(path) as writer:
        assert writer.path.exists()
    assert list(path.parent.iterdir()) == []


def test_force_does_not_write_through_a_link(path):
    victim = path.with_name("victim")
    victim.write_text("kept")
    files.partial_path(path).symlink_to(victim)
    with save.PartialWriter(path, force=True) as writer:
        writer.append(key(make_cell()), make_trial())
    assert victim.read_text() == "kept"
    assert len(save.recover(files.partial_path(path))) == 1


def test_a_file_cut_off_anywhere_gives_all_whole_trials(path):
    cell = make_cell(trials=[make_trial(n, latency_ns=[10 * n + 5]) for n in range(3)])
    partial = write_trials(path, cell, cell.trials).path
    data = partial.read_bytes()
    ends = [n for n, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data) + 1):
        partial.write_bytes(data[:cut])
        whole = sum(cut >= end for end in ends)
        assert [trial for _, trial in save.recover(partial)] == cell.trials[:whole]


def test_a_hole_after_a_power_failure_is_a_torn_line(path):
    partial = write_trials(path, make_cell(), [make_trial()]).path
    partial.write_bytes(partial.read_bytes() + bytes(4096))
    assert len(save.recover(partial)) == 1


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"garbage", b'{"cell":{},"trial":{}}', b"[" * 200_000, b"\xff"]
)
def test_a_broken_line_before_the_last_is_refused_with_its_number(path, line):
    partial = write_trials(path, make_cell(), [make_trial()]).path
    partial.write_bytes(partial.read_bytes() + line + b"\n")
    with pytest.raises(ResultError, match="delete its line 2") as refused:
        save.recover(partial)
    assert is_one_sentence(str(refused.value))


# Real faults, in processes of their own

KILLED = """
import os, signal, sys
from iomodels.results import read
from iomodels.results import save
run = read.load(sys.argv[1])
with save.PartialWriter(sys.argv[2]) as writer:
    for trial in run.cells[0].trials:
        writer.append({"engine": "blocking"}, trial)
    os.kill(os.getpid(), signal.SIGKILL)
"""

FULL_DISK = """
import json, os, pathlib, resource, sys
from iomodels.results import read
from iomodels.results import save
from iomodels.base.errors import OutputError
run = read.load(sys.argv[1])
path = pathlib.Path(sys.argv[2]) / "run.json"
if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
told, appended = [], 0
with save.PartialWriter(path) as writer:
    for trial in run.cells[0].trials:
        try:
            writer.append({"engine": "blocking"}, trial)
        except OutputError as error:
            told.append(str(error))
        appended += not writer.failed
    failed = writer.failed
    try:
        save.save(run, path, force=False)
    except OutputError as error:
        told.append(str(error))
kept = [trial for _, trial in save.recover(writer.path)]
print(json.dumps({
    "told": told, "appended": appended, "failed": failed,
    "kept_all": kept == run.cells[0].trials[:len(kept)], "kept": len(kept),
    "torn": not writer.path.read_bytes().endswith(b"\\n"),
    "files": sorted(os.listdir(path.parent)),
}))
"""


@pytest.fixture
def long_run(tmp_path):
    """A result file of about 40 KiB."""
    file = tmp_path / "long.json"
    trials = [make_trial(n, latency_ns=list(range(200))) for n in range(10)]
    save.save(make_run([make_cell(trials=trials)]), file, force=False)
    return file


def test_a_killed_process_loses_no_finished_trial(long_run, path):
    child = subprocess.run([sys.executable, "-c", KILLED, long_run, path], check=False)
    assert child.returncode == -signal.SIGKILL
    kept = [trial for _, trial in save.recover(files.partial_path(path))]
    assert kept == read.load(long_run).cells[0].trials
    assert not path.exists()


def check_full_disk(output, folder):
    found = json.loads(output)
    assert found["failed"]
    assert 0 < found["appended"] == found["kept"] < 10
    assert found["kept_all"]
    assert not found["torn"]
    assert found["files"] == ["run.json.partial"]
    during, after = found["told"]
    for message, name in [(during, "run.json.partial"), (after, "run.json")]:
        assert message.startswith(f"cannot write {folder / name} (")
        assert "free some space" in message
        assert message.endswith(f"kept in {folder / 'run.json.partial'}")
        assert is_one_sentence(message)


def test_a_file_size_limit_loses_nothing(long_run, tmp_path):
    folder = tmp_path / "limited"
    folder.mkdir()
    output = subprocess.run(
        [sys.executable, "-c", FULL_DISK, long_run, folder, "12000"],
        check=True,
        capture_output=True,
    ).stdout
    check_full_disk(output, folder)


def test_a_full_disk_loses_nothing(long_run, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=16k none "$1"'
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*inside, mount, "sh", folder], check=False, stderr=subprocess.DEVNULL
        ).returncode
    ):
        pytest.skip("this system lets nobody mount a small file system in a namespace")
    script = mount + ' && exec "$2" -c "$3" "$4" "$1" 0'
    output = subprocess.run(
        [*inside, script, "sh", folder, sys.executable, FULL_DISK, long_run],
        check=True,
        capture_output=True,
    ).stdout
    check_full_disk(output, folder)
