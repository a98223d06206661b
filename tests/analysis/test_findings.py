"""Sentences claim what the intervals show, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iomodels.analysis.findings import levels, sentences
from iomodels.analysis.quantities import CPU, LATENCY_P50, THROUGHPUT
from iomodels.results.schema import OverlapParts
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


def test_with_computation_throughput_is_compared_too():
    """What overlaps is no quicker by itself: it does more in the same time."""
    cells = [cell("blocking", compute=10**6), cell("aio", 1.03, ops=1.93, compute=10**6)]
    assert sentences(cells) == [
        "aio has the highest throughput: 93 % higher than blocking (1.93 to 1.93 times), "
        "with the same median latency and CPU per operation (within 5 %)."
    ]


def test_the_first_sentence_names_the_best_engine_by_how_much_and_at_what_price():
    cells = [
        cell("blocking"),
        cell("nonblocking", 0.92, 7, 1.09),
        cell("select", noise=WOBBLE),
        cell("aio", noise=WOBBLE),
        cell("null", 0.001, 0.001),
    ]
    assert sentences(cells) == [
        "nonblocking has the highest throughput: 9 % higher than blocking (1.09 to 1.09 times), "
        "with 7.00 times the CPU per operation.",
        "select and aio against blocking: no difference shown in median latency "
        "(0.95 to 1.06 times) or CPU per operation (0.95 to 1.06 times).",
    ]


def test_where_blocking_is_the_best_it_is_compared_with_the_next():
    cells = [cell("blocking"), cell("select", 1.25, ops=0.8), cell("aio", 2, 3, 0.5)]
    assert sentences(cells) == [
        "blocking has the highest throughput: 25 % higher than select (1.25 to 1.25 times), "
        "with the same CPU per operation (within 5 %).",
        "aio against blocking: 2.00 times the median latency, 3.00 times the CPU per operation.",
    ]


def test_in_an_open_loop_the_best_has_the_lowest_latency():
    cells = [cell("blocking"), cell("aio", 0.5, 2.0)]
    cells = [replace(c, parameters={"load.arrivals": "poisson"}) for c in cells]
    assert sentences(cells) == [
        "aio has the lowest median latency: 50 % lower than blocking (0.50 to 0.50 times), "
        "with 2.00 times the CPU per operation."
    ]


def test_the_same_is_said_only_where_the_interval_excludes_a_relevant_difference():
    names = ("blocking", "select", "aio")
    assert sentences([cell(name) for name in names])[0] == (
        "Highest throughput: blocking, select or aio (the same within 5 %)."
    )
    noisy = [cell("blocking"), *(cell(name, noise=WOBBLE) for name in names[1:])]
    assert sentences(noisy)[0] == (
        "Highest throughput: blocking, select or aio (no difference shown between them)."
    )
    # Either crosses 1 in one round only, and in no round do they meet.
    low = [0.93, 0.94, 0.95, 0.96, 0.92, 1.005, 0.90]
    high = [1.04, 1.05, 1.06, 1.07, 1.03, 1.08, 0.98]
    apart = [cell("blocking"), cell("select", noise=low), cell("aio", noise=high)]
    assert sentences(apart)[0] == (
        "Highest throughput: blocking or aio (no difference shown between them). "
        "select has a lower throughput than aio."
    )
    wide = [0.8, 1.06, 1.07, 1.3, 1.08, 0.9, 1.2]
    unknown = [cell("blocking"), cell("select", ops=0.9), cell("aio", noise=wide)]
    assert sentences(unknown)[0] == (
        "Highest throughput: blocking, select or aio (no difference shown from aio)."
    )
    behind = [*noisy, cell("nonblocking", 2, ops=0.5)]
    assert sentences(behind)[0] == (
        "Highest throughput: blocking, select or aio (no difference shown between them)."
    )


def test_of_two_engines_the_answer_comes_first_where_nothing_is_shown():
    assert sentences([cell("select", depth=4), cell("threads", noise=WOBBLE, depth=4)]) == [
        "Highest throughput: select or threads (no difference shown between them).",
        "threads against select: no difference shown in median latency (0.95 to 1.06 times), "
        "CPU per operation (0.95 to 1.06 times) or throughput (0.95 to 1.06 times).",
    ]


def first_part(cells):
    """What is said first of the one engine beside blocking."""
    _, sentence = sentences(cells)
    return sentence.removeprefix("aio against blocking: ").partition(", ")[0]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.0004, "median latency over 99.9 % lower"),
        (0.004, "median latency 99.6 % lower"),
        (1 / 3, "median latency 67 % lower"),
        (0.94, "median latency 6 % lower"),
        (0.5, "median latency 50 % lower"),
        (0.6, "median latency 40 % lower"),
        (0.97, "the same median latency and CPU per operation (within 5 %)."),
        (1.06, "median latency 6 % higher"),
        (1.98, "median latency 98 % higher"),
        (2.0, "2.00 times the median latency"),
        (2.345, "2.35 times the median latency"),
        (123.0, "123 times the median latency"),
        (1e5, "over 10000 times the median latency"),
    ],
)
def test_ratios_in_words(factor, words):
    assert first_part([cell("blocking"), cell("aio", factor)]) == words


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.7, "CPU per operation 30 % lower"), (2.344, "2.34 times the CPU per operation")],
)
def test_each_quantity_has_the_same_words(factor, words):
    assert first_part([cell("blocking"), cell("aio", cpu=factor)]) == words


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.25, "throughput 75 % lower"), (0.8, "throughput 20 % lower")],
)
def test_throughput_counts_only_at_depth(factor, words):
    """Of one request at a time it is the inverse of latency."""
    engines = [("blocking", (1, 1, 1)), ("select", (1, 1, 1.1)), ("aio", (2.0, 2.0, factor))]
    deep = [cell(engine, *values, depth=16) for engine, values in engines]
    assert sentences(deep)[-1] == (
        "aio against blocking: 2.00 times the median latency, "
        f"2.00 times the CPU per operation, {words}."
    )
    flat = [cell(engine, *values) for engine, values in engines]
    assert "throughput" not in sentences(flat)[-1]


def test_engines_with_the_same_words_share_a_line():
    cells = [cell("blocking"), cell("select", 1.1), cell("aio", 1.1), cell("threads", 2.5, 4.0)]
    assert sentences(cells)[1:] == [
        "select and aio against blocking: median latency 10 % higher, "
        "the same CPU per operation (within 5 %).",
        "threads against blocking: 2.49 times the median latency, "
        "4.00 times the CPU per operation.",
    ]


def test_below_one_per_cent_is_no_news_and_the_same_needs_the_whole_interval():
    tight = [1.004, 1.005, 1.006, 1.005, 1.004, 1.007, 1.006]
    wide = [1.004, 1.005, 1.006, 1.005, 1.004, 1.007, 1.0691]
    for noise, words in (
        (tight, "the same median latency and CPU per operation (within 5 %)"),
        (
            wide,
            "the same median latency (within 5 %), "
            "no difference shown in CPU per operation (1.00 to 1.07 times)",
        ),
    ):
        trials = [
            make_trial(n, latency_ns=1_000_000, cpu_ns_per_op=2000 * w) for n, w in enumerate(noise)
        ]
        assert sentences([cell("blocking"), make_cell("aio", trials)])[1:] == [
            f"aio against blocking: {words}."
        ]


@pytest.mark.parametrize(
    ("rounds", "words"),
    [
        (1, "1 paired round, 6 are needed"),
        (3, "3 paired rounds, 6 are needed"),
        (5, "5 paired rounds, 6 are needed"),
    ],
)
def test_too_few_rounds_give_no_verdict(rounds, words):
    cells = [cell("blocking"), cell("select", 9, rounds=rounds), cell("aio", 2, 2, rounds=rounds)]
    assert sentences(cells) == [f"select and aio against blocking: no verdict, {words}."]


def test_rounds_are_counted_where_both_have_them():
    later = make_cell("aio", [make_trial(number) for number in range(7, 14)])
    assert sentences([cell("blocking"), later]) == [
        "aio against blocking: no verdict, 0 paired rounds, 6 are needed."
    ]


def test_a_quantity_with_too_few_rounds_of_its_own_has_a_range_and_no_verdict():
    trials = [
        make_trial(n, latency_ns=2_000_000, cpu_ns_per_op=9000 if n < 3 else 0) for n in range(7)
    ]
    assert sentences([cell("blocking"), make_cell("aio", trials)])[1:] == [
        "aio against blocking: 2.00 times the median latency, "
        "4.50 times the CPU per operation (4.50 to 4.50, the range of 3 rounds)."
    ]


def test_an_unknown_quantity_is_not_called_the_same():
    trials = [make_trial(n, latency_ns=1_000_000, cpu_ns_per_op=0) for n in range(7)]
    assert sentences([cell("blocking"), make_cell("aio", trials)])[1:] == [
        "aio against blocking: the same median latency (within 5 %)."
    ]


def test_without_blocking_the_first_measured_engine_is_the_base():
    cells = [
        make_cell("blocking", [], status="n/a", reason="supports one request in flight"),
        make_cell("nonblocking", [], status="failed", reason="killed by SIGKILL"),
        cell("select"),
        cell("aio", 1.2),
    ]
    _, sentence = sentences(cells)
    assert sentence.startswith("aio against select: median latency 20 % higher")


def test_blocking_is_the_base_wherever_it_stands():
    _, sentence = sentences([cell("aio", 1.2), cell("blocking")])
    assert sentence.startswith("aio against blocking: median latency 20 % higher")


def test_degenerate_cells_are_not_compared():
    note = "degenerate: same as blocking, since a regular file is always ready"
    cells = [cell("blocking"), cell("select", 5, note=note), cell("nonblocking", 5, note=note)]
    assert sentences(cells) == [
        "No comparison of models: all engines do the same as blocking here."
    ]
    _, sentence = sentences([*cells, cell("aio", 1.2)])
    assert sentence.startswith("aio against blocking: median latency 20 % higher")


def test_nothing_to_compare_gives_no_sentence():
    assert sentences([]) == []
    assert sentences([cell("blocking"), cell("null")]) == []
    assert sentences([make_cell("aio", [], status="failed", reason="no")]) == []


# What a point is about


def with_overlap(engine, overlap):
    trials = [
        make_trial(n, overlap=overlap * wobble, overlap_parts=OverlapParts(1000, 1000, 1000))
        for n, wobble in enumerate(WOBBLE)
    ]
    return make_cell(engine, trials, parameters={"load.compute": 10**6})


def test_with_computation_the_first_sentence_is_about_the_overlap():
    cells = [with_overlap("blocking", -0.07), with_overlap("aio", 0.89)]
    assert sentences(cells)[0] == (
        "Overlap (0 none, 1 all): aio 0.89 (0.85 to 0.94), blocking -0.07 (-0.07 to -0.07)."
    )
    assert levels(cells[:1]) == ["Overlap (0 none, 1 all): blocking -0.07 (-0.07 to -0.07)."]


def test_under_a_deadline_it_is_about_how_many_were_cancelled_and_no_engines_are_compared():
    counters = {"cancels_done": 30.0, "cancels_too_late": 10.0}
    trials = [make_trial(n, counters=counters) for n in range(7)]
    deadline = {"load.deadline": 500_000}
    cells = [make_cell(name, trials, parameters=deadline) for name in ("select", "aio")]
    (sentence,) = sentences(cells)
    assert sentence.startswith("Cancelled: select 75.0 % (75.0 % to 75.0 %), aio")


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


SHARE = r"times the "
CLAIMS = {
    "latency": (
        LATENCY_P50.of_trial,
        rf"median latency [\d.]+ % (higher|lower)|{SHARE}median latency(?! \()",
    ),
    "CPU": (
        CPU.of_trial,
        rf"CPU per operation [\d.]+ % (higher|lower)|{SHARE}CPU per operation(?! \()",
    ),
    "throughput": (
        THROUGHPUT.of_trial,
        rf"throughput [\d.]+ % (higher|lower)|{SHARE}throughput(?! \()|has the highest throughput",
    ),
}


@given(rounds, rounds, st.sampled_from([1, 16]))
def test_two_engines_differ_in_words_exactly_where_their_interval_says_so(one, two, depth):
    a, b = random_cell("aio", one, depth), random_cell("blocking", two, depth)
    text = " ".join(sentences([a, b]))
    for name, (value, words) in CLAIMS.items():
        ratio = paired_ratio(a.trials, b.trials, value)
        claimed = re.search(words, text) is not None
        differs = ratio is not None and ratio.rounds >= MIN_ROUNDS and ratio.excludes_one
        differs = differs and not ratio.within_relevant
        news = differs and not 1 / 1.01 < ratio.interval.median < 1.01
        beside = name == "latency" and depth == 1 and "highest throughput" in text
        assert claimed == (news and not beside), (name, text)
        if claimed and name == "CPU" and "CPU per operation" in text:
            more = (ratio.interval.median > 1) != ("blocking has" in text)
            assert more == bool(
                re.search(
                    r"CPU per operation \d+ % higher|times the CPU per operation(?! \()", text
                )
            )
    if a.trials and b.trials:
        assert text.endswith(".")


@given(rounds, rounds)
def test_the_same_is_never_said_of_what_may_differ_by_more(one, two):
    a, b = random_cell("aio", one, 16), random_cell("blocking", two, 16)
    ratio = paired_ratio(a.trials, b.trials, CPU.of_trial)
    same = re.search(r"the same [^(.]*CPU per operation", " ".join(sentences([a, b])))
    if same:
        assert ratio.rounds >= MIN_ROUNDS
        assert ratio.interval.low >= 1 / 1.05
        assert ratio.interval.high <= 1.05


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
    assert sentences([a, b])[0].startswith("Highest throughput: aio or blocking (the same")
