"""What is said of an answer follows from the document, and never says more than it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from iomodels.advice import words
from iomodels.advice.document import Gain, PointAdvice, Turning
from iomodels.results.schema import Interval

from ..advice_samples import (
    AIO,
    EPOLL,
    INCONCLUSIVE,
    IO_URING,
    KAIO,
    NOT_TURNING,
    P99,
    SELECT,
    TURNING,
    advice,
    candidate,
    point,
)


def said(of: PointAdvice) -> dict[str, str]:
    return {line.label: line.text for line in words.lines(of)}


def gain(median: float, low: float, high: float, *, is_shown: bool, over: str = "select") -> Gain:
    return Gain(over, Interval(median, low, high), 12, is_shown)


def test_an_answer_has_its_lines_in_this_order() -> None:
    labels = [line.label for line in words.lines(point())]
    assert labels == ["use", "gain", "cost", "as good", "turns", "wrong if"]


def test_all_of_an_answer() -> None:
    assert said(point()) == {
        "use": "`epoll`",
        "gain": "42 % more throughput (38 to 47 %) than `select`, which you use now",
        "cost": "CPU 62 % (62 %); CPU per operation 4.1 µs (4.1 µs); threads kept 1 (1) (in "
        "parentheses: `select`)",
        "as good": "`io_uring` comes within noise of it; `epoll` is the simplest of them",
        "turns": "between descriptors 64 and 128: below it `select`, above it `epoll`",
        "wrong if": "The connections are on loopback. Ask with `-s load.depth=4`.",
    }


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ((1.42, 1.38, 1.47), "42 % more throughput (38 to 47 %)"),
        ((1.012, 1.006, 1.018), "1.2 % more throughput (0.6 to 1.8 %)"),
        ((2.84, 2.6, 3.1), "throughput higher by a factor of 2.8 (2.6 to 3.1)"),
        ((28.4, 26.0, 31.0), "throughput higher by a factor of 28 (26 to 31)"),
    ],
)
def test_a_gain_in_throughput(ratio: tuple[float, float, float], text: str) -> None:
    line = said(point(gain=gain(*ratio, is_shown=True)))["gain"]
    assert line == f"{text} than `select`, which you use now"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ((1 / 0.71, 1 / 0.74, 1 / 0.68), "29 % lower latency p50 (26 to 32 %)"),
        ((4.0, 3.2, 5.0), "latency p50 lower by a factor of 4.0 (3.2 to 5.0)"),
    ],
)
def test_a_gain_in_latency_is_less_of_it(ratio: tuple[float, float, float], text: str) -> None:
    of = point(quantity="latency_ns.p50", gain=gain(*ratio, is_shown=True))
    assert said(of)["gain"] == f"{text} than `select`, which you use now"


def test_todays_engine_can_stay_where_it_is_as_good() -> None:
    of = point(gain=gain(1.02, 0.97, 1.06, is_shown=False), as_good=("epoll", "select"))
    assert "which you use now, and which can stay: 2.0 % more" in said(of)["gain"]


def test_a_gain_that_no_interval_carries_is_not_claimed() -> None:
    line = said(point(gain=gain(1.02, 0.97, 1.06, is_shown=False)))["gain"]
    assert line == (
        "none is shown over `select`, which you use now: 2.0 % more throughput (−3.0 to 6.0 %)"
    )
    line = said(point(gain=gain(0.99, 0.95, 1.02, is_shown=False)))["gain"]
    assert line.endswith(": 1.0 % less throughput (−2.0 to 5.0 %)")
    near = gain(0.99, 0.95, 1.02, is_shown=False)
    line = said(point(quantity="latency_ns.p50", gain=near))["gain"]
    assert line.endswith(": 1.0 % higher latency p50 (−2.0 to 5.3 %)")


def test_without_today_the_gain_is_over_the_simplest() -> None:
    assert said(point(today=None))["gain"].endswith("than `select`, the simplest that can")
    of = point(today=None, use="select", gain=None, as_good=("select",))
    assert said(of)["gain"] == "none needed: it is the simplest, and nothing is shown to be better"


def test_what_is_used_today_may_be_the_answer() -> None:
    of = point(today="epoll", gain=None)
    assert "it is what you use now" in said(of)["gain"]
    assert "in parentheses" not in said(of)["cost"]


def test_a_model_of_today_that_cannot_run_here_is_said_with_the_reason() -> None:
    assert said(point(today="kaio", gain=None))["gain"].startswith(
        "`kaio`, in use now, was not measured (kaio supports one request in flight); "
    )


def test_nothing_as_good() -> None:
    assert said(point(as_good=("epoll",)))["as good"] == "nothing else comes within noise of it"


def test_many_as_good_are_counted() -> None:
    more = tuple(candidate(f"threads:threads={n}", complexity=50) for n in range(2, 9))
    of = point(
        candidates=(SELECT, EPOLL, *more), as_good=("epoll", *(each.engine for each in more))
    )
    assert "and 3 more come within noise of it" in said(of)["as good"]


def test_a_simpler_one_that_is_as_good_is_not_called_less_simple() -> None:
    """A document may use another one than the simplest: then nothing is claimed of that."""
    of = point(use="io_uring", as_good=("epoll", "io_uring"))
    assert said(of)["as good"] == "`epoll` comes within noise of it"


@pytest.mark.parametrize(
    ("turning", "text"),
    [
        (NOT_TURNING, "not shown between depth 1 and 256"),
        (
            replace(TURNING, reason="select supports descriptors 0 to 1023"),
            "between descriptors 64 and 128: below it `select`, above it `epoll` (select supports "
            "descriptors 0 to 1023)",
        ),
        (
            Turning("load.block", (4096,), ("epoll",), {}),
            "not known: only block 4 KiB was measured. What would help: a larger --budget",
        ),
    ],
)
def test_where_it_turns(turning: Turning, text: str) -> None:
    assert said(point(turnings=(turning,)))["turns"] == text


def test_a_tie_elsewhere_that_a_simpler_one_would_take_is_said_and_turns_nothing() -> None:
    tied = replace(NOT_TURNING, best=("select", "epoll", "io_uring"))
    assert said(point(turnings=(tied,)))["turns"] == (
        "not shown between depth 1 and 256; at 1 `select` is as good and simpler"
    )


def test_turnings_that_nobody_looked_for() -> None:
    assert said(point(turnings=()))["turns"] == "not looked for"


def test_where_nothing_can_be_told_it_says_so_and_names_no_winner() -> None:
    found = said(point(**INCONCLUSIVE, as_good=("epoll", "io_uring")))
    assert found == {
        "use": "inconclusive: the rounds vary too much: a larger --budget would help",
        "as good": "within noise of each other: `epoll` and `io_uring`",
        "wrong if": "The connections are on loopback. Ask with `-s load.depth=4`.",
    }
    assert "as good" not in said(point(**INCONCLUSIVE, as_good=()))


def test_what_was_left_out_for_a_limit() -> None:
    slow = replace(AIO, beyond=(P99,))
    of = point(candidates=(SELECT, EPOLL, IO_URING, KAIO, slow))
    assert said(of)["beyond"] == "left out for a limit: `aio` (latency p99 at most 1 ms)"
    whole = advice(of, limits=(P99,))
    assert words.asked(whole) == "for throughput, with latency p99 at most 1 ms"


def test_a_cost_that_was_not_measured_is_left_out() -> None:
    bare = candidate("epoll", values={})
    assert said(point(candidates=(SELECT, bare), as_good=()))["cost"] == "not known"


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (("epoll",), ""),
        (("epoll", "epoll"), "`epoll` is the answer at all 2 points"),
        (("epoll", "select", "epoll"), "of 3 points: `epoll` at 2, `select` at 1"),
        (("epoll", None), "of 2 points: `epoll` at 1, inconclusive at 1"),
        ((None, None), "inconclusive at all 2 points"),
    ],
)
def test_several_points_have_a_summary(answers: tuple[str | None, ...], text: str) -> None:
    points = [point(use=use) if use else point(**INCONCLUSIVE) for use in answers]
    assert words.summary(advice(*points)) == text


def test_a_caveat_of_all_points_is_said_once() -> None:
    points = point(caveats=("a.", "b.")), point(caveats=("b.", "c."))
    assert words.common_caveats(advice(*points)) == ("b.",)
    assert words.common_caveats(advice(points[0])) == ()


def test_what_it_took() -> None:
    assert words.took(advice()) == (
        "measured in 40 s; all candidates over all rounds would have taken 2 min"
    )
    assert words.took(advice(full_s=0.0)) == "measured in 40 s"
    assert "nothing was measured" in words.took(advice(measured_s=0.0, full_s=0.0))
