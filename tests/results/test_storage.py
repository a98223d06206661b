"""Result files: nothing is lost or overwritten in writing, and nothing is believed in reading."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base import files
from iomodels.base.errors import OutputError, ResultError
from iomodels.results import read, save
from iomodels.results.schema import SCHEMA

from ..factory import make_cell, make_run, make_trial

NOBODY = 65534


@contextlib.contextmanager
def unprivileged():
    """The superuser may read and write everything, so as that one step down for a moment."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


def is_one_sentence(message):
    """Says what and where, and after a colon what to do, all in one line."""
    return "\n" not in message and ": " in message and len(message) < 500


def key(cell):
    return {"scenario": cell.scenario, "parameters": cell.parameters, "engine": cell.engine}


@pytest.fixture
def run():
    return make_run()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.json"


@pytest.fixture
def shared_folder():
    """A folder that others may enter too, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


# There and back


def test_a_saved_run_is_loaded_unchanged(path):
    trial = make_trial(3, added_ns=[(10, 2)], overlap=-0.25, counters={"lateness_ns": 3.0})
    cells = [
        make_cell("aio:notify=poll", [trial]),
        make_cell("blocking", [], status="n/a", reason="does one transfer at a time"),
        make_cell("select", note="degenerate: same as blocking — ‘always ready’"),
    ]
    run = make_run(cells)
    save.save(run, path, force=False)
    assert read.load(path) == run
    assert read.load(str(path)) == run


def test_the_bytes_are_deterministic_readable_json(run, path):
    data = save.encode(run)
    assert data == save.encode(make_run())
    assert data.endswith(b"}\n")
    assert json.loads(data)["schema"] == SCHEMA
    lines = data.splitlines()
    assert sum(line.startswith(b'{"round":') for line in lines) == 14
    assert sum(line.startswith(b'{"scenario":') for line in lines) == 2

    path.write_bytes(data)
    assert save.encode(read.load(path)) == data


@pytest.mark.parametrize(
    "others", [{"throughput_ops": float("nan")}, {"added_ns": [(2, 1), (1, 1)]}]
)
def test_a_run_that_could_not_be_read_back_is_not_written(path, others):
    run = make_run([make_cell(trials=[make_trial(**others)], summary=make_cell().summary)])
    with pytest.raises(ResultError, match=r"cells\[0\].trials\[0\]"):
        save.save(run, path, force=False)
    assert list(path.parent.iterdir()) == []


def test_a_file_from_before_the_command_was_kept_is_read(path):
    path.write_bytes(changed(lambda data: data.pop("asked")))
    assert read.load(path).asked is None


# Reading


def changed(change):
    """The bytes of a sound file after `change` was done to its JSON."""
    data = json.loads(save.encode(make_run()))
    change(data)
    return json.dumps(data).encode()


def set_at(*keys, to):
    def change(data):
        for one in keys[:-1]:
            data = data[one]
        data[keys[-1]] = to

    return change


def asked(**others):
    return {"scenarios": ["slow-device"], "engines": [], "settings": {}} | others


def trial_with(name, value):
    return changed(set_at("cells", 0, "trials", 0, name, to=value))


SOUND = save.encode(make_run())
UNSOUND = {
    "empty": (b"", "not JSON, or is cut off"),
    "binary": (bytes(range(256)), "not JSON"),
    "cut off": (SOUND[: len(SOUND) // 2], "cut off"),
    "more behind": (SOUND + b"{}", "not JSON"),
    "not UTF-8": (SOUND.replace(b"slow-device", b"slow\xffdevice"), "not UTF-8"),
    "too deep": (b'{"schema":"iomodels.run/1","x":' + b"[" * 200_000, "too deeply"),
    "a list": (b"[1, 2]", "not a sound iomodels result"),
    "foreign": (b'{"name": "fio", "jobs": []}', "schema"),
    "foreign schema": (b'{"schema": "pyperf/1"}', "'pyperf/1', not iomodels.run/1"),
    "control characters": (b'{"schema": "\\u001b[31m"}', r"\\x1b"),
    "newer version": (b'{"schema": "iomodels.run/2"}', "version 'iomodels.run/2' and this iom"),
    "nothing but a schema": (b'{"schema": "iomodels.run/1"}', "tool"),
    "NaN": (SOUND.replace(b"10000.0", b"NaN"), "not JSON"),
    "Infinity": (SOUND.replace(b"10000.0", b"Infinity"), "not JSON"),
    "infinite": (SOUND.replace(b"10000.0", b"1e999"), "out of range"),
    "null for a number": (trial_with("throughput_ops", None), "trials.0..throughput_ops"),
    "text for a number": (trial_with("operations", "7"), "operations"),
    "fraction for a count": (trial_with("operations", 7.5), "operations"),
    "no status like that": (changed(set_at("cells", 0, "status", to="great")), "status"),
    "summary missing": (changed(set_at("cells", 1, "summary", to=None)), r"cells\[1\].*no summary"),
    "negative number": (trial_with("operations", -1), "operations is negative"),
    "negative calls": (trial_with("calls_per_op", {"read": -1}), "negative"),
    "negative count": (trial_with("latency_ns", [[1, -1]]), "negative count"),
    "negative latency": (trial_with("latency_ns", [[-1, 1]]), "does not ascend"),
    "not ascending": (trial_with("added_ns", [[2, 1], [1, 1]]), "added_ns does not ascend"),
    "repeated bucket": (trial_with("submit_ns", [[2, 1], [2, 1]]), "submit_ns does not ascend"),
    "bucket of three": (trial_with("latency_ns", [[1, 2, 3]]), "latency_ns"),
    "negative part": (trial_with("timeline", [1, -1]), r"timeline\[1\] is negative"),
    "many parts": (trial_with("timeline", [0] * 10_001), "10001 parts"),
    "many buckets": (trial_with("latency_ns", [[n, 1] for n in range(10_001)]), "10001 buckets"),
    "huge count": (trial_with("latency_ns", [[1, 2**64]]), "above 2\\^64"),
    "huge integer": (trial_with("operations", 10**300), "operations is above 2\\^64"),
    "huge environment": (changed(set_at("environment", "cores", to=10**300)), "environment"),
    "disordered interval": (
        changed(set_at("cells", 0, "summary", "cpu_share", "low", to=1e6)),
        "cpu_share is not in order",
    ),
    "asked is a text": (changed(set_at("asked", to="bench")), "asked"),
    "asked much": (changed(set_at("asked", to=asked(engines=["aio"] * 10_001))), "10002 texts"),
    "asked at length": (
        changed(set_at("asked", to=asked(settings={"k": ["v" * 4097]}))),
        "4097 ch",
    ),
    "many cells": (
        changed(
            set_at(
                "cells",
                to=[{"scenario": "s", "parameters": {}, "engine": "aio", "status": "n/a"}]
                * 100_001,
            )
        ),
        "100001 cells",
    ),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_file_is_refused_in_one_sentence(path, name):
    data, expected = UNSOUND[name]
    path.write_bytes(data)
    with pytest.raises(ResultError, match=expected) as refused:
        read.load(path)
    assert str(refused.value).startswith(str(path))
    assert is_one_sentence(str(refused.value))


@given(st.binary(max_size=8), st.integers(0, len(SOUND) - 1), st.integers(0, 8))
def test_whatever_is_in_the_file_it_is_read_or_refused(tmp_path_factory, piece, start, length):
    path = tmp_path_factory.getbasetemp() / "mangled.json"
    path.write_bytes(SOUND[:start] + piece + SOUND[start + length :])
    refused = None
    try:
        run = read.load(path)
    except ResultError as error:
        refused = str(error)
    assert is_one_sentence(refused) if refused else save.encode(run)


def test_what_is_not_a_file_is_refused_at_once(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, expected in [
        (tmp_path, "is a folder"),
        (tmp_path / "absent.json", "does not exist"),
        (tmp_path / "absent" / "run.json", "does not exist"),
        (fifo, "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (loop, "cannot be read"),
        ("nul\0byte", "cannot be read"),
    ]:
        with pytest.raises(ResultError, match=expected) as refused:
            read.load(path)
        assert is_one_sentence(str(refused.value))


def test_an_unreadable_file_is_refused(run, shared_folder):
    path = shared_folder / "run.json"
    save.save(run, path, force=False)
    path.chmod(0o644)
    with unprivileged():
        assert read.load(path) == run
    path.chmod(0)
    with unprivileged(), pytest.raises(ResultError, match=r"cannot be read \(Permission denied"):
        read.load(path)


def test_a_huge_file_is_refused_unread(path):
    with path.open("wb") as file:
        file.truncate(read.MAX_BYTES + 1)
    with pytest.raises(ResultError, match="larger than 256 MiB"):
        read.load(path)


# Checking the output path


def test_a_good_path_is_accepted_and_nothing_stays(path):
    files.check_output(path, force=False)
    files.check_output(path.with_name("x" * 247), force=False)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("force", [False, True])
def test_paths_that_cannot_be_written_are_refused_before_measuring(tmp_path, force):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    plain = tmp_path / "plain"
    plain.write_text("kept")
    before = sorted(tmp_path.iterdir())
    for path, expected in [
        (tmp_path, "is a folder"),
        ("", "is a folder"),
        (fifo, "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("-", "not standard output: name another"),
        (tmp_path / "absent" / "run.json", "does not exist: make it"),
        (plain / "run.json", "Not a directory"),
        (tmp_path / ("x" * 300), "name too long"),
        (tmp_path / "nul\0byte", "null"),
        ("/proc/run.json", "cannot write /proc/run.json"),
    ]:
        with pytest.raises(OutputError, match=expected) as refused:
            files.check_output(path, force=force)
        assert is_one_sentence(str(refused.value))
    assert sorted(tmp_path.iterdir()) == before
    assert plain.read_text() == "kept"


def test_a_read_only_folder_is_refused(shared_folder):
    path = shared_folder / "run.json"
    shared_folder.chmod(0o777)
    with unprivileged():
        files.check_output(path, force=False)
    shared_folder.chmod(0o555)
    with unprivileged(), pytest.raises(OutputError, match=r"Permission denied.*check the name"):
        files.check_output(path, force=False)


def test_an_existing_file_needs_force(path):
    path.write_text("kept")
    with pytest.raises(OutputError, match="--force"):
        files.check_output(path, force=False)
    files.check_output(path, force=True)
    assert path.read_text() == "kept"


def test_a_dangling_link_counts_as_existing(path):
    path.symlink_to(path.with_name("nowhere"))
    with pytest.raises(OutputError, match="--force"):
        files.check_output(path, force=False)


def test_trials_of_an_interrupted_run_are_not_destroyed(path):
    partial = files.partial_path(path)
    partial.write_text("trials")
    with pytest.raises(OutputError, match=r"run\.json\.partial holds the trials") as refused:
        files.check_output(path, force=False)
    assert is_one_sentence(str(refused.value))
    with pytest.raises(OutputError, match="holds the trials"), save.PartialWriter(path):
        pass
    files.check_output(path, force=True)
    assert partial.read_text() == "trials"


# Saving


def test_saving_leaves_only_the_file_with_ordinary_permissions(run, path):
    mask = os.umask(0o022)
    try:
        save.save(run, path, force=False)
    finally:
        os.umask(mask)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_nlink == 1


def refuse_links(monkeypatch):
    def link(*_args, **_options):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("links", [True, False])
def test_an_existing_file_is_never_replaced_without_force(run, path, monkeypatch, links):
    if not links:
        refuse_links(monkeypatch)
    path.write_text("kept")
    with pytest.raises(OutputError, match="appeared meanwhile") as refused:
        save.save(run, path, force=False)
    assert path.read_text() == "kept"
    (kept,) = (file for file in path.parent.iterdir() if file != path)
    assert str(kept) in str(refused.value)
    assert read.load(kept) == run

    save.save(run, path, force=True)
    assert read.load(path) == run


def test_saving_works_where_there_are_no_hard_links(run, path, monkeypatch):
    refuse_links(monkeypatch)
    save.save(run, path, force=False)
    assert read.load(path) == run
    assert list(path.parent.iterdir()) == [path]


def test_force_replaces_a_link_and_not_what_it_points_to(run, path):
    other = path.with_name("other.json")
    other.write_text("kept")
    path.symlink_to(other)
    save.save(run, path, force=True)
    assert other.read_text() == "kept"
    assert read.load(path) == run


def test_a_folder_that_vanished_is_an_output_error(run, path):
    with pytest.raises(OutputError, match="cannot write"):
        save.save(run, path.parent / "absent" / "run.json", force=False)


# PATH.partial


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


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("aio:notify=poll", "aio-notify-poll"),
        ("../../etc/passwd", "etc-passwd"),
        ("slow device, 100 µs", "slow-device-100-s"),
        ("Gerät", "Gerat"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("", "unnamed"),
        ("../..", "unnamed"),
        ("速い", "unnamed"),
    ],
)
def test_slugs(text, name):
    assert files.slug(text) == name


@given(st.text())
def test_a_slug_is_always_a_safe_name_and_its_own_slug(text):
    name = files.slug(text)
    assert 0 < len(name) <= files.MAX_SLUG
    assert set(name) <= set(string.ascii_letters + string.digits + "._-")
    assert name[0] not in ".-"
    assert files.slug(name) == name
