"""Where an answer turns: found on simulated curves with noise, and not made up without one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from iomodels.advice.document import GivenLimit, Turning
from iomodels.analysis.quantities import THROUGHPUT
from iomodels.base.errors import UsageError
from iomodels.contest import turning
from iomodels.contest.sweeping import key_of, standing
from iomodels.contest.turning import Judge, Standing
from iomodels.results.schema import Cell
from iomodels.statistics.rounds import median_interval
from tests.factory import make_cell, make_trial

Curves = Mapping[str, Callable[[int], float]]
GRID = turning.grid(8, 1, 256)
ROUNDS = 6
TRIAL = make_trial(latency_ns=[100])
CELL = make_cell(trials=[TRIAL])


def cell(engine: str, values: list[float]) -> Cell:
    trials = [replace(TRIAL, round=n, throughput_ops=value) for n, value in enumerate(values)]
    assert CELL.summary is not None
    summary = replace(CELL.summary, throughput_ops=median_interval(values))
    return replace(CELL, engine=engine, trials=trials, summary=summary)


def judge_of(curves: Curves, rng: random.Random, noise: float) -> Judge:
    """A contest on fresh rounds: what the machine does in a round, it does to all of them, and each
    has a noise of its own."""

    def judge(value: int) -> Standing | None:
        machine = [rng.lognormvariate(0, 0.2) for _ in range(ROUNDS)]
        cells = [
            cell(engine, [curve(value) * m * rng.lognormvariate(0, noise) for m in machine])
            for engine, curve in curves.items()
        ]
        return standing(cells, THROUGHPUT)

    return judge


def search(curves: Curves, seed: int, noise: float = 0.05) -> Turning:
    judge = judge_of(curves, random.Random(seed), noise)
    here = judge(8)
    assert here is not None
    return turning.find("load.depth", GRID, 8, here, judge)


def crossing_at(value: float) -> Curves:
    """`select` is better below it, `epoll` above it."""
    return {"select": lambda x: 1e5 * (value / x) ** 0.5, "epoll": lambda _: 1e5}


@pytest.mark.parametrize("value", [1.5, 3, 11, 23, 50, 100, 140])
def test_a_crossing_is_found_within_one_step(value: float) -> None:
    for seed in range(20):
        found = search(crossing_at(value), seed)
        assert found.low is not None, seed
        assert found.high is not None
        assert (found.below, found.above) == ("select", "epoll")
        steps = [GRID.index(found.low), GRID.index(found.high)]
        assert steps[1] - steps[0] == 1
        # A step beside it there is a tie, which the noise may decide either way.
        assert GRID[max(0, steps[0] - 1)] <= value <= GRID[min(len(GRID) - 1, steps[1] + 1)]


def test_engines_that_are_alike_turn_nowhere() -> None:
    alike: Curves = dict.fromkeys(("select", "poll", "epoll", "io_uring"), lambda x: 1e5 / x)
    found = [search(alike, seed, noise=0.2) for seed in range(600)]
    assert sum(each.low is not None for each in found) <= 6


def test_a_difference_that_does_not_matter_turns_nothing() -> None:
    """1 % apart, and without noise."""
    near: Curves = {
        "select": lambda x: 1e5 * (1.01 if x < 50 else 1.0),
        "epoll": lambda x: 1e5 * (1.0 if x < 50 else 1.01),
    }
    assert search(near, 1, noise=1e-6).low is None


def test_the_best_engine_everywhere_turns_nowhere() -> None:
    found = search({"select": lambda x: 1e4 / x, "epoll": lambda x: 1e5 / x}, 1)
    assert (found.low, found.high, found.below, found.above) == (None, None, None, None)
    assert found.values == (1, 8, 256)
    assert set(found.best) == {"epoll"}


def test_it_takes_few_contests() -> None:
    asked: list[int] = []
    inner = judge_of(crossing_at(23), random.Random(1), 0.05)

    def counting(value: int) -> Standing | None:
        asked.append(value)
        return inner(value)

    here = inner(8)
    assert here is not None
    turning.find("load.depth", GRID, 8, here, counting)
    assert len(set(asked)) <= 2 + 3
    assert len(asked) <= 2 * len(set(asked))


def test_without_a_budget_it_stays_with_what_is_known() -> None:
    here = Standing(("epoll",), {})
    found = turning.find("load.depth", GRID, 8, here, lambda _: None)
    assert (found.values, found.best, found.low) == ((8,), ("epoll",), None)


def test_a_budget_that_ends_on_the_way_leaves_the_wider_bracket() -> None:
    inner = judge_of(crossing_at(23), random.Random(1), 0.01)
    left = iter(range(3))

    def judge(value: int) -> Standing | None:
        return inner(value) if next(left, None) is not None else None

    here = inner(8)
    assert here is not None
    found = turning.find("load.depth", GRID, 8, here, judge)
    assert (found.low, found.high) == (8, 256)


def test_an_engine_that_cannot_run_there_turns_the_answer_with_the_reason() -> None:
    """It is not measured again: what it cannot do is no noise."""
    asked: list[int] = []

    def judge(value: int) -> Standing:
        asked.append(value)
        if value > 16:
            return Standing(("epoll",), {}, {"select": "select supports 16 at most"})
        return Standing(("select",), {})

    found = turning.find("load.depth", GRID, 8, Standing(("select",), {}), judge)
    assert (found.low, found.high, found.below, found.above) == (16, 32, "select", "epoll")
    assert found.reason == "select supports 16 at most"
    assert len(asked) == len(set(asked))


def test_one_lucky_contest_turns_nothing() -> None:
    """The second, on fresh rounds, does not agree: it is a tie."""
    said = iter([Standing(("epoll",), {}), Standing(("select",), {})])
    here = Standing(("select",), {})
    found = turning.find("load.depth", [8, 16], 8, here, lambda _: next(said))
    assert found.low is None


def test_what_takes_the_place_of_the_answer_is_shown_to_beat_it() -> None:
    """`blocking` is so noisy that nothing is shown to beat it. It is no better than `select`."""

    def judge_of_seed(seed: int) -> Judge:
        rng = random.Random(seed)

        def values(level: float, noise: float) -> list[float]:
            return [level * rng.lognormvariate(0, noise) for _ in range(ROUNDS)]

        def judge(value: int) -> Standing | None:
            epoll = cell("epoll", values(2e5 if value > 20 else 0.5e5, 0.02))
            cells = [cell("blocking", values(0.9e5, 1.0)), cell("select", values(1e5, 0.02)), epoll]
            return standing(cells, THROUGHPUT)

        return judge

    here = Standing(("select",), {})
    found = [turning.find("load.depth", GRID, 8, here, judge_of_seed(s)) for s in range(40)]
    assert all((each.below, each.above) == ("select", "epoll") for each in found)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_limit_that_is_exceeded_has_to_be_so_twice(agrees: bool) -> None:
    """Unlike what an engine cannot do, it is measured, with noise."""
    over = Standing(("epoll",), {}, beyond={"select": "select exceeds the limit"})
    said = iter([over, over if agrees else Standing(("select",), {})])
    found = turning.find("load.depth", [8, 16], 8, Standing(("select",), {}), lambda _: next(said))
    assert (found.low is not None) == agrees
    assert found.reason == ("select exceeds the limit" if agrees else None)


def test_the_grid_has_the_point_itself() -> None:
    assert turning.grid(8, 1, 256) == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert turning.grid(10, 1, 64) == [1, 2, 4, 10, 32, 64]
    assert turning.grid(1000, 1, 256) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 1000]


def test_a_limit_makes_an_engine_unable() -> None:
    cells = [cell("select", [1.0] * 6), cell("epoll", [2.0] * 6)]
    found = standing(cells, THROUGHPUT, [GivenLimit("cpu_share", 1e-9)])
    assert found is None  # none can be used
    found = standing(cells, THROUGHPUT)
    assert found is not None
    assert found.as_good == ("epoll",)


def test_a_failed_engine_says_nothing() -> None:
    failed = replace(cell("select", [1.0]), status="failed", trials=[], summary=None)
    assert standing([failed, cell("epoll", [1.0] * 6)], THROUGHPUT) is None


@pytest.mark.parametrize("text", ["depth", "load.compute", "channel.folder", "\x1b[31m"])
def test_a_key_that_cannot_be_swept_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="it must be one of"):
        key_of(text)
