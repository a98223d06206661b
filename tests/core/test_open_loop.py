"""The open loop: it keeps its rate, and a stall shows in the latency instead of being hidden."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles

import pytest

from iomodels import _core
from iomodels.statistics import histogram
from iomodels.trials.record import Record, new_record

CLOCK = {"clock_ns_per_tick_q32": _core.clock_calibrate(20_000_000)}


def gap(rate: float) -> int:
    return round(1024e9 / rate)


def run(engine: str, settings: Mapping[str, int], duration_s: float, record: Record) -> None:
    loop = _core.Loop(engine, "timer", CLOCK | dict(settings), record.fd)
    assert loop.is_open()
    assert loop.run(round(duration_s * 1e9)) == 0
    assert loop.close() == 0


@pytest.mark.parametrize("arrivals", [0, 1], ids=["constant", "poisson"])
def test_300_000_requests_per_second_are_300_000(arrivals: int) -> None:
    with new_record() as record:
        run("null", {"arrival_gap_q10_ns": gap(300_000), "arrivals": arrivals}, 0.5, record)
        # Those that a stall at the window's end left waiting came, too.
        arrived = record.field("window_operations") + record.field("backlog")
        achieved = arrived * 1e9 / record.field("window_ns")
    assert achieved == pytest.approx(300_000, rel=0.02)


def test_poisson_gaps_vary_and_constant_ones_do_not() -> None:
    """Of 40 arrivals in each part of the window, a Poisson process brings 40 ± 6.

    Looked at in the quarter of the parts that is nearest to 40: where other processes want the CPU,
    many parts have the arrivals of their neighbours.
    """
    off = {}
    for name, arrivals in (("constant", 0), ("poisson", 1)):
        with new_record() as record:
            run("null", {"arrival_gap_q10_ns": gap(2000), "arrivals": arrivals}, 1.0, record)
            off[name] = quantiles((abs(n - 40) for n in record.numbers("timeline")), n=4)[0]
    assert off["constant"] <= 1
    assert off["poisson"] >= 2


def child_of(parent: int) -> int:
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(child)


def test_a_stopped_worker_shows_in_the_latency_and_not_in_the_service_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Coordinated omission: requests that were due while nothing ran count from when they were.

    Such a trial is void. Its numbers are looked at all the same.
    """
    from iomodels.engines import spec
    from iomodels.measure import plan
    from iomodels.trials import child, pauses, trial
    from iomodels.trials.preparation import Preparation
    from iomodels.workload.scenario import resolve

    made = plan.make_plan(
        resolve(["slow-device"], {"load.arrivals": ["constant"], "load.rate": ["1000"]}),
        [spec.parse("blocking")],
        rounds=1,
        duration_s=1.0,
        warmup_s=0,
        seed=1,
    )
    planned = next(one for one in made.trials if not one.cell.is_harness)
    stopped = threading.Event()
    monkeypatch.setattr(pauses.Pauses, "_note", lambda *_: None)
    monkeypatch.setattr(child, "PROGRESS_INTERVAL_S", 0.05)  # so that the stop ends in the window

    def stop_for_half_a_second(operations: int) -> None:
        if operations > 100 and not stopped.is_set():
            stopped.set()
            pid = child_of(os.getpid())
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(0.5, os.kill, (pid, signal.SIGCONT)).start()

    with Preparation(made.seed) as preparation, preparation.command(planned) as command:
        result = trial.run_trial(planned, command, stop_for_half_a_second)
    assert stopped.is_set()
    assert result.service_ns is not None
    assert histogram.percentile_ns(result.latency_ns, 0.99) > 200e6
    assert histogram.percentile_ns(result.service_ns, 0.99) < 50e6
    assert result.counters["lateness_max_ns"] > 300e6
    arrived = result.operations + result.counters.get("backlog", 0)
    assert arrived == pytest.approx(1000, rel=0.05)


def test_too_high_a_rate_leaves_a_backlog() -> None:
    with new_record() as record:
        run("blocking", {"arrival_gap_q10_ns": gap(50_000)}, 0.2, record)
        assert record.field("backlog") > 1000
        latency = histogram.mean_ns(record.histogram("latency"))
        service = histogram.mean_ns(record.histogram("service"))
    assert latency > 10 * service


def test_it_sleeps_when_there_is_nothing_to_do() -> None:
    with new_record() as record:
        run("blocking", {"arrival_gap_q10_ns": gap(100)}, 0.5, record)
        cpu_ns = record.field("window_user_ns") + record.field("window_system_ns")
        assert cpu_ns < 0.2 * record.field("window_ns")
        assert record.field("spun_ns") < 0.1 * record.field("window_ns")
