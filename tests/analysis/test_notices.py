"""What a reader of a finished run is warned of, from its numbers."""

from __future__ import annotations

import pytest

from iomodels.analysis import notices
from iomodels.analysis.cells import trial_times

from ..factory import make_cell, make_run, make_trial


def few(engine: str, operations: int, depth: int = 1, **others: float):
    trials = [make_trial(number, operations=operations, **others) for number in range(7)]
    return make_cell(engine, trials, scenario="overlap", parameters={"load.depth": depth})


def test_numbers_of_few_operations_are_one_warning_per_scenario() -> None:
    cells = [few("blocking", 4, overlap=2.01), few("aio", 19), few("aio", 7, 4), few("select", 20)]
    (notice,) = notices.of_cells([*cells, few("null", 3)])
    assert notice.code == "few-operations"
    assert notice.message == (
        "overlap: few operations per trial (blocking 4, aio 7), so p99 is their slowest and "
        "overlap is inexact: use longer trials (-d)"
    )


def test_without_overlap_nothing_is_said_of_it() -> None:
    (notice,) = notices.of_cells([few("blocking", 4)])
    assert "overlap is rough" not in notice.message


def overlapping(engine: str, overlap: float, **parameters: str | int):
    trials = [make_trial(number, overlap=overlap) for number in range(7)]
    return make_cell(engine, trials, scenario="overlap", parameters=parameters)


@pytest.mark.parametrize(
    ("engine", "overlap", "parameters", "bound"),
    [
        ("aio", 1.09, {}, None),
        ("aio", 1.11, {}, "the maximum is 1"),
        ("aio", 6.61, {}, "the maximum is 1"),
        ("select", -0.09, {}, None),
        ("select", -0.11, {}, "the minimum is 0"),
        ("blocking", 0.09, {}, None),
        ("blocking", 0.82, {}, "the maximum is 0"),
        ("blocking", -0.5, {}, "the minimum is 0"),
        ("aio:notify=list", 0.82, {}, "the maximum is 0"),
        ("aio:notify=list,mode=nowait", 0.82, {}, None),
        # While the application computes, a file is read ahead, and a pipe is filled.
        ("blocking", 0.82, {"channel.kind": "file"}, None),
        ("blocking", 1.2, {"channel.kind": "pipe"}, "the maximum is 1"),
        ("blocking", 0.82, {"load.arrivals": "poisson"}, None),
        ("of-another-version", 0.82, {}, None),
    ],
)
def test_an_overlap_that_cannot_be_is_a_warning(engine, overlap, parameters, bound) -> None:
    cells = [overlapping(engine, overlap, **parameters), overlapping("select", 0.9, **parameters)]
    found = notices.of_cells(cells)
    assert [notice.code for notice in found] == (["overlap"] if bound else [])
    if bound:
        assert f"({engine} {overlap:.2f}, {bound}). " in found[0].message


def test_one_round_that_was_disturbed_is_no_warning() -> None:
    trials = [make_trial(n, overlap=overlap) for n, overlap in enumerate([0.9, 0.95, 1, 1, 8.06])]
    assert notices.of_cells([make_cell("aio", trials)]) == []


def test_impossible_overlaps_of_a_sweep_are_one_sentence() -> None:
    cells = [
        overlapping(engine, overlap, **{"load.compute": compute})
        for compute, of_each in (
            (1_000_000, {"blocking": 0.05, "aio": 0.9, "select": 1.0}),
            (2_000_000, {"blocking": 0.82, "aio": 1.67, "select": 1.0}),
            (4_000_000, {"blocking": 0.05, "aio": 2.15, "select": 1.0}),
        )
        for engine, overlap in of_each.items()
    ]
    (notice,) = notices.of_cells([*cells, overlapping("null", 7)])
    assert notice.message == (
        "impossible overlap in overlap (blocking 0.82 at compute 2 ms, the maximum is 0; "
        "aio 2.15 at compute 4 ms and 1 more, the maximum is 1). Its parts are measured one after "
        "another, and other processes probably used the CPU during one of them: measure again on a "
        "quiet machine, with longer trials (-d)"
    )


COLD = {
    "channel.kind": "file",
    "channel.cache": "cold",
    "channel.size": 16_384_000,
    "load.block": 16_384,
}


def cold(engine: str, duration_ns: int, **parameters: str | int):
    trials = [make_trial(number, duration_ns=duration_ns) for number in range(7)]
    return make_cell(engine, trials, scenario="cold-read", parameters=COLD | parameters)


def test_trials_that_end_where_a_cold_file_does_are_not_said_to_take_longer() -> None:
    cells = [cold("blocking", 82_000_000), cold("aio", 120_000_000)]
    (notice,) = notices.of_cells(cells)
    assert notice.message == (
        "cold-read: trials end after 1000 reads (82 ms to 120 ms), because the file is read "
        "once: -s channel.size=1GiB makes them longer"
    )
    assert trial_times(make_run(cells), "200 s") == "82 ms to 120 ms"
    both = make_run([*cells, make_cell("select")])
    assert trial_times(both, "200 s") == "200 s (cold-read: 82 ms to 120 ms)"
    assert trial_times(both, "200 s", "cold-read") == "82 ms to 120 ms"
    assert trial_times(both, "200 s", "slow-device") == "200 s"


def test_a_cold_file_of_several_sizes_ends_as_its_pattern_says() -> None:
    """At random each read has a part as long as the largest size; in order, all is read."""
    sizes = "4 KiB/50:16 KiB/50"
    at_random = cold("aio", 120_000_000, **{"load.block": sizes, "load.pattern": "random"})
    assert "trials end after 1000 reads" in notices.of_cells([at_random])[0].message
    in_order = {"load.block": sizes, "load.pattern": "sequential"}
    rate = COLD["channel.size"] / 0.12
    trials = [make_trial(n, duration_ns=120_000_000, throughput_bytes=rate) for n in range(7)]
    all_read = make_cell("aio", trials, scenario="cold-read", parameters=COLD | in_order)
    assert "trials end after 1000 reads" in notices.of_cells([all_read])[0].message
    half = [make_trial(n, duration_ns=120_000_000, throughput_bytes=rate / 2) for n in range(7)]
    cells = [make_cell("aio", half, scenario="cold-read", parameters=COLD | in_order)]
    assert notices.of_cells(cells) == []
    foreign = {"load.block": "x/y:z", "load.pattern": "random"}
    assert notices.of_cells([cold("aio", 120_000_000, **foreign)]) == []


@pytest.mark.parametrize("other", [{"channel.cache": "direct"}, {"channel.size": 32_768_000}])
def test_trials_that_end_in_time_last_as_long_as_they_were_given(other) -> None:
    cells = [cold("aio", 120_000_000, **other)]
    assert notices.of_cells(cells) == []
    assert trial_times(make_run(cells), "0.3 s") == "0.3 s"
