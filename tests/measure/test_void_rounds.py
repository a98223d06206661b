"""Rounds in which no operation ended: tried again, and what the others measured is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import iomodels
from iomodels.base.errors import NothingEnded, NothingMeasured
from iomodels.measure import runner as measure_run
from iomodels.results.schema import Run, Trial
from iomodels.trials.planned import Command, PlannedTrial

SENTENCE = "measured nothing: not one operation ended in time"


def bench_where(
    empty: Callable[[PlannedTrial, int], bool], monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, int]:
    """A run in which `empty(trial, attempt)` attempts measure nothing, and how many there were."""
    attempts: dict[int, int] = {}
    real = measure_run.run_trial

    def run_trial(
        planned: PlannedTrial, command: Command, progress: Callable[[int], None]
    ) -> Trial:
        attempt = attempts[planned.order] = attempts.get(planned.order, 0) + 1
        if not planned.cell.is_harness and empty(planned, attempt):
            raise NothingEnded(SENTENCE)
        return real(planned, command, progress)

    monkeypatch.setattr(measure_run, "run_trial", run_trial)
    try:
        run = iomodels.bench("slow-device", engines=["select"], rounds=4, duration_s=0.01, seed=1)
    finally:
        harness_trials = 4
        count = sum(attempts.values()) - harness_trials
    return run, count


def test_an_empty_trial_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run, attempts = bench_where(lambda t, attempt: t.round == 2 and attempt < 3, monkeypatch)
    (cell,) = (cell for cell in run.cells if cell.engine == "select")
    assert (cell.status, len(cell.trials), attempts) == ("ok", 4, 6)
    (notice,) = (notice for notice in run.warnings if notice.code == "empty")
    assert notice.message.startswith("2 trials were void and repeated")


@pytest.mark.parametrize("lost", [0, 2])
def test_a_round_that_stays_empty_leaves_the_others(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, attempts = bench_where(lambda t, attempt: t.round == lost, monkeypatch)
    (cell,) = (cell for cell in run.cells if cell.engine == "select")
    assert cell.status == "partial"
    assert cell.reason == f"1 of 4 rounds {SENTENCE}"
    assert [trial.round for trial in cell.trials] == [n for n in range(4) if n != lost]
    assert attempts == 3 + 4


def test_a_cell_in_which_nothing_ever_ends_fails_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[PlannedTrial] = []

    def always(planned: PlannedTrial, attempt: int) -> bool:
        counted.append(planned)
        return True

    with pytest.raises(NothingMeasured, match=SENTENCE):
        bench_where(always, monkeypatch)
    assert len(counted) == 2 * 4
