"""A history is a folder: what is added to it, which of its runs are used, and what strangers put
into it."""

from __future__ import annotations

import errno
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.analysis import assembled
from iomodels.base.errors import IomodelsError, NotWritten, UsageError
from iomodels.check.history import folder
from iomodels.check.history.baseline import load_baseline
from iomodels.check.history.over_time import of_baseline
from iomodels.check.history.small import small
from iomodels.comparison.runs import judge_runs
from iomodels.comparison.unpaired_verdicts import Judgement
from iomodels.results import save
from iomodels.results.schema import Run

from ..factory import make_cell, make_run, make_trial


def of_day(day: int, **others: object) -> Run:
    """Each day has its own level, so that runs can be told apart."""
    cell = make_cell(trials=[make_trial(n, throughput_ops=1000 + day + n / 9) for n in range(7)])
    created = f"2026-01-{day:02}T12:00:00+00:00"
    return replace(make_run([cell], created_utc=created, seed=day), **others)


def days(paths: object, **options: object) -> list[int]:
    return [run.seed for run in load_baseline([paths], **options).runs]  # type: ignore[arg-type,list-item]


def codes(path: Path, **options: object) -> list[str]:
    return [notice.code for notice in load_baseline([path], **options).warnings]  # type: ignore[arg-type]


def test_runs_are_used_by_their_time_whatever_their_files_are_called(tmp_path) -> None:
    for name, day in (("a", 3), ("b", 1), ("c", 2)):
        save.save(of_day(day), tmp_path / f"{name}.json", force=False)
    assert days(tmp_path) == [1, 2, 3]
    assert days(tmp_path, last=2) == [2, 3]
    assert days(tmp_path, last=9) == [1, 2, 3]


def test_a_history_starts_at_its_newest_known_change(tmp_path) -> None:
    for day, change in ((1, ""), (2, "a disk"), (3, ""), (4, "a kernel"), (5, "")):
        folder.add(of_day(day), tmp_path, change)
    assert days(tmp_path) == [4, 5]
    assert days(tmp_path, last=1) == [5]
    (said,) = load_baseline([tmp_path]).warnings
    assert said.message == (
        "3 older runs are not used: the history starts again with 20260104T120000Z.json (a kernel)"
    )


def test_a_known_change_of_the_first_run_leaves_nothing_out(tmp_path) -> None:
    folder.add(of_day(1), tmp_path, "a disk")
    folder.add(of_day(2), tmp_path)
    assert days(tmp_path) == [1, 2]
    assert codes(tmp_path) == []


def test_a_copy_counts_once_also_where_one_of_them_is_small(tmp_path) -> None:
    save.save(of_day(1), tmp_path / "whole.json", force=False)
    folder.add(of_day(1), tmp_path)
    assert days(tmp_path) == [1]
    assert codes(tmp_path) == ["copy"]


def test_each_of_many_at_once_gets_a_name_of_its_own_and_a_whole_file(tmp_path) -> None:
    with ThreadPoolExecutor(8) as jobs:
        paths = list(jobs.map(lambda _: folder.add(of_day(1), tmp_path), range(24)))
    assert len(set(paths)) == 24
    assert {assembled.load(path).seed for path in paths} == {1}
    assert len(list(tmp_path.iterdir())) == 24


@pytest.mark.parametrize("fault", ["fsync", "link"])
def test_a_disk_that_is_full_leaves_nothing_in_the_history(tmp_path, monkeypatch, fault) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, fault, full)
    with pytest.raises(NotWritten, match="No space left"):
        folder.add(of_day(1), tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_hard_links_names_are_free_of_collisions_too(tmp_path, monkeypatch) -> None:
    """FAT, and some network folders."""

    def none(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", none)
    names = [folder.add(of_day(1), tmp_path).name for _ in range(3)]
    assert names == [f"20260101T120000Z{more}.json" for more in ("", "-2", "-3")]
    assert len(days(tmp_path)) == 1


def test_a_known_change_has_words_and_not_too_many() -> None:
    assert folder.known_change(" a disk\n") == "a disk"
    assert folder.known_change("\udce9") == r"\xe9", "what is not UTF-8 is written out"
    for text, said in ((" ", "no words"), ("x" * 501, "501 characters")):
        with pytest.raises(UsageError, match=said):
            folder.known_change(text)


def test_a_trend_has_the_runs_before_a_known_change_too(tmp_path) -> None:
    for day, change in ((1, ""), (2, "a disk"), (3, "")):
        folder.add(of_day(day), tmp_path, change)
    found = of_baseline(load_baseline([tmp_path], last=1)).runs
    assert [(run.created_utc[8:10], run.kernel, run.known_change) for run in found] == [
        ("01", "6.1.0", ""),
        ("02", "6.1.0", "a disk"),
        ("03", "6.1.0", ""),
    ]


HOSTILE = [
    *(None, True, -1, 0, 2**63, 2**64, 1e308, 1e-300, 0.5, "", "\x1b[31m", "\ud800", "x" * 600),
    *([], {}, [[]], [[0, 0]], [[1, 2, 3]], [[5, 1], [5, 1]], {"a": None}, "ok", "a", "select"),
]


def spoiled(data: object, chance: random.Random) -> None:
    """One value somewhere in it is another."""
    at: object = data
    while True:
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else []
        key = chance.choice(list(keys))
        inner = at[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.15:
            alike = [each for each in HOSTILE if type(each) is type(inner)]
            at[key] = deepcopy(chance.choice(alike if alike and chance.random() < 0.8 else HOSTILE))  # type: ignore[index]
            return
        at = inner


@pytest.mark.parametrize("times", [200, pytest.param(600, marks=pytest.mark.long)])
def test_whatever_is_in_a_history_is_used_or_refused_in_one_sentence(tmp_path, times) -> None:
    folder.add(of_day(2), tmp_path)
    sound = json.loads(folder.add(of_day(1), tmp_path).read_bytes())
    foreign = tmp_path / "foreign.json"
    chance = random.Random(times)
    used, refused = 0, []
    for _ in range(times):
        data = json.loads(json.dumps(sound))
        for _ in range(chance.choice((1, 1, 2))):
            spoiled(data, chance)
        foreign.write_bytes(json.dumps(data).encode("utf-8", "surrogatepass"))
        try:
            base = load_baseline([tmp_path])
            judge_runs(base.runs, base.runs[-1], Judgement(0.05, (), 0.01))
            of_baseline(base)
            for run in base.runs:
                assert save.encode(small(run), without_nulls=True)
            used += 1
        except IomodelsError as error:
            refused.append(str(error))
    assert not [said for said in refused if "\n" in said]
    assert min(used, len(refused)) > times / 6, "both are tried"
