"""PATH.partial, where a run keeps its trials: no fault and no interruption loses a finished one."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys

import pytest
from msgspec.structs import replace

from iomodels.base import files
from iomodels.base.errors import NotWritten, ResultError
from iomodels.results import partial, read, save
from iomodels.results.partial import KeptLine, PartialWriter

from ..factory import make_cell, make_run, make_trial
from .shared import is_one_sentence


def load(path):
    _, lines = partial.read(path.read_bytes(), path)
    return [line.trial for line in lines if line.trial is not None]


def write_trials(path, trials, **options):
    with PartialWriter(path, make_run(), **options) as writer:
        for trial in trials:
            writer.append(KeptLine(0, trial))
    return writer.path


def test_each_trial_is_in_the_file_when_append_returns(path):
    cell = make_cell("aio:notify=poll")
    with PartialWriter(path, make_run([cell])) as writer:
        for number, trial in enumerate(cell.trials, start=1):
            writer.append(KeptLine(0, trial))
            assert load(writer.path) == cell.trials[:number]


def test_the_file_says_by_itself_what_was_measured(path):
    run = make_run()
    header, _ = partial.read(write_trials(path, [make_trial()]).read_bytes(), path)
    bare = [replace(cell, trials=[], summary=None, status="partial") for cell in run.cells]
    assert header == replace(run, cells=bare)


def test_the_file_stays_unless_it_is_discarded(path):
    with contextlib.suppress(KeyboardInterrupt), PartialWriter(path, make_run()) as writer:
        writer.append(KeptLine(0, make_trial()))
        raise KeyboardInterrupt
    assert len(load(files.partial_path(path))) == 1

    with PartialWriter(path, make_run(), force=True) as writer:
        writer.append(KeptLine(0, make_trial()))
        writer.discard()
    assert list(path.parent.iterdir()) == []


def test_an_unforeseen_end_says_where_the_trials_are(path):
    crash = RuntimeError("a fault of ours")
    with contextlib.suppress(RuntimeError), PartialWriter(path, make_run()) as writer:
        writer.append(KeptLine(0, make_trial()))
        raise crash
    assert crash.__notes__ == [f"what was measured is kept in {writer.path}"]


def test_no_file_without_a_trial_stays(path):
    with PartialWriter(path, make_run()) as writer:
        writer.append(KeptLine(0, None, "n/a", "it cannot"))
        assert writer.path.exists()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("trials", [None, 0])
def test_a_file_without_a_trial_is_in_nobody_s_way(path, trials):
    """A run that was killed before its first trial ended, and one that had written nothing."""
    if trials is None:
        files.partial_path(path).touch()
    else:
        with PartialWriter(path, make_run()) as writer:
            writer.discard = lambda: None
    assert files.partial_path(path).exists()
    assert len(load(write_trials(path, [make_trial()]))) == 1


@pytest.mark.parametrize("force", [False, True])
def test_a_live_run_s_file_is_not_taken(path, force):
    with PartialWriter(path, make_run()) as writer:
        writer.append(KeptLine(0, make_trial()))
        with (
            pytest.raises(partial.TakenError, match="still going") as refused,
            PartialWriter(path, make_run(), force=force),
        ):
            pass
        assert is_one_sentence(str(refused.value))
        assert len(load(writer.path)) == 1


def test_what_is_another_s_is_not_deleted(path):
    with PartialWriter(path, make_run()) as writer:
        writer.append(KeptLine(0, make_trial()))
        writer.path.unlink()
        writer.path.write_text("another's")
        with pytest.raises(NotWritten, match="removed meanwhile"):
            writer.append(KeptLine(0, make_trial(1)))
        assert writer.failed
        writer.discard()
    assert writer.path.read_text() == "another's"


@pytest.mark.parametrize("force", [False, True])
def test_a_link_is_neither_followed_nor_removed(path, force):
    victim = path.with_name("victim")
    victim.write_text("kept")
    files.partial_path(path).symlink_to(victim)
    with pytest.raises(NotWritten), PartialWriter(path, make_run(), force=force):
        pass
    assert victim.read_text() == "kept"
    assert files.partial_path(path).is_symlink()


def test_a_run_that_goes_on_keeps_what_there_is(path):
    first = write_trials(path, [make_trial(0), make_trial(1)])
    first.write_bytes(first.read_bytes() + b'{"cell":0,"tri')
    known = partial.read(first.read_bytes(), path)[1]
    assert len(known) == 2
    three = [make_trial(n) for n in range(3)]
    assert load(write_trials(path, [make_trial(2)], known=known)) == three
    first.unlink()  # of a result, there are only the trials
    assert load(write_trials(path, [make_trial(2)], known=known)) == three


def test_a_file_cut_off_anywhere_gives_all_whole_trials(path):
    trials = [make_trial(n, latency_ns=[10 * n + 5]) for n in range(3)]
    file = write_trials(path, trials)
    data = file.read_bytes()
    header, *ends = [n for n, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(header, len(data) + 1):
        file.write_bytes(data[:cut])
        whole = sum(cut >= end for end in ends)
        assert load(file) == trials[:whole]


def test_a_hole_after_a_power_failure_is_a_torn_line(path):
    file = write_trials(path, [make_trial()])
    file.write_bytes(file.read_bytes() + bytes(4096))
    assert len(load(file)) == 1


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"garbage", b'{"cell":{}}', b'{"cell":99}', b"[" * 200_000, b"\xff"]
)
def test_a_broken_line_before_the_last_is_refused_with_its_number(path, line):
    file = write_trials(path, [make_trial()])
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(ResultError, match="delete its line 3") as refused:
        load(file)
    assert is_one_sentence(str(refused.value))


# Real faults, in processes of their own

KILLED = """
import os, signal, sys
from iomodels.results import read
from iomodels.results.partial import KeptLine, PartialWriter
run = read.load(sys.argv[1])
with PartialWriter(sys.argv[2], run) as writer:
    for trial in run.cells[0].trials:
        writer.append(KeptLine(0, trial))
    os.kill(os.getpid(), signal.SIGKILL)
"""

FULL_DISK = """
import json, os, pathlib, resource, sys
from iomodels.results import read
from iomodels.results import partial, save
from iomodels.base.errors import OutputError
run = read.load(sys.argv[1])
path = pathlib.Path(sys.argv[2]) / "run.json"
if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
told, appended = [], 0
KeptLine = partial.KeptLine
with partial.PartialWriter(path, run) as writer:
    for trial in run.cells[0].trials:
        try:
            writer.append(KeptLine(0, trial))
        except OutputError as error:
            told.append(str(error))
        appended += not writer.failed
    failed = writer.failed
    try:
        save.save(run, path, force=False, kept=writer.path)
    except OutputError as error:
        told.append(str(error))
lines = partial.read(writer.path.read_bytes(), writer.path)[1]
kept = [line.trial for line in lines]
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
    assert load(files.partial_path(path)) == read.load(long_run).cells[0].trials
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
