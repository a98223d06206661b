"""A reason is named where it was measured and is large enough, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from iomodels.crosscheck.document import Compared
from iomodels.crosscheck.reasons import FioEvidence, found
from iomodels.engines.spec import parse
from iomodels.results.schema import Interval
from iomodels.workload.scenario import load, points

(POINT, *_) = points(load("cached-read"))
(OPEN, *_) = points(load("cached-read", {"load.arrivals": ["poisson"], "load.rate": ["1000"]}))
NOTHING = FioEvidence(
    point=POINT,
    engine=parse("blocking"),
    copies=1,
    fio_loop_ns=100,
    our_loop_ns=100,
    fio_all_cpu_ns=0,
    fio_operations=1e6,
    our_wakes_per_op=0,
    our_issued_ns={},
    fio_syncs_ns={},
)
CPU, RATE, P50 = "cpu_ns_per_op", "throughput_ops", "latency_ns.p50"
BYTES = "throughput_bytes"


def compared(quantity: str, fio: float, ours: float) -> Compared:
    """Both with an interval of a hundredth."""
    both = (Interval(x, x * 0.99, x * 1.01) for x in (fio, ours))
    return Compared(quantity=quantity, fio=next(both), ours=next(both))


CASES = {
    "fio's own loop": (CPU, 1200, 1000, {"fio_loop_ns": 300.0}, {"fio_loop_ns": 120.0}),
    "in time, too": (RATE, 1e6, 1.2e6, {"fio_loop_ns": 250.0}, {"fio_loop_ns": 90.0}),
    "in bytes, too": (BYTES, 4e9, 4.8e9, {"fio_loop_ns": 300.0}, {"fio_loop_ns": 110.0}),
    "the thread that submits": (CPU, 3000, 35000, {"fio_all_cpu_ns": 3e4}, {"fio_all_cpu_ns": 3e3}),
    "whole milliseconds": (CPU, 4000, 4600, {"fio_operations": 250}, {"fio_operations": 25000}),
    "the write alone": (P50, 5e3, 4e5, {"fio_syncs_ns": {P50: 4e5}}, {"fio_syncs_ns": {}}),
    "copies": (RATE, 3e4, 1e4, {"copies": 4}, {"copies": 1}),
    "was due": (
        *(P50, 1e4, 9e4),
        {"our_issued_ns": {P50: 1.1e4}, "point": OPEN},
        {"our_issued_ns": {P50: 8.9e4}, "point": OPEN},
    ),
    "asked for": (RATE, 1200, 1001, {"point": OPEN}, {"point": POINT}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_reason_is_named_where_it_was_measured_and_only_there(case: str) -> None:
    quantity, fio, ours, measured, not_measured = CASES[case]
    differing = compared(quantity, fio, ours)
    assert differing.differs
    (said,) = found(differing, replace(NOTHING, **measured))
    assert case.endswith(", too") or case in said
    assert found(differing, replace(NOTHING, **not_measured)) == []


@pytest.mark.parametrize(
    ("quantity", "fio", "ours", "measured"),
    [
        (CPU, 1000, 10000, {"fio_all_cpu_ns": 1300}),
        (P50, 5e3, 4e5, {"fio_syncs_ns": {P50: 1e3}}),
        (P50, 9e4, 5e4, {"our_issued_ns": {P50: 1e4}, "point": OPEN}),
    ],
    ids=["a small part", "a short sync", "the other way round"],
)
def test_what_is_too_small_or_the_other_way_round_is_no_reason(
    quantity: str, fio: float, ours: float, measured: Mapping[str, Any]
) -> None:
    assert found(compared(quantity, fio, ours), replace(NOTHING, **measured)) == []


def test_threads_that_hand_requests_over_are_named_with_their_calls() -> None:
    handed = replace(NOTHING, engine=parse("threads"), copies=4, our_wakes_per_op=3.2)
    (said,) = found(compared(RATE, 3e4, 1e4), handed)
    assert "3.2 calls per operation" in said
    assert found(compared(RATE, 3e4, 1e4), replace(handed, our_wakes_per_op=0.0)) == []


def test_intervals_that_overlap_agree() -> None:
    assert not compared(RATE, 1000, 1010).differs
    assert compared(RATE, 1000, 1030).differs
