"""The gate with real trials: what it measures, what it confirms, and what it refuses to judge."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from msgspec.structs import replace

from iomodels import exports
from iomodels.analysis import assembled
from iomodels.base.errors import NothingMeasured, ResultError, TrialError, UsageError
from iomodels.base.files import partial_path
from iomodels.check.history import against_baseline, baseline, confirmation
from iomodels.comparison.schema import OF_ROUNDS, OF_RUNS, Change, HistoryRun
from iomodels.machine import noise
from iomodels.measure import runner
from iomodels.measure.listening import Listener
from iomodels.measure.run import bench
from iomodels.results import save
from iomodels.results.schema import Cell, Notice, Run, Tool, Trial
from iomodels.statistics.summary import summarise

from ..trials.test_trial import leaves_no_child_and_no_descriptor

__all__ = ["leaves_no_child_and_no_descriptor"]  # a fixture that every test here has


@pytest.fixture(autouse=True, scope="module")
def whatever_else_runs() -> Iterator[None]:
    """Tests run beside others, whose load changes every second and must decide nothing here: each
    trial is a real one, but for its throughput."""
    real = runner.run_trial

    def run_trial(*arguments: object) -> Trial:
        trial = real(*arguments)  # type: ignore[arg-type]
        return replace(trial, throughput_ops=8000.0 + 10 * (trial.round % 5))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "FOREIGN_BURST_CORES", math.inf)
        patch.setattr(runner, "run_trial", run_trial)
        yield


@pytest.fixture(scope="module")
def recorded(whatever_else_runs: None) -> Run:
    """Two real cells, six short rounds each."""
    return bench(
        ["slow-device"],
        engines=["blocking", "select"],
        rounds=6,
        duration_s=0.02,
        warmup_s=0,
        seed=5,
    )


@pytest.fixture
def no_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured again: the run has the rounds of the first look alone."""
    monkeypatch.setattr(confirmation, "suspects", lambda *_: [])


def with_cells(run: Run, change: object, engine: str | None = None) -> Run:
    """The run with every trial (of one engine) changed."""
    assert callable(change)

    def changed(cell: Cell) -> Cell:
        if engine not in (None, cell.engine):
            return cell
        trials = [change(trial) for trial in cell.trials]
        return replace(cell, trials=trials, summary=summarise(trials))

    return replace(run, cells=[changed(cell) for cell in run.cells])


def check(*runs: Run, **options: object) -> against_baseline.Checked:
    return against_baseline.check(baseline.Baseline("base.json", runs), **options)  # type: ignore[arg-type]


def faster(trial: Trial) -> Trial:
    return replace(trial, throughput_ops=20 * trial.throughput_ops)


def half_as_fast(trial: Trial) -> Trial:
    return replace(trial, throughput_ops=trial.throughput_ops / 2)


def fewer_calls(trial: Trial) -> Trial:
    return replace(trial, calls_per_op={"read": 0.5})


def timing(checked: against_baseline.Checked, engine: str) -> Change:
    (change,) = [
        c for c in checked.comparison.changes if c.engine == engine and c.metric == "throughput_ops"
    ]
    return change


def test_the_baselines_own_cells_are_measured_by_its_seed_and_settings(recorded: Run) -> None:
    checked = check(recorded)
    assert [c.engine for c in checked.run.cells] == ["blocking", "select"]
    assert checked.run.seed == recorded.seed
    assert checked.run.settings.items() >= recorded.settings.items()
    assert min(len(cell.trials) for cell in checked.run.cells) >= 6
    assert "few-runs" in [notice.code for notice in checked.comparison.warnings]


def test_a_loss_is_confirmed_on_fresh_rounds_before_it_fails(recorded: Run) -> None:
    checked = check(with_cells(recorded, faster, "select"))
    lost = timing(checked, "select")
    assert (lost.verdict, lost.confirmed) == ("slower", True)
    assert lost.rounds == 6  # the fewer of both sides
    assert checked.comparison.outcome == "regression"


def test_the_run_has_the_fresh_rounds_of_what_was_measured_again(
    recorded: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One cell is a suspect, whatever it looks like."""
    one = "select"
    monkeypatch.setattr(
        confirmation, "suspects", lambda _, __, cells, ___: [k for k in cells if k[2] == one]
    )
    checked = check(recorded, keep=tmp_path / "check.json", threshold=0.9)
    first = assembled.load(tmp_path / "check.json.partial")
    assert [c.engine for c in checked.run.cells] == [c.engine for c in first.cells]
    kept = [c.engine for c in checked.run.cells if c in first.cells]
    assert one not in kept
    assert kept == [c.engine for c in first.cells if c.engine != one]
    assert timing(checked, one).confirmed
    (trend,) = [t for t in checked.comparison.trends if t.engine == one]
    values = [t.throughput_ops for c in checked.run.cells if c.engine == one for t in c.trials]
    assert trend.runs[-1] is not None
    assert trend.runs[-1].median == pytest.approx(median(values))


def test_without_time_to_measure_again_the_first_look_decides_and_it_is_said(
    recorded: Run,
) -> None:
    checked = check(with_cells(recorded, faster, "select"), budget_s=estimate_s(recorded) + 0.1)
    lost = timing(checked, "select")
    assert (lost.verdict, lost.confirmed) == ("slower", False)
    assert "no-time" in [notice.code for notice in checked.comparison.warnings]
    with pytest.raises(UsageError, match=r"more than the budget of 1 s: give a larger --budget"):
        check(replace(recorded, settings={**recorded.settings, "duration_s": 0.5}), budget_s=1)


def estimate_s(run: Run) -> float:
    """About how long its trials take."""
    return sum(len(cell.trials) for cell in run.cells) * (0.02 + 0.06)


def test_a_check_takes_other_rounds_and_another_folder(recorded: Run, no_suspects: None) -> None:
    asked = bench(["cached-read"], engines=["blocking"], rounds=6, duration_s=0.02, warmup_s=0,
                  settings={"channel.size": ["64 KiB"]}, seed=5)  # fmt: skip
    assert {len(c.trials) for c in check(asked, rounds=2).run.cells if c.engine != "null"} == {2}
    moved = check(asked, rounds=2, folder="/dev/shm")
    here = asked.environment["file_system"], asked.environment["file_system_device"]
    there = moved.run.environment["file_system"], moved.run.environment["file_system_device"]
    if here == there:
        pytest.skip("/dev/shm and /var/tmp are one file system here")
    assert moved.comparison.outcome == "not comparable"
    assert "file-system" in [notice.code for notice in moved.comparison.warnings]


class Told(Listener):
    """Keeps the notices that come before the first trial."""

    def __init__(self) -> None:
        self.before: list[Notice] = []
        self.begun = False

    def notice(self, notice: Notice) -> None:
        self.before += [] if self.begun else [notice]

    def trial_started(self, trial: object) -> None:
        self.begun = True


@pytest.mark.parametrize("why", ["few-rounds", "file-system"])
def test_what_cannot_be_judged_is_said_at_once_and_not_measured_again(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    few = why == "few-rounds"
    run = bench(["cached-read"], engines=["blocking"], rounds=5 if few else 6, duration_s=0.02,
                warmup_s=0, settings={"channel.size": ["64 KiB"]}, seed=5)  # fmt: skip
    if not few:
        run = replace(run, environment={**run.environment, "file_system_device": "elsewhere"})
    monkeypatch.setattr(confirmation, "measure", None)  # calling it would fail
    told = Told()
    checked = check(with_cells(run, faster), listener=told)
    assert timing(checked, "blocking").verdict == "inconclusive"
    said = {notice.code: notice.message for notice in told.before}
    assert why in said
    if few:
        assert "fewer than 6 rounds of cached-read · blocking: " in said[why]
        assert why in [notice.code for notice in checked.comparison.warnings]


def test_hours_of_measuring_are_not_begun_unasked(recorded: Run) -> None:
    with pytest.raises(UsageError, match=r"hours to measure.*--long"):
        check(replace(recorded, settings={**recorded.settings, "rounds": 1000, "duration_s": 60}))


def test_a_baseline_that_is_not_whole_is_said(recorded: Run, tmp_path: Path) -> None:
    cells = [
        replace(recorded.cells[0], status="partial", reason="interrupted after 6 of 7 rounds"),
        replace(recorded.cells[1], status="failed", reason="hung", trials=[], summary=None),
        *recorded.cells[2:],
    ]
    save.save(replace(recorded, cells=cells), tmp_path / "base.json", force=False)
    warnings = against_baseline.check(baseline.load_baseline([tmp_path])).comparison.warnings
    said = {notice.code: notice.message for notice in warnings}
    assert "base.json: 1 of 2 cells are incomplete" in said["partial"]
    assert "base.json: 1 of 2 cells failed" in said["failed"]
    assert "select: failed in every baseline run: hung" in said["never-measured"]


def test_several_baselines_are_one_with_a_spread(recorded: Run) -> None:
    """Two runs, of which one is half as fast: their interval is wide."""
    later = replace(with_cells(recorded, half_as_fast), created_utc="2999-01-01T00:00:00Z")
    alone, both = check(recorded), check(recorded, later)
    assert "few-runs" in [notice.code for notice in alone.comparison.warnings]
    assert (alone.comparison.interval, both.comparison.interval) == (OF_ROUNDS, OF_RUNS)
    wide = timing(both, "select").ratio
    assert wide is not None
    assert wide.high / wide.low > 2


def test_the_cells_of_a_folder_are_those_of_all_its_runs(recorded: Run) -> None:
    """Two runs of different cells: each cell is judged against the run that has it."""
    parts = [replace(recorded, cells=[c]) for c in recorded.cells if c.engine != "null"]
    longer = {**recorded.settings, "duration_s": 0.05}
    older = replace(parts[0], created_utc="2020-01-01T00:00:00Z", settings=longer)
    checked = check(with_cells(older, faster), parts[1])
    assert [c.engine for c in checked.run.cells] == ["select", "blocking"]
    assert timing(checked, "blocking").verdict == "slower"
    assert timing(checked, "select").verdict in ("same", "inconclusive")
    warnings = {n.code: n.message for n in checked.comparison.warnings}
    assert "duration_s 0.05, now 0.02" in warnings["settings"]


def test_cells_that_only_a_run_of_another_machine_has_are_named(recorded: Run) -> None:
    parts = [replace(recorded, cells=[c]) for c in recorded.cells if c.engine != "null"]
    foreign = replace(parts[0], tool=Tool(recorded.tool.version, "another core"))
    checked = check(foreign, parts[1])
    assert [c.engine for c in checked.run.cells] == ["select"]
    warnings = {n.code: n.message for n in checked.comparison.warnings}
    assert "only they have slow-device · blocking, which is not checked" in warnings["left-out"]
    assert checked.comparison.outcome in ("inconclusive", "regression")
    for name in ("markdown", "junit"):
        shown = exports.render(exports.parse(f"{name}=-", "verdicts"), checked.comparison)
        assert "blocking, which is not checked" in shown


def test_another_core_refuses_times_and_still_checks_counters(recorded: Run) -> None:
    other = replace(recorded, tool=Tool(recorded.tool.version, "another core"))
    checked = check(with_cells(other, faster))
    assert checked.comparison.outcome == "not comparable"
    assert checked.comparison.trends == []
    assert timing(checked, "select").verdict == "inconclusive"
    assert "another measured core" in (timing(checked, "select").reason or "")
    assert {len(cell.trials) for cell in checked.run.cells} == {against_baseline.COUNTER_ROUNDS}
    worse = check(with_cells(other, fewer_calls))
    assert worse.comparison.outcome == "regression"
    slower = [c.metric for c in worse.comparison.changes if c.verdict == "slower"]
    assert "calls_per_op.read" in slower


def test_the_trials_are_kept_until_the_caller_has_no_more_need_of_them(
    recorded: Run, tmp_path: Path, no_suspects: None
) -> None:
    checked = check(recorded, keep=tmp_path / "check.json")
    assert [path.name for path in tmp_path.iterdir()] == ["check.json.partial"]
    kept = assembled.load(tmp_path / "check.json.partial")
    assert kept.cells == checked.run.cells


def test_the_history_has_each_run_that_was_used_and_the_checked_one(recorded: Run) -> None:
    older = replace(recorded, created_utc="2026-01-01T00:00:00Z", known_change="a new kernel")
    checked = check(older, recorded)
    kernel = recorded.environment["kernel"]
    assert checked.comparison.history == [
        HistoryRun("2026-01-01T00:00:00Z", str(kernel), "a new kernel"),
        HistoryRun(recorded.created_utc, str(kernel)),
        HistoryRun(checked.run.created_utc, str(kernel)),
    ]
    trends = checked.comparison.trends
    assert [trend.engine for trend in trends] == ["blocking", "select"]
    assert all(len(trend.runs) == 3 and None not in trend.runs for trend in trends)
    assert trends[0].runs[0] == trends[0].runs[1]


def test_a_cell_that_cannot_be_asked_for_any_more_has_vanished(recorded: Run) -> None:
    gone = [replace(cell, engine="former") for cell in recorded.cells if cell.engine == "select"]
    checked = check(replace(recorded, cells=[*recorded.cells, *gone]))
    assert timing(checked, "former").verdict == "vanished"
    assert checked.comparison.outcome == "regression"
    assert any("unknown engine 'former'" in n.message for n in checked.comparison.warnings)


def test_a_cell_that_fails_now_fails_the_gate(recorded: Run) -> None:
    """A point that its engine cannot do: recorded as measured all the same."""
    deep = [
        replace(cell, parameters={**cell.parameters, "load.depth": 4})
        for cell in recorded.cells
        if cell.engine == "blocking"
    ]
    checked = check(replace(recorded, cells=[*recorded.cells, *deep]))
    (failed,) = [c for c in checked.comparison.changes if c.verdict == "failed"]
    assert "one request in flight" in (failed.reason or "")
    assert checked.comparison.outcome == "regression"


def dying_after(monkeypatch: pytest.MonkeyPatch, trials: int) -> None:
    """Every trial after so many is ended by a signal."""
    real, done = runner.run_trial, [0]

    def run_trial(*arguments: object) -> Trial:
        done[0] += 1
        if done[0] > trials:
            raise TrialError("the trial's process was ended by SIGSEGV")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "run_trial", run_trial)


@pytest.mark.parametrize("trials", [0, 12])
def test_a_gate_in_which_everything_fails_is_no_run_without_a_result(
    recorded: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trials: int
) -> None:
    """All cells in the first look; or the one suspect when it is measured again."""
    dying_after(monkeypatch, trials)
    output = tmp_path / "next.json"
    checked = check(with_cells(recorded, faster, "select"), keep=output, rounds=6)
    assert checked.comparison.outcome == "regression"
    lost = timing(checked, "select")
    assert (lost.verdict, lost.confirmed) == ("failed", trials == 12)
    assert not output.exists()
    assert partial_path(output).exists() == (trials == 12)
    assert "SIGSEGV" in (lost.reason or "")


def test_a_strangers_baseline_passes_the_scenarios_own_limits(recorded: Run) -> None:
    wild = {**recorded.cells[0].parameters, "channel.folder": "/etc"}
    cells = [replace(recorded.cells[0], parameters=wild)]
    with pytest.raises(NothingMeasured, match="no cell that can be measured"):
        check(replace(recorded, cells=cells))
    with pytest.raises(ResultError, match="duration_s"):
        check(replace(recorded, settings={**recorded.settings, "duration_s": 1e9}))
    with pytest.raises(UsageError, match="no metric"):
        check(recorded, metric_keys=["speed"])


def test_a_folder_is_a_baseline_of_all_its_results(recorded: Run, tmp_path: Path) -> None:
    for number, day in enumerate(("02", "01", "03")):
        dated = replace(recorded, created_utc=f"2026-01-{day}T00:00:00Z")
        save.save(dated, tmp_path / f"r{number}.json", force=False)
    base = baseline.load_baseline([tmp_path])
    assert [run.created_utc[8:10] for run in base.runs] == ["01", "02", "03"]
    assert base.name == "r2.json and 2 older"
    save.save(base.runs[0], tmp_path / "copy.json", force=False)
    twice = baseline.load_baseline([tmp_path])
    assert len(twice.runs) == 3
    (notice,) = [n.message for n in twice.warnings if n.code == "copy"]
    assert notice == "r1.json is the same run as copy.json: it counts once"
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no result"):
        baseline.load_baseline([tmp_path / "empty"])
    (tmp_path / "empty" / "r.json.partial").touch()
    with pytest.raises(UsageError, match=r"bench --resume .*r\.json\.partial"):
        baseline.load_baseline([tmp_path / "empty"])


def test_an_unreadable_folder_is_not_an_empty_one(tmp_path, monkeypatch) -> None:
    """Root reads every folder, so the refusal is injected."""

    reads = Path.iterdir

    def refused(path: Path) -> Iterator[Path]:
        if path == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return reads(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\)"):
        baseline.load_baseline([tmp_path])
