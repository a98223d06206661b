"""Which runs of a history its trends show: all of this machine, whatever changed on it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from iomodels.check.history import over_time
from iomodels.check.history.baseline import load_baseline
from iomodels.results import save
from iomodels.results.schema import Run, Tool

from ..comparison.samples import noisy, run_of
from ..factory import ENVIRONMENT


def run(day: int, level: float = 1000.0, **others: object) -> Run:
    made = run_of(noisy(level, seed=day), created_utc=f"2026-01-{day:02}T00:00:00Z", seed=day)
    return replace(made, environment=dict(ENVIRONMENT) | others)


def days(history: over_time.History) -> list[int]:
    return [int(each.created_utc[8:10]) for each in history.runs]


def test_another_kernel_is_on_the_way_and_another_cpu_is_not() -> None:
    runs = [run(1), run(2, cpu="Another CPU"), run(3, kernel="6.9"), run(4, kernel="6.9")]
    runs.insert(3, replace(run(3), tool=Tool(runs[0].tool.version, "another core")))
    history = over_time.over_time(runs[:-1], runs[-1])
    assert days(history) == [1, 3, 4]
    assert [each.kernel for each in history.runs] == ["6.1.0", "6.9", "6.9"]
    (trend,) = history.trends
    assert len(trend.runs) == 3


def test_of_very_many_runs_the_newest_are_shown(monkeypatch) -> None:
    monkeypatch.setattr(over_time, "MOST_RUNS", 3)
    runs = [run(day) for day in range(1, 6)]
    assert days(over_time.over_time(runs[:-1], runs[-1])) == [3, 4, 5]
    assert days(over_time.over_time([], runs[-1])) == [5]


def test_what_a_known_change_or_last_leaves_out_is_shown_all_the_same(tmp_path: Path) -> None:
    """Judged by are the newest two of those that the known change left."""
    for day in range(1, 9):
        known = "a new disk" if day == 5 else ""
        level = 1000.0 if day < 5 else 500.0
        made = replace(run(day, level), known_change=known)
        save.save(made, tmp_path / f"{day}.json", force=False)
    base = load_baseline([tmp_path], last=2)
    assert [each.seed for each in base.runs] == [7, 8]
    history = over_time.of_baseline(base)
    assert days(history) == list(range(1, 9))
    assert history.runs[4].known_change == "a new disk"
    (trend,) = history.trends
    assert trend.changed_at == [4]
