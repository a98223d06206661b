"""Comparisons to draw and to show: every verdict, one cell, very many, names without end."""

from __future__ import annotations

from msgspec.structs import replace

from iomodels.comparison.schema import Change, Comparison, Difference
from iomodels.results.schema import Interval, Notice

from .hostile_names import make_change, make_comparison


def around(median: float, part: float) -> Interval:
    return Interval(median=median, low=median * (1 - part), high=median * (1 + part))


def one(verdict: str, engine: str, by: float = 1.0, part: float = 0.01, **others) -> Change:
    base = 62_100.0
    usual = {
        "label": "",
        "limit": 0.05,
        "base": around(base, 0.01),
        "new": around(base * by, 0.01),
        "ratio": around(by, part),
        "confirmed": False,
        "noise": 0.02,
    }
    return make_change(verdict=verdict, engine=engine, **(usual | others))


def latency(verdict: str, engine: str, by: float, part: float, **others) -> Change:
    sides = {"base": around(104e3, 0.01), "new": around(104e3 * by, 0.01)}
    metric = {"metric": "latency_p50_ns", "unit": "ns", "bigger_is_better": False}
    where = {"scenario": "steady-load", "label": "rate 2000"}
    return one(verdict, engine, by, part, **(sides | metric | where | others))


def every() -> Comparison:
    """Each verdict, two directions, a counter that changed and two that did not."""
    exact = {"metric": "calls_per_op.read", "unit": "calls", "bigger_is_better": False}
    still = {**exact, "ratio": None, "limit": None, "base": Interval(1.0, 1.0, 1.0)}
    changes = [
        one("same", "blocking", 1.002),
        one("inconclusive", "select", 0.93, 0.06, suspect=True),
        one("slower", "aio", 0.88, 0.02, confirmed=True),
        one("vanished", "threads", new=None, ratio=None, rounds=0, noise=None, detectable=None),
        one("failed", "poll", new=None, ratio=None, reason="failed: it broke", detectable=None),
        one("new", "epoll", base=None, ratio=None, limit=None, detectable=None),
        one("slower", "aio", rounds=7, new=Interval(2.0, 2.0, 2.0), **still),
        one("same", "blocking", new=Interval(1.0, 1.0, 1.0), **still),
        one("same", "select", new=Interval(1.0, 1.0, 1.0), **still),
        one("inconclusive", "aio:notify=list,mode=nowait", 1.01, 0.09, reason="too much noise"),
        one("faster", "nonblocking", 1.25, 0.05),
        one("varies", "kaio", 1.1, 0.3, reason="it jumps between 11k and 107k"),
        latency("inconclusive", "epoll", 1.04, 0.5, limit=0.12),
        latency("same", "io_uring:sqpoll=on", 1.01, 0.02),
    ]
    return make_comparison(
        changes,
        base_name="A (unchanged)",
        new_name="B (env.LD_PRELOAD=…, prefix=…)",
        differences=[Difference("kernel", "6.18", "6.19")],
        allowed=["kernel 6.18 → 6.19"],
        warnings=[Notice("busy", "others were busy")],
    )


def single() -> Comparison:
    return replace(every(), changes=[one("same", "blocking", 1.002)], outcome="passed")


def many(count: int = 100) -> Comparison:
    changes = [
        one(
            "slower" if n % 33 == 5 else "same",
            ("aio", "blocking")[n % 2],
            0.7 if n % 33 == 5 else 1 + 0.001 * (n % 17 - 8),
            0.02,
            scenario=f"scenario-{n // 10}",
            label=f"depth {n % 10}",
        )
        for n in range(count)
    ]
    return make_comparison(changes)


def long_names() -> Comparison:
    engine = "a-very-long-engine-name:with=many,options=that,go=on,and=on"
    where = {"scenario": "a scenario with a long name " * 8, "label": "depth 4, block 4 KiB, " * 8}
    endless = Interval(median=1e-5, low=1e-304, high=1e304)
    few = Interval(median=1.1, low=1e-304, high=1e304)
    return make_comparison(
        [
            one("slower", engine, **(where | {"ratio": endless, "limit": 3.0})),
            one("inconclusive", "aio", rounds=3, **(where | {"ratio": few})),
        ],
        base_name="a base with a long name " * 20,
        new_name="x" * 300,
    )
