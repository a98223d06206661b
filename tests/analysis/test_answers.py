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


def test_of_many_engines_there_is_a_sentence_for_each_quantity_and_not_for_each_engine():
    wobble = [0.97, 1.04, 1.0, 0.95, 1.06, 1.02, 0.98]

    def at_depth_4(engine, latency=1.0, cpu=1.0, ops=1.0, noise=(1.0,) * 7):
        trials = [
            make_trial(
                number,
                latency_ns=round(1_000_000 * latency * wobbles),
                cpu_ns_per_op=2000 * cpu * wobbles,
                throughput_ops=10_000 * ops * wobbles,
            )
            for number, wobbles in enumerate(noise)
        ]
        return make_cell(engine, trials, parameters={"load.depth": 4})

    cells = [
        at_depth_4("blocking"),
        at_depth_4("aio", 0.8, 1.3, 1.2),
        at_depth_4("select", 1.5, 0.5, 0.8),
        at_depth_4("threads", 1.0, 2.5, 1.1),
        at_depth_4("nonblocking", 1.02, 4.0, 3.0),
        at_depth_4("threads:handoff=none", 0.7, 0.9, 1.0, wobble),
        at_depth_4("aio:threads=4", 3.0, 1.1, 0.9),
    ]
    assert sentences(cells) == [
        "nonblocking has the highest throughput: 3.00 times that of blocking (3.00 to 3.00 times), "
        "with 4.00 times the CPU per operation and the same median latency (within 5 %).",
        "Median latency against blocking: threads:handoff=none 30 % lower, aio 20 % lower, select "
        "50 % higher, aio:threads=4 3.00 times; the same (within 5 %): threads and nonblocking.",
        "CPU per operation against blocking: select 50 % lower, threads:handoff=none 10 % lower, "
        "aio:threads=4 10 % higher, aio 30 % higher, threads 2.50 times, nonblocking 4.00 times.",
        "Throughput against blocking: nonblocking 3.00 times, aio 20 % higher, threads 10 % "
        "higher, aio:threads=4 10 % lower, select 20 % lower; no difference shown: "
        "threads:handoff=none.",
    ]


def test_the_price_of_doing_the_same_is_said_where_it_is_another():
    def copying(engine, cpu):
        trials = [make_trial(number, cpu_ns_per_op=2000 * cpu) for number in range(7)]
        note = None if engine == "blocking" else "degenerate: same as blocking, because of this"
        return make_cell(engine, trials, note=note)

    alike = [copying("blocking", 1.0), copying("select", 1.02)]
    assert len(sentences(alike)) == 1
    _, price = sentences([*alike, copying("kaio", 1.4), copying("io_uring", 1.8)])
    assert price == (
        "CPU per operation against blocking, of engines that do the same: kaio 40 % higher, "
        "io_uring 80 % higher; the same (within 5 %): select."
    )
