"""The shipped POSIX AIO scenarios as a user runs them: what their results and warnings say."""

from __future__ import annotations

from collections.abc import Sequence

from iomodels.analysis import notices
from iomodels.measure import run as runner
from iomodels.results.schema import Cell, Run
from iomodels.statistics.histogram import count

from ..factory import make_cell, make_trial

TABLE_1 = {"aio_read", "aio_write", "aio_error", "aio_return", "aio_suspend", "aio_cancel"} | {
    "lio_listio"
}


def bench(name: str, engines: Sequence[str] = (), duration_s: float = 0.1, **settings: str) -> Run:
    chosen = {key.replace("__", "."): [value] for key, value in settings.items()}
    return runner.bench(
        [name],
        engines=list(engines),
        settings=chosen,
        rounds=1,
        duration_s=duration_s,
        warmup_s=0,
        seed=1,
    )


def by_engine(run: Run) -> dict[str, Cell]:
    return {cell.engine: cell for cell in run.cells}


def test_the_shipped_scenarios_make_every_call_of_the_articles_table() -> None:
    runs = (
        bench("aio-notifications", ["aio"], load__depth="8"),
        bench("aio-batch", load__batch="4"),
        bench("cancel", ["aio"]),
        bench("random-write", ["aio"]),
    )
    made = {
        call
        for run in runs
        for cell in run.cells
        for trial in cell.trials
        for call in trial.calls_per_op
    }
    assert made >= TABLE_1


def test_cancel_says_how_often_it_succeeds_and_how_long_it_takes() -> None:
    cells = by_engine(bench("cancel", duration_s=0.5))
    few = cells["aio:threads=4"]  # timers end by themselves: no thread waits for another one's
    assert few.status == "ok", few.reason
    for engine in ("aio", "select", "nonblocking"):
        (trial,) = cells[engine].trials
        outcomes = {
            name: trial.counters.get(f"cancels_{name}", 0)
            for name in ("done", "too_late", "already_complete")
        }
        assert sum(outcomes.values()) > 10
        late = outcomes["too_late"] + outcomes["already_complete"]
        assert count(trial.cancel_ns or []) == outcomes["done"]
        assert count(trial.cancel_late_ns or []) == late
        assert trial.counters.get("cancelled_operations", 0) == outcomes["done"]
        summary = cells[engine].summary
        assert summary is not None
        assert (summary.cancel_ns is None) == (outcomes["done"] == 0)
        assert (summary.cancel_late_ns is None) == (late == 0)
    # glibc cannot call a thread back from its read; select forgets a request that only waits.
    aio, select = cells["aio"].trials[0].counters, cells["select"].trials[0].counters
    assert aio["cancels_too_late"] > aio.get("cancels_done", 0)
    assert select["cancels_done"] > select.get("cancels_too_late", 0)


def test_who_cannot_cancel_is_not_applicable_and_says_why() -> None:
    unable = ["blocking", "threads", "aio:notify=list"]
    cells = by_engine(bench("cancel", [*unable, "select"], load__depth="1"))
    for engine in unable:
        assert cells[engine].status == "n/a"
        assert "cannot cancel a request" in (cells[engine].reason or "")


def test_lost_signals_are_a_warning_with_their_number() -> None:
    trials = [make_trial(number, counters={"signals_lost": 340.0}) for number in range(7)]
    cell = make_cell("aio:notify=signal,signal=SIGIO", trials)
    (notice,) = notices.of_cells([cell, make_cell("aio")])
    assert notice.code == "signals-lost"
    assert "aio:notify=signal,signal=SIGIO: of about 7k completions 2.38k" in notice.message


def test_sigio_loses_signals_where_many_complete_at_once() -> None:
    run = bench("aio-notifications", ["aio:notify=signal,signal=SIGIO"], load__depth="32")
    assert [notice.code for notice in run.warnings].count("signals-lost") == 1
