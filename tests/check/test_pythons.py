"""Two Pythons that measure: what is compared, what is not, and the two arms of an A/B."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.base.errors import UsageError
from iomodels.check.history import against_baseline, baseline, confirmation
from iomodels.check.pair_plan import plan_cells
from iomodels.check.pair_runs import measure, parse_arm
from iomodels.comparison.runs import compare
from iomodels.comparison.wording import why_incomparable
from iomodels.engines.spec import parse
from iomodels.measure.run import bench
from iomodels.results import save
from iomodels.trials.launch import find_launch
from iomodels.trials.pythons import named

from ..factory import make_cell, make_python_trial, make_run
from ..trials.other_pythons import OTHERS, SHORT, an_other, environment, nobody_is_named
from ..trials.test_trial import leaves_no_child_and_no_descriptor

__all__ = ["leaves_no_child_and_no_descriptor", "nobody_is_named"]


def build() -> object:
    return named.taking_part([parse("python:blocking")])["own"]


def test_times_of_two_pythons_are_not_compared_unless_that_is_what_one_wants() -> None:
    ours = build()
    cells = [
        make_cell(engine=engine, trials=[make_python_trial(n) for n in range(6)])
        for engine in ("python:blocking", "blocking")
    ]
    base = make_run(cells, pythons={"own": ours})
    other = replace(ours, version="3.99.0")
    new = make_run(cells, pythons={"own": other}, seed=99)
    refused = compare(base, new, base_name="a", new_name="b")
    assert refused.outcome == "not comparable"
    (notice,) = [each for each in refused.warnings if each.code == "python"]
    assert "now CPython 3.99.0" in notice.message
    assert "now CPython 3.99.0" in why_incomparable(refused)
    reasons = {c.engine: c.reason for c in refused.changes if c.reason and "Python" in c.reason}
    assert reasons.keys() == {"python:blocking"}, "the engine in C is compared as ever"
    judged = compare(base, new, base_name="a", new_name="b", allow=["python"])
    assert judged.outcome != "not comparable"
    same = compare(base, make_run(cells, pythons={"own": ours}, seed=99), base_name="", new_name="")
    assert same.outcome != "not comparable"


def test_a_package_that_only_one_run_needed_does_not_make_another_python() -> None:
    ours = build()
    assert ours.is_like(replace(ours, packages={"uvloop": "1"}))
    assert not replace(ours, packages={"uvloop": "2"}).is_like(
        replace(ours, packages={"uvloop": "1"})
    )


# A against B


def test_an_arm_has_the_engines_in_python_of_its_own_installation(tmp_path: Path) -> None:
    python = environment(tmp_path / "other", has_iomodels=True)
    installation = find_launch(str(python), (), {}).installation
    assert not installation.is_own
    assert installation.why_not(parse("python:blocking")) is None
    assert installation.why_not(parse("blocking")) is None
    assert installation.in_python("blocking") is None
    assert installation.build_for(parse("python:blocking")) == replace(build(), core_hash="")
    cells = plan_cells(
        ["slow-device"],
        [parse("python:blocking")],
        {},
        parse_arm([f"python={python}"]),
        parse_arm([]),
    )
    ((pair,),) = measure(cells, 1, seed=1)
    assert pair.error is None
    assert pair.a is not None
    assert pair.b is not None


def test_an_arm_without_engines_in_python_says_so(tmp_path: Path) -> None:
    python = environment(tmp_path / "other", has_iomodels=True)
    installation = find_launch(str(python), (), {}).installation
    older = named.replace(
        installation,
        engines={n: o for n, o in installation.engines.items() if ":" not in n},
        elsewhere=None,
    )
    assert "has no engine python:blocking" in (older.why_not(parse("python:blocking")) or "")


@an_other
def test_arms_can_differ_in_the_interpreter_alone() -> None:
    arms = [parse_arm([f"engine=python:blocking:python={p}"]) for p in (sys.executable, OTHERS[0])]
    assert all("/" not in arm.name for arm in arms)
    ((pair,),) = measure(plan_cells(["slow-device"], [], {}, *arms), 1, seed=1)
    assert pair.error is None


# A baseline


@an_other
def test_a_baseline_is_measured_again_by_the_interpreter_that_the_user_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engines = named.labelled([f"python:blocking:python={OTHERS[0]}"])
    run = bench(["slow-device"], engines=engines, **(SHORT | {"rounds": 6}))
    save.save(run, tmp_path / "r.json", force=True)
    base = baseline.load_baseline([tmp_path / "r.json"])
    monkeypatch.setattr(confirmation, "suspects", lambda *_: [])
    named._NAMED = named._Named()
    with pytest.raises(UsageError, match="--interpreter PATH"):
        against_baseline.check(base)
    label = named.add(OTHERS[0])
    checked = against_baseline.check(base, rounds=1)
    assert checked.run.pythons.keys() == {label}
    assert checked.comparison.outcome != "not comparable"
