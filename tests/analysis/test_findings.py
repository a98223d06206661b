"""Sentences claim what the intervals show, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.analysis.findings import sentences
from iomodels.analysis.quantities import CPU, LATENCY_P50
from iomodels.statistics.rounds import MIN_ROUNDS, paired_ratio

from ..factory import make_cell, make_trial

WOBBLE = [0.97, 1.04, 1.0, 0.95, 1.06, 1.02, 0.98]
"""Noise around 1, of which no interval of seven rounds excludes 1."""


def cell(
    engine, latency=1.0, cpu=1.0, ops=1.0, *, noise=None, rounds=7, depth=1, compute=0, **others
):
    """A cell whose rounds are the base values times these factors."""
    noise = noise or [1.0] * rounds
    trials = [
        make_trial(
            number,
            latency_ns=round(1_000_000 * latency * wobble),
            cpu_ns_per_op=2000 * cpu * wobble,
            throughput_ops=10_000 * ops * wobble,
        )
        for number, wobble in enumerate(noise[:rounds])
    ]
    parameters = {"load.depth": depth, "load.compute": compute}
    return make_cell(engine, trials, parameters=parameters, **others)


def test_with_computation_throughput_is_told():
    """What overlaps is no quicker by itself: it does more in the same time."""
    cells = [cell("blocking", compute=10**6), cell("aio", 1.03, ops=1.93, compute=10**6)]
    assert sentences(cells) == [
        "aio answers 3 % later than blocking and does 93 % more operations per second, "
        "with CPU within noise."
    ]


def test_the_example_of_the_four_models():
    cells = [
        cell("blocking"),
        cell("nonblocking", 0.92, 7),
        cell("select", noise=WOBBLE),
        cell("aio", noise=WOBBLE),
        cell("null", 0.001, 0.001),
    ]
    assert sentences(cells) == [
        "nonblocking answers 8 % sooner than blocking and burns 7 times its CPU; "
        "blocking, select and aio are within noise of each other."
    ]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.0005, "answers in less than 0.1 % of blocking's time"),
        (0.1, "answers in a tenth of blocking's time"),
        (1 / 3, "answers in a third of blocking's time"),
        (0.43, "answers in 43 % of blocking's time"),
        (0.5, "answers in half of blocking's time"),
        (0.6, "answers 40 % sooner than blocking"),
        (0.97, "answers 3 % sooner than blocking"),
        (1.03, "answers 3 % later than blocking"),
        (1.98, "answers 98 % later than blocking"),
        (2.0, "takes 2 times as long as blocking"),
        (2.3, "takes 2.3 times as long as blocking"),
        (123.0, "takes 120 times as long as blocking"),
        (1e5, "takes over 10000 times as long as blocking"),
    ],
)
def test_latency_in_words(factor, words):
    (sentence,) = sentences([cell("blocking"), cell("aio", factor)])
    # The CPU is the same to the last digit, and an interval of just 1 contains 1.
    assert sentence == f"aio {words}, with CPU within noise."


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1 / 3, "uses a third of blocking's CPU"),
        (0.7, "uses 30 % less CPU than blocking"),
        (1.4, "burns 40 % more CPU than blocking"),
        (2.34, "burns 2.3 times blocking's CPU"),
        (7.0, "burns 7 times blocking's CPU"),
    ],
)
def test_cpu_in_words(factor, words):
    (sentence,) = sentences([cell("blocking"), cell("aio", cpu=factor)])
    assert sentence == f"aio {words}, with latency within noise."


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.25, "does a quarter as many operations per second"),
        (0.8, "does 20 % fewer operations per second"),
        (1.3, "does 30 % more operations per second"),
        (3.0, "does 3 times as many operations per second"),
    ],
)
def test_throughput_counts_only_at_depth(factor, words):
    deep = [cell("select", depth=16), cell("aio", 0.5, 2.0, factor, depth=16)]
    assert sentences(deep) == [
        f"aio answers in half of select's time, burns 2 times its CPU and {words}."
    ]
    flat = [cell("select"), cell("aio", 0.5, 2.0, factor)]
    assert sentences(flat) == ["aio answers in half of select's time and burns 2 times its CPU."]


def test_engines_with_the_same_verdict_share_a_clause():
    cells = [
        cell("blocking"),
        cell("select", 1.1),
        cell("aio", 1.1),
        cell("aio:notify=poll", 2.5, 4.0),
    ]
    assert sentences(cells) == [
        "select and aio answer 10 % later than blocking, with CPU within noise; "
        "aio:notify=poll takes 2.5 times as long as blocking and burns 4 times its CPU."
    ]


def test_one_engine_within_noise():
    assert sentences([cell("blocking"), cell("select", noise=WOBBLE)]) == [
        "select is within noise of blocking."
    ]


def test_each_like_blocking_need_not_be_like_each_other():
    # Either crosses 1 in one round only, and in no round do they meet.
    low = [0.93, 0.94, 0.95, 0.96, 0.92, 1.005, 0.90]
    high = [1.04, 1.05, 1.06, 1.07, 1.03, 1.08, 0.98]
    cells = [cell("blocking"), cell("select", noise=low), cell("aio", noise=high)]
    assert sentences(cells) == ["select and aio are each within noise of blocking."]


def test_below_one_per_cent_is_no_news_and_the_bound_holds_the_whole_interval():
    tight = [1.004, 1.005, 1.006, 1.005, 1.004, 1.007, 1.006]
    wide = [1.004, 1.005, 1.006, 1.005, 1.004, 1.007, 1.0391]
    assert sentences([cell("blocking"), cell("aio", cpu=1.005)]) == [
        "aio is within noise of blocking in latency and within 1 % of blocking in CPU."
    ]
    trials = [
        make_trial(n, latency_ns=1_000_000, cpu_ns_per_op=2000 * w) for n, w in enumerate(wide)
    ]
    assert sentences([cell("blocking"), make_cell("aio", trials)]) == [
        "aio is within noise of blocking in latency and within 4 % of blocking in CPU."
    ]
    trials = [
        make_trial(n, latency_ns=500_000, cpu_ns_per_op=2000 * w) for n, w in enumerate(tight)
    ]
    assert sentences([cell("blocking"), make_cell("aio", trials)]) == [
        "aio answers in half of blocking's time, with CPU within 1 %."
    ]


@pytest.mark.parametrize(
    ("rounds", "words"),
    [
        (1, "1 paired round is too few, 6 are needed"),
        (3, "3 paired rounds are too few, 6 are needed"),
        (5, "5 paired rounds are too few, 6 are needed"),
    ],
)
def test_too_few_rounds_give_no_verdict(rounds, words):
    cells = [cell("blocking"), cell("select", 9, rounds=rounds), cell("aio", 2, 2, rounds=rounds)]
    assert sentences(cells) == [f"No verdict on select and aio against blocking: {words}."]


def test_rounds_are_counted_where_both_have_them():
    later = make_cell("aio", [make_trial(number) for number in range(7, 14)])
    assert sentences([cell("blocking"), later]) == [
        "No verdict on aio against blocking: no paired rounds, 6 are needed."
    ]


def test_a_quantity_with_too_few_rounds_of_its_own_says_so():
    trials = [
        make_trial(n, latency_ns=2_000_000, cpu_ns_per_op=9000 if n < 3 else 0) for n in range(7)
    ]
    assert sentences([cell("blocking"), make_cell("aio", trials)]) == [
        "aio takes 2 times as long as blocking (CPU: 3 paired rounds are too few, 6 are needed)."
    ]


def test_an_unknown_quantity_is_not_called_the_same():
    trials = [make_trial(n, latency_ns=1_000_000, cpu_ns_per_op=0) for n in range(7)]
    assert sentences([cell("blocking"), make_cell("aio", trials)]) == [
        "aio is within noise of blocking in latency."
    ]


def test_without_blocking_the_first_measured_engine_is_the_base():
    cells = [
        make_cell("blocking", [], status="n/a", reason="supports one request in flight"),
        make_cell("nonblocking", [], status="failed", reason="killed by SIGKILL"),
        cell("select"),
        cell("aio", 1.2),
    ]
    assert sentences(cells) == ["aio answers 20 % later than select, with CPU within noise."]


def test_blocking_is_the_base_wherever_it_stands():
    assert sentences([cell("aio", 1.2), cell("blocking")]) == [
        "aio answers 20 % later than blocking, with CPU within noise."
    ]


def test_degenerate_cells_are_not_compared():
    note = "degenerate: same as blocking, because a regular file is always ready"
    cells = [cell("blocking"), cell("select", 5, note=note), cell("nonblocking", 5, note=note)]
    assert sentences(cells) == []
    assert sentences([*cells, cell("aio", 1.2)]) == [
        "aio answers 20 % later than blocking, with CPU within noise."
    ]


def test_nothing_to_compare_gives_no_sentence():
    assert sentences([]) == []
    assert sentences([cell("blocking"), cell("null")]) == []
    assert sentences([make_cell("aio", [], status="failed", reason="no")]) == []


# For all trials whatever

values = st.floats(0.2, 5) | st.sampled_from([0.0, 1.0, 1.001])
wild = st.lists(st.tuples(st.integers(0, 9), values, values, values), max_size=12)


@st.composite
def steady(draw):
    """Rounds that scatter by up to 2 % around a level: what verdicts are made of."""
    levels = [draw(st.sampled_from([0.3, 0.97, 0.995, 1.0, 1.005, 1.03, 4.0])) for _ in range(3)]
    scatter = st.floats(0.98, 1.02)
    return [
        (number, *(level * draw(scatter) for level in levels))
        for number in range(draw(st.integers(4, 9)))
    ]


rounds = wild | steady()


def random_cell(engine, drawn, depth):
    trials = [
        make_trial(
            number,
            latency_ns=[round(100_000 * latency)] if latency else [],
            cpu_ns_per_op=1000 * cpu,
            throughput_ops=1000 * ops,
        )
        for number, latency, cpu, ops in {row[0]: row for row in drawn}.values()
    ]
    return make_cell(engine, trials, parameters={"load.depth": depth})


CLAIMS = {
    "latency": (LATENCY_P50.of_trial, r"sooner|later|as long|'s time"),
    "CPU": (CPU.of_trial, r"burns|uses|(more|less) CPU"),
    "throughput": (lambda trial: trial.throughput_ops, r"operations per second"),
}
UP = r"later|as long"
DOWN = r"sooner|'s time"


@given(rounds, rounds, st.sampled_from([1, 16]))
def test_two_engines_differ_in_words_exactly_where_their_interval_says_so(one, two, depth):
    a, b = random_cell("aio", one, depth), random_cell("blocking", two, depth)
    text = " ".join(sentences([a, b]))
    for name, (value, words) in CLAIMS.items():
        ratio = paired_ratio(a.trials, b.trials, value)
        claimed = re.search(words, text) is not None
        differs = ratio is not None and ratio.rounds >= MIN_ROUNDS and ratio.excludes_one
        news = differs and not 1 / 1.01 < ratio.interval.median < 1.01
        assert claimed == (news and (name != "throughput" or depth > 1)), (name, text)
        if name == "latency" and news:
            assert re.search(UP if ratio.interval.median > 1 else DOWN, text)
            assert not re.search(DOWN if ratio.interval.median > 1 else UP, text)
    if a.trials and b.trials:
        assert text.endswith(".")


@given(st.lists(st.tuples(st.sampled_from(["ok", "partial", "failed"]), rounds), max_size=5))
def test_any_number_of_engines_gives_sentences(drawn):
    names = ["select", "blocking", "aio", "null", "nonblocking"]
    cells = [random_cell(name, trials, 16) for name, (_, trials) in zip(names, drawn, strict=False)]
    for sentence in sentences(cells):
        assert sentence.endswith(".")
        assert "null" not in sentence
        assert "  " not in sentence
        assert "\n" not in sentence


@given(st.lists(st.floats(1e-300, 1e300), min_size=14, max_size=14))
def test_absurd_values_do_not_break_it(drawn):
    a = make_cell("aio", [make_trial(n, cpu_ns_per_op=v) for n, v in enumerate(drawn[:7])])
    b = make_cell("blocking", [make_trial(n, cpu_ns_per_op=v) for n, v in enumerate(drawn[7:])])
    assert len(sentences([a, b])) == 1
