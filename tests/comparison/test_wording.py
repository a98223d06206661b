"""The answer below an outcome: what changed, by how much, or what is not excluded."""

from __future__ import annotations

from iomodels.comparison.metrics import SUITE
from iomodels.comparison.wording import MOST_ANSWERS, answers, counters, counts, headline
from iomodels.results.schema import Interval, Notice

from ..hostile_names import make_change, make_comparison


def change(verdict, median, low, high, **others):
    ratio = Interval(median=median, low=low, high=high)
    usual = {"scenario": "echo", "label": "depth 4", "engine": "aio", "metric": "throughput_ops"}
    numbers = {"rounds": 20, "bigger_is_better": True, "verdict": verdict, "ratio": ratio}
    return make_change(**(usual | numbers | others))


def test_what_got_worse_comes_before_what_got_better_and_the_same_is_not_named():
    found = [change("same", 1, 0.99, 1.01), change("faster", 1.5, 1.4, 1.6)]
    found.append(change("slower", 0.7, 0.65, 0.75))
    assert answers(make_comparison(found, outcome="regression")) == [
        "echo, depth 4, aio: throughput lower, -30 % (-35 % to -25 %).",
        "echo, depth 4, aio: throughput higher, +50 % (+40 % to +60 %).",
    ]


def test_a_direction_is_that_of_the_numbers_and_all_cells_have_one_name():
    cpu = make_change(
        scenario="echo", label="", engine="aio", metric="cpu_ns_per_op", rounds=20,
        bigger_is_better=False, verdict="faster", ratio=Interval(0.62, 0.6, 0.7),
    )  # fmt: skip
    together = make_change(
        scenario="all cells", label="", engine="all cells", metric=SUITE.metric, rounds=20,
        bigger_is_better=True, verdict="faster", ratio=Interval(1.29, 1.2, 1.3),
    )  # fmt: skip
    assert answers(make_comparison([cpu, together], outcome="passed")) == [
        "echo, aio: CPU per operation lower, -38 % (-40 % to -30 %).",
        "all cells together: better, +29 % (+20 % to +30 %).",
    ]


def test_verdicts_are_not_taken_for_cells():
    cell = change("faster", 1.5, 1.4, 1.6)
    assert counts(make_comparison([cell])) == "1 faster"
    assert counts(make_comparison([cell, cell, cell])) == "3 faster in 1 cell"


def test_a_suspect_is_counted_as_one_and_said_with_its_limit():
    suspect = change("inconclusive", 0.93, 0.8, 1.1, suspect=True, limit=0.05)
    latency = make_change(
        scenario="echo", label="", engine="aio", metric="latency_p50_ns", rounds=20, suspect=True,
        bigger_is_better=False, verdict="inconclusive", ratio=Interval(1.2, 0.9, 1.3), limit=0.1,
    )  # fmt: skip
    found = make_comparison([suspect, latency, change("same", 1, 1, 1)], outcome="inconclusive")
    assert headline(found) == "Inconclusive: 2 suspect, 1 same in 2 cells"
    assert answers(found)[:2] == [
        "echo, aio: latency p50: suspect: looks worse by 20 %, limit 10 %.",
        "echo, depth 4, aio: throughput: suspect: looks worse by 7 %, limit 5 %.",
    ]


def test_counters_that_are_the_same_are_in_no_count():
    """A terminal, a summary and a test report name the same numbers."""
    exact = {"metric": "calls_per_op.read", "ratio": None, "bigger_is_better": False}
    told = make_comparison(
        [make_change(), make_change(verdict="same", **exact), make_change(**exact)],
        counters_unjudged=2,
    )
    assert counts(told) == "2 slower in 1 cell"
    assert counters(told) == (
        "1 exact counter (calls per operation) is the same; 2 counters not judged: they vary in "
        "the base, or have too few rounds"
    )


def test_the_same_run_is_no_list_of_verdicts():
    unknown = [change("inconclusive", 1, 0.9, 1.1)]
    same = make_comparison(unknown, outcome="passed", warnings=[Notice("same-run", "the same")])
    assert headline(same) == "Passed: both are the same run"


def test_of_many_it_says_how_many_more_there_are():
    found = [change("slower", 0.7, 0.65, 0.75)] * (MOST_ANSWERS + 2)
    lines = answers(make_comparison(found, outcome="regression"))
    assert len(lines) == MOST_ANSWERS + 1
    assert lines[-1] == "… and 2 more."


def test_inconclusive_says_what_loss_is_not_excluded():
    found = [change("inconclusive", 1, 0.95, 1.2), change("inconclusive", 0.95, 0.86, 1.1)]
    assert answers(make_comparison(found, outcome="inconclusive")) == [
        "Not excluded: a loss of up to 14 % (echo, depth 4, aio: throughput)."
    ]
    latency = make_change(
        scenario="echo", label="", engine="aio", metric="latency_p50_ns", rounds=20,
        bigger_is_better=False, verdict="inconclusive", ratio=Interval(1.1, 0.9, 1.3),
    )  # fmt: skip
    assert answers(make_comparison([latency], outcome="inconclusive")) == [
        "Not excluded: a loss of up to 30 % (echo, aio: latency p50)."
    ]


def test_what_was_not_judged_or_has_too_few_rounds_excludes_nothing_that_is_known():
    unjudged = change("inconclusive", 0.5, 0.4, 0.6, judged=False)
    assert answers(make_comparison([unjudged], outcome="inconclusive")) == []


def test_what_is_open_and_does_not_pass_says_so_where_that_was_asked_for():
    found = [change("inconclusive", 1, 0.9, 1.1), change("same", 1, 1, 1, scenario="s")]
    held = make_comparison(found, outcome="inconclusive", undecided="fail")
    assert headline(held) == (
        "Inconclusive: no loss shown, 1 inconclusive, 1 same (--undecided fail: a loss is not "
        "excluded in every cell)"
    )
    suspect = [change("inconclusive", 0.9, 0.8, 1.1, suspect=True)]
    held = make_comparison(suspect, outcome="inconclusive", undecided="fail")
    assert headline(held) == "Inconclusive: 1 suspect"
