"""A point begins with its answer, or with why there is none, and says what the table says."""

from __future__ import annotations

from iomodels.analysis.findings import sentences

from ..factory import make_cell, make_trial


def cell(engine, ops=(1.0,) * 7, **others):
    return make_cell(
        engine, [make_trial(n, throughput_ops=1000.0 * v) for n, v in enumerate(ops)], **others
    )


def test_where_only_one_engine_is_no_copy_of_blocking_it_is_compared_with_the_copy():
    note = "degenerate: same as blocking, since a regular file is always ready"
    absent = make_cell("blocking", [], status="n/a", reason="supports one request in flight")
    copies = [cell("nonblocking", note=note), cell("select", note=note)]
    (answer,) = sentences([absent, *copies, cell("aio", (2.73,) * 7)])
    assert answer.startswith("aio has the highest throughput: 2.73 times that of nonblocking")
    assert sentences([absent, cell("aio")]) == ["No comparison: only aio was measured."]
    half = cell("blocking", status="failed", reason="broke in round 6")
    (answer,) = sentences([half, cell("select"), cell("aio", (3.0,) * 7)])
    assert answer.startswith("aio has the highest throughput: 3.00 times that of select")
    broken = cell("select", status="failed", reason="broke in round 6")
    assert sentences([cell("aio"), broken]) == ["No comparison: only aio was measured."]


def test_under_a_deadline_it_is_said_why_there_is_no_comparison():
    cells = [cell(name, parameters={"load.deadline": 1000}) for name in ("select", "aio")]
    assert sentences(cells) == ["No comparison: under a deadline only fast requests are left."]


def test_rounds_decide_and_medians_that_differ_the_other_way_round_are_named():
    """In eight of nine rounds aio has 10 % more, and yet the lower median."""
    base = [float(n) for n in range(1, 10)]
    other = [1.1 * value for value in base[:-1]] + [0.1]
    answer, *_, last = sentences([cell("blocking", base), cell("aio", other)])
    assert answer.startswith("aio has the highest throughput: 10 % higher than blocking")
    assert last == (
        "Throughput of aio: the two medians in the table differ the other way round; "
        "the comparison round by round counts."
    )


def test_an_engine_whose_name_does_not_say_it_is_explained_where_it_wins():
    alone = "threads:handoff=none"
    answer = sentences([cell("blocking"), cell(alone, (3.0,) * 7)])[0]
    assert answer.startswith(
        f"{alone} (each thread starts its next request itself) has the highest throughput: 3.00 "
    )
