"""Result files come back as they were saved; nothing is lost or overwritten in writing them."""

from __future__ import annotations

import errno
import json
import os
import string
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base import files
from iomodels.base.errors import OutputError, ResultError
from iomodels.results import read, save
from iomodels.results.partial import PartialWriter
from iomodels.results.schema import SCHEMA

from ..factory import make_cell, make_run, make_trial
from .shared import is_one_sentence, unprivileged

# There and back


def test_a_saved_run_is_loaded_unchanged(path):
    trial = make_trial(3, added_ns=[(10, 2)], overlap=-0.25, counters={"lateness_ns": 3.0})
    cells = [
        make_cell("aio:notify=poll", [trial]),
        make_cell("blocking", [], status="n/a", reason="supports one request in flight"),
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
        ("-", "does not mean standard output"),
        (tmp_path / "absent" / "run.json", "does not exist: make it"),
        (plain / "run.json", "Not a directory"),
        (tmp_path / ("x" * 300), "name too long"),
        (tmp_path / "nul\0byte", "null"),
        ("/proc/run.json", "in /proc, where no files are"),
        ("/dev/fd/x", "where no files are"),
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
    with (
        pytest.raises(
            OutputError, match=r"run\.json\.partial holds the trials.*--resume"
        ) as refused,
        PartialWriter(path, make_run()),
    ):
        pass
    assert is_one_sentence(str(refused.value))
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


def test_force_follows_a_link_and_keeps_it_and_the_permissions(run, path):
    other = path.with_name("other.json")
    other.write_text("old")
    other.chmod(0o640)
    path.symlink_to(other)
    save.save(run, path, force=True)
    assert path.is_symlink()
    assert other.stat().st_mode & 0o777 == 0o640
    assert read.load(other) == run


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("place", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1", "/sys/x"])
def test_a_link_into_a_folder_of_devices_is_never_replaced(run, path, place, force):
    """As root it would be: every program's standard output would become this file."""
    path.symlink_to(place)
    for name in (path, place):
        with pytest.raises(OutputError, match="where no files are"):
            files.check_output(name, force=force)
        with pytest.raises(OutputError, match="where no files are"):
            save.save(run, name, force=force)
    assert path.is_symlink()


def test_a_link_that_leads_to_itself_is_refused(run, path):
    path.symlink_to(path)
    with pytest.raises(OutputError, match="leads to itself"):
        save.save(run, path, force=True)


def test_a_memory_file_system_below_dev_is_a_folder_as_any_other(run):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        save.save(run, f"{folder}/run.json", force=False)
        assert read.load(f"{folder}/run.json") == run


def test_a_folder_that_vanished_is_an_output_error(run, path):
    with pytest.raises(OutputError, match="cannot write"):
        save.save(run, path.parent / "absent" / "run.json", force=False)


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("aio:notify=poll", "aio-notify-poll"),
        ("../../etc/passwd", "etc-passwd"),
        ("slow device, 100 µs", "slow-device-100-us"),
        ("Gerät", "Gerat"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("", "unnamed"),
        ("../..", "unnamed"),
        ("速い", "u901fu3044"),
        ("速く", "u901fu304f"),
        ("→", "unnamed"),
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
