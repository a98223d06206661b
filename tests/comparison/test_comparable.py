"""Never compared in silence: other versions, machines and file systems, and damaged files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from iomodels.base.errors import IomodelsError, ResultError
from iomodels.check.history import against_baseline, baseline
from iomodels.comparison import verdict
from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.comparison.schema import Change, Comparison, Undecided
from iomodels.results import read, save
from iomodels.results.schema import Interval, Run, Tool

from ..factory import ENVIRONMENT, make_cell, make_run
from ..hostile_names import make_change, texts
from .samples import compared, noisy, rounds, run_of, timings, timings_of


@given(
    st.sampled_from(
        [
            {"tool": Tool("0.2.0", "0123456789abcdef")},
            {"tool": Tool("0.1.0", "another")},
            {"environment": ENVIRONMENT | {"kernel": "6.2.0"}},
            {"environment": ENVIRONMENT | {"governor": "powersave"}},
            {"environment": ENVIRONMENT | {"cpu": "another"}},
        ]
    ),
    rounds,
    rounds,
)
def test_another_version_core_or_machine_refuses_times_and_says_why(
    other: dict[str, object], a: list[float], b: list[float]
) -> None:
    base, new = run_of(a), run_of(b, **other)
    comparison = compared(base, new)
    assert comparison.outcome == "not comparable"
    assert verdict.EXIT_CODES[comparison.outcome] == 3
    assert {change.verdict for change in timings(comparison)} == {"inconclusive"}
    assert "another" in comparison.warnings[0].message
    judged = compared(base, new, anyway=True)
    assert judged.warnings[0] == comparison.warnings[0]
    assert judged.outcome != "not comparable"


@pytest.mark.parametrize("name", ["cpu", "cores_online", "cores_allowed", "kernel"])
def test_two_machines_that_nothing_is_known_of_are_not_the_same(name: str) -> None:
    run = run_of(noisy(1000), environment=ENVIRONMENT | {name: None})
    comparison = compared(run, run)
    assert comparison.outcome == "not comparable"
    assert f"neither result has {name}" in comparison.warnings[0].message


def test_files_on_another_file_system_are_not_compared_in_time() -> None:
    def run(device: str) -> Run:
        on_file = make_cell(parameters={"channel.kind": "file"}, scenario="cached-read")
        return make_run(
            [make_cell(), on_file],
            environment=ENVIRONMENT | {"file_system": "ext4", "file_system_device": device},
        )

    comparison = compared(run("sda1"), run("sdb1"))
    timer, file = timings(comparison)
    assert (timer.judged, file.judged) == (True, False)
    assert "ext4 on sda1, now ext4 on sdb1" in (file.reason or "")
    assert comparison.outcome == "not comparable"
    counted = [c for c in comparison.changes if c.metric == "calls_per_op.read"]
    assert [c.verdict for c in counted] == ["same", "same"]
    (_, back) = timings_of(
        judge_runs([run("sda1"), run("sdb1")], run("sda1"), Judgement(0.05, (), 0.008))
    )
    assert back.judged


@pytest.mark.parametrize(
    ("kind", "device", "known"),
    [
        ("ext4", "vda", True),
        ("tmpfs", None, True),
        ("nfs4", None, False),
        ("overlay", None, False),
        (None, None, False),
    ],
)
def test_a_file_system_without_a_device_is_not_taken_for_the_same_in_silence(
    kind: str | None, device: str | None, known: bool
) -> None:
    place = ENVIRONMENT | {"file_system": kind, "file_system_device": device}
    on_file = make_cell(parameters={"channel.kind": "file"}, scenario="cached-read")
    run = make_run([on_file], environment=place)
    warnings = [n.message for n in compared(run, run).warnings if n.code == "file-system-unknown"]
    assert bool(warnings) != known
    if not known:
        assert f"both are on {kind or 'unknown'} on an unknown device" in warnings[0]
    timers = replace(run, cells=[make_cell()])
    codes = [notice.code for notice in compared(timers, timers).warnings]
    assert "file-system-unknown" not in codes


def test_every_difference_of_the_environments_is_listed() -> None:
    base = make_run(environment={"kernel": "6.1.0", "aio_nr": 1, "turbo": None})
    new = make_run(environment={"kernel": "6.1.0", "aio_nr": 5, "turbo": True, "smt": False})
    (notice,) = [n.message for n in compared(base, new).warnings if n.code == "environment"]
    assert notice.endswith("too: turbo, smt")
    named = {(d.name, d.base, d.new) for d in compared(base, new).differences}
    assert named == {("turbo", None, True), ("smt", None, False)}


# Files from elsewhere


values = st.one_of(texts, st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none())


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
def test_a_fuzzed_file_is_refused_or_compared(tmp_path: Path, data: st.DataObject) -> None:
    """Any values of a sound file replaced by anything: one sentence, or a comparison."""
    document = json.loads(save.encode(run_of(noisy(1000, 1, 6), noisy(10, 2, 6))))
    for _ in range(data.draw(st.integers(1, 4))):
        _spoil(document, data)
    path = tmp_path / "fuzzed.json"
    path.write_text(json.dumps(document))
    sound = run_of(noisy(1000, 1, 6))
    try:
        run = read.load(path)
    except ResultError:
        return
    for base, new in ((run, sound), (sound, run), (run, run)):
        comparison = compared(base, new)
        assert msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison)
        assert all(math.isfinite(c.ratio.median) for c in comparison.changes if c.ratio is not None)
    try:
        against_baseline._plan(
            run, list(baseline._cells([run], None)[0].values()), None, timed=True
        )
    except IomodelsError:
        return


def _spoil(value: object, data: st.DataObject) -> None:
    """Replace something somewhere in the document."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        inner = value[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or data.draw(st.integers(0, 4)) == 0:
            value[key] = data.draw(values)  # type: ignore[index]
            return
        value = inner


def _with(parameters: dict[str, object], **others: object) -> Run:
    cell = make_cell(parameters={"channel.kind": "file", **parameters}, scenario="a-read", **others)  # type: ignore[arg-type]
    return make_run([cell])


def test_results_without_a_common_cell_are_no_regression_and_say_what_to_run() -> None:
    cold, direct = _with({"channel.cache": "cold"}), _with({"channel.cache": "direct"})
    comparison = compared(cold, direct)
    assert (comparison.outcome, comparison.changes) == ("not comparable", [])
    assert comparison.warnings[0].message == (
        "the results have no cell in common: channel.cache is cold in base and direct in new. To "
        "compare settings: iomodels check a-read --a channel.cache=cold --b channel.cache=direct"
    )
    engines = compared(cold, _with({"channel.cache": "cold"}, engine="select")).warnings[0]
    assert "--b engine=select" in engines.message
    elsewhere = make_run([replace(cold.cells[0], scenario="other")])
    other = compared(cold, elsewhere).warnings[0].message
    assert "scenario is a-read in base and other in new" in other
    assert "iomodels check" not in other


def test_a_lost_cell_beside_a_common_one_is_a_regression_still() -> None:
    both = make_run([*_with({"channel.cache": "cold"}).cells, make_cell()])
    comparison = compared(both, make_run([make_cell()]))
    assert comparison.outcome == "regression"


def test_what_is_undecided_passes_as_asked_but_never_what_looks_like_a_loss() -> None:
    unsure = make_change(
        verdict="inconclusive", rounds=20, bigger_is_better=True, ratio=Interval(1, 0.94, 1.06),
        detectable=0.06, metric="throughput_ops",
    )  # fmt: skip
    same = replace(unsure, verdict="same", ratio=Interval(1, 0.99, 1.01))

    def outcomes(*changes: Change) -> list[str]:
        asked: tuple[Undecided, ...] = ("pass", "fail")
        return [verdict.outcome(changes, undecided=u, comparable=True) for u in asked]

    assert outcomes(same, same) == ["passed", "passed"]
    assert outcomes(unsure, same) == outcomes(unsure, unsure) == ["passed", "inconclusive"]
    for never in ({"suspect": True}, {"ratio": None}, {"rounds": 5}, {"judged": False}):
        assert outcomes(replace(unsure, **never), same) == ["inconclusive"] * 2, never
