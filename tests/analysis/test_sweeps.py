"""How a sweep's engines change, in the quantities that its key is about."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from iomodels.analysis.cells import grouped
from iomodels.analysis.sweeps import sentences

from ..factory import make_cell, make_trial


def cells(key, values, engine="select", rounds=7, **growth):
    """A cell for each value, in which each quantity is that many times what it was before."""
    return [
        make_cell(
            engine,
            [
                make_trial(
                    number,
                    throughput_ops=1000 * growth.get("ops", 1) ** place,
                    latency_ns=round(100_000 * growth.get("latency", 1) ** place),
                    cpu_ns_per_op=2000 * growth.get("cpu", 1) ** place,
                )
                for number in range(rounds)
            ],
            parameters={key: value},
        )
        for place, value in enumerate(values)
    ]


def said(*made):
    (points,) = grouped(made).values()
    return sentences(points)


def test_more_descriptors_are_about_latency_and_cpu_from_the_fewest_to_the_most():
    found = said(*cells("load.descriptors", [900, 8, 64], latency=0.5, cpu=0.25))
    assert found == [
        "select, descriptors 900 against 8: 2.00 times the median latency, "
        "4.00 times the CPU per operation."
    ]


def test_depth_is_about_throughput_and_its_price():
    found = said(
        *cells("load.depth", [1, 16], ops=7),
        *cells("load.depth", [1, 16], engine="threads", ops=7),
        *cells("load.depth", [1], engine="blocking"),
    )
    assert found == [
        "select, threads, depth 16 against 1: 7.00 times the throughput, "
        "the same CPU per operation (within 5 %)."
    ]


def test_few_rounds_give_numbers_with_their_range():
    assert said(*cells("load.rate", [1000, 5000], rounds=3, latency=3)) == [
        "select, rate 5000 against 1000: 3.00 times the median latency (3.00 to 3.00)."
    ]


@pytest.mark.parametrize("parameters", [{"load.compute": [0, 1000]}, {"load.depth": [4]}])
def test_what_has_another_answer_or_one_value_says_nothing(parameters):
    ((key, values),) = parameters.items()
    assert said(*cells(key, values, cpu=3)) == []


def test_two_keys_swept_together_say_nothing():
    both = [{"load.depth": depth, "load.block": 4096 * depth} for depth in (1, 16)]
    made = cells("load.depth", [1, 16], cpu=3)
    assert said(*made)
    assert said(*(replace(c, parameters=p) for c, p in zip(made, both, strict=True))) == []


def test_a_key_that_is_not_in_the_table_is_about_what_engines_are_compared_by():
    (sentence,) = said(*cells("channel.opens", ["per-request", 1], ops=0.5, latency=2))
    assert sentence == (
        "select, opens 1 against per-request: throughput 50 % lower, "
        "2.00 times the median latency, the same CPU per operation (within 5 %)."
    )


@pytest.mark.parametrize("rounds", [3, 7])
def test_of_many_engines_there_is_a_sentence_for_each_quantity(rounds):
    growths = {"select": 2, "poll": 3, "epoll": 12, "threads": 5, "aio": 1, "io_uring": 12}
    made = [
        each
        for engine, growth in growths.items()
        for each in cells("load.depth", [1, 16], engine=engine, ops=growth, rounds=rounds)
    ]
    throughput, cpu = said(*made)
    assert throughput.startswith("Throughput, depth 16 against 1: epoll 12 times")
    order = ["epoll", "io_uring", "threads", "poll", "select", "aio"]
    assert [word for word in re.findall(r"\w+", throughput) if word in order] == order
    assert cpu.startswith("CPU per operation, depth 16 against 1: ")
    if rounds == 3:
        assert throughput.endswith(
            "select 2.00 times (2.00 to 2.00), aio 1.00 times (1.00 to 1.00)."
        )
    else:
        assert throughput.endswith("select 2.00 times; the same (within 5 %): aio.")
