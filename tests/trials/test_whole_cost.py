"""What a trial is charged with is the whole process: CPU and threads, those of the kernel too."""

from __future__ import annotations

import subprocess

import pytest

from iomodels.engines.ability import ability
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.kinds.models import engines_by_model
from iomodels.engines.spec import EngineSpec, parse
from iomodels.engines.words import unavailable
from iomodels.results.schema import Trial
from iomodels.trials import trial
from iomodels.trials.preparation import Preparation
from iomodels.workload.scenario import points, resolve

from .. import core_build
from ..planned import planned

TICK_NS = 10_000_000


def run(scenario: str, engine: str, duration_s: float = 0.1, **settings: str) -> Trial:
    made, one = planned(scenario, engine, duration_s, **settings)
    with Preparation(made.seed) as preparation, preparation.command(one) as command:
        return trial.run_trial(one, command, lambda operations: None)


# ---------------------------------------------------------------------- what the kernel counts


@pytest.mark.parametrize("thread", ["polling", "workers"])
def test_the_kernels_threads_are_in_the_cpu_of_the_process(thread: str) -> None:
    """And not in that of the thread that submits, which other tools report."""
    program = str(core_build.program("plain", "whole_cost"))
    done = subprocess.run([program, thread], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip(f"io_uring does not work here: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    used = {name: int(number) for name, number in map(str.split, done.stdout.splitlines())}
    assert used["others"] >= 2 * TICK_NS, "they did something at all"
    assert used["self"] - used["thread"] == pytest.approx(
        used["others"], abs=(used["tasks"] + 1) * TICK_NS
    )
    assert used["tasks"] == used["links"] >= 1
    if thread == "polling":
        assert used["thread"] < used["others"] / 10


# ---------------------------------------------------------------------- what a trial reports

ANYWHERE = (
    ("slow-devices", {"load__depth": "4"}),
    ("slow-device", {}),
    ("echo", {"load__depth": "4"}),
    ("direct-read", {"load__depth": "4"}),
)
"""Scenarios, of which every engine can run one."""


def run_anywhere(spec: EngineSpec) -> Trial:
    for scenario, settings in ANYWHERE:
        by_key = {key.replace("__", "."): [value] for key, value in settings.items()}
        (resolved,) = resolve([scenario], by_key)
        (point,) = points(resolved)
        if ability(spec, point).na_reason is None:
            return run(scenario, spec.canonical, **settings)
    pytest.skip(f"{spec.canonical} cannot run here")


KINDS = sorted(
    {spec.canonical for specs in engines_by_model().values() for spec in specs}
    | set(GROUPS["python"].members)
)


@pytest.mark.parametrize("engine", KINDS)
def test_an_engine_keeps_the_threads_that_it_says(engine: str) -> None:
    spec = parse(engine)
    threads = run_anywhere(spec).counters["threads"] - 1
    if spec.threads is None:
        assert threads == 0
    if spec.worker == "helper threads":
        assert threads > 0
        assert spec.threads
    if spec.caps["kernel_polls"]:
        assert threads > 0
        assert spec.threads


def test_a_thread_for_each_request_is_counted() -> None:
    assert run("slow-devices", "threads", load__depth="16").counters["threads"] == 17


def test_the_cpu_of_the_polling_thread_is_in_the_trial() -> None:
    """A device that takes 10 ms leaves the application asleep; the kernel's thread polls on."""
    service = {"channel__service": "10 ms"}
    if reason := unavailable(parse("io_uring:sqpoll=on")):
        pytest.skip(reason)
    plain, polled = (
        run("slow-device", engine, 0.4, **service) for engine in ("io_uring", "io_uring:sqpoll=on")
    )
    assert polled.cpu_share > 5 * plain.cpu_share
    assert polled.counters["threads"] == plain.counters["threads"] + 1


def test_a_worker_of_the_kernel_that_syncs_is_counted() -> None:
    """io_uring cannot sync without blocking, so that the kernel adds a thread to the process."""
    if reason := unavailable(parse("io_uring")):
        pytest.skip(reason)
    assert run("log-append", "io_uring").counters["threads"] >= 2
    assert run("log-append", "blocking").counters["threads"] == 1
