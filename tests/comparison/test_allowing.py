"""Machines that differ on purpose: `--allow` compares times across exactly what it names."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from iomodels import exports
from iomodels.base.errors import UsageError
from iomodels.comparison import wording
from iomodels.comparison.machines import allowing
from iomodels.comparison.runs import Judgement, judge_runs
from iomodels.machine import environment
from iomodels.results.schema import Parameter, Run, Tool

from ..factory import ENVIRONMENT, make_cell, make_run
from .samples import compared, noisy, run_of, timings, timings_of

HERE = ENVIRONMENT | {
    "libc": "glibc 2.36",
    "container": False,
    "cgroup_quota_cores": None,
    "seccomp": "off",
    "mitigations": "mitigated: spectre_v2",
    "hypervisor": None,
    "file_system": "ext4",
    "file_system_device": "sda1",
}
OTHERS: dict[str, Parameter] = {
    "kernel": "6.18.5",
    "libc": "musl 1.2.4",
    "container": True,
    "cgroup_quota_cores": 1.5,
    "seccomp": "filter",
    "mitigations": "none needed",
    "hypervisor": "KVM",
    "governor": "powersave",
}
"""Of each fact whose difference refuses times another value, and `--allow` takes it back."""


def run(**others: Parameter) -> Run:
    return run_of(noisy(1000), environment=HERE | others)


@pytest.mark.parametrize("fact", OTHERS)
def test_a_difference_refuses_times_unless_it_is_allowed_and_then_it_is_named(fact: str) -> None:
    other = run(**{fact: OTHERS[fact]})
    refused = compared(other, run())
    name = allowing.name_of(fact)
    assert name is not None
    assert refused.outcome == "not comparable"
    assert refused.warnings[0].message.startswith(f"another machine: it differs in {fact} (")
    assert f"--allow {name})" in refused.warnings[0].message
    judged = compared(other, run(), allow=[name])
    assert judged.outcome == "passed"
    title = fact.replace("_", " ")
    assert judged.allowed == [f"{title} {OTHERS[fact]} → {environment_text(fact)}"]
    assert "machine" not in [notice.code for notice in judged.warnings]


def environment_text(fact: str) -> str:
    return "unknown" if HERE[fact] is None else str(HERE[fact])


@pytest.mark.parametrize("fact", OTHERS)
def test_nothing_else_is_allowed_by_it(fact: str) -> None:
    others = [name for name in allowing.ALLOWABLE if name != allowing.name_of(fact)]
    assert compared(run(**{fact: OTHERS[fact]}), run(), allow=others).outcome == "not comparable"


@pytest.mark.parametrize(
    "other",
    [
        {"environment": HERE | {"cpu": "another", "kernel": "6.18.5"}},
        {"environment": HERE | {"cores_online": 4}},
        {"environment": HERE | {"cores_allowed": 1}},
        {"tool": Tool("0.1.0", "another")},
        {"tool": Tool("0.0.9", "0123456789abcdef")},
    ],
)
def test_another_cpu_number_of_cores_or_core_is_never_allowed(other: dict[str, object]) -> None:
    base = run_of(noisy(1000), **({"environment": HERE} | other))
    comparison = compared(base, run(), allow=list(allowing.ALLOWABLE))
    assert comparison.outcome == "not comparable"
    assert {change.verdict for change in timings(comparison)} == {"inconclusive"}
    if "environment" in other:
        assert "--allow never covers c" in comparison.warnings[0].message


@pytest.mark.parametrize("word", ["cpu", "cores", "core", "cores_online", "version"])
def test_who_asks_for_it_is_answered_in_a_sentence(word: str) -> None:
    with pytest.raises(UsageError, match=f"'{word}' cannot be allowed to differ: .*another CPU"):
        allowing.parse(["kernel", word])


def test_names_come_in_lists_and_again_and_in_one_order() -> None:
    assert allowing.parse(["libc, kernel", "kernel"]) == ("kernel", "libc")
    assert allowing.parse([]) == ()
    for wrong in ("", "kernel,", "kernle"):
        with pytest.raises(UsageError, match="is nothing that can be allowed"):
            allowing.parse([wrong])
    with pytest.raises(UsageError, match="did you mean 'kernel'"):
        allowing.parse(["kernle"])


def test_every_fact_that_can_be_allowed_is_one_that_a_run_records() -> None:
    recorded = environment.describe()
    assert {fact for its in allowing.ALLOWABLE.values() for fact in its} <= recorded.keys()


def on_files(**others: Parameter) -> Run:
    cell = make_cell(parameters={"channel.kind": "file"}, scenario="cached-read")
    return make_run([make_cell(), cell], environment=HERE | others)


def test_file_systems_are_compared_where_they_are_what_differs() -> None:
    other = on_files(file_system="xfs", file_system_device="sdb1")
    assert "--allow file-system" in str(compared(other, on_files()).warnings)
    comparison = compared(other, on_files(), allow=["file-system"])
    assert [change.judged for change in timings(comparison)] == [True, True]
    assert comparison.outcome == "passed"
    assert comparison.allowed == ["file system xfs → ext4", "file system device sdb1 → sda1"]
    judgement = Judgement(0.05, (), 0.008)
    changes = judge_runs([other], on_files(), judgement, allow=["file-system"])
    assert all(change.judged for change in timings_of(changes))


def test_an_allowed_file_system_without_files_is_not_needed() -> None:
    other = run(file_system_device="sdb1")
    assert compared(other, run(), allow=["file-system"]).allowed == []


def test_what_is_allowed_and_does_not_differ_is_said_quietly() -> None:
    comparison = compared(run(kernel="6.0"), run(), allow=["kernel", "libc"])
    assert comparison.allowed == ["kernel 6.0 → 6.1.0"]
    (said,) = [n.message for n in comparison.warnings if n.code == "allowed-same"]
    assert said == "allowed to differ, but does not: libc"


def test_the_verdict_names_what_was_allowed_wherever_it_is_written() -> None:
    long = "mitigated: " + ", ".join(["spectre_v2"] * 20)
    other = replace(run(kernel="6.0", mitigations=long), created_utc="2020-01-01T00:00:00Z")
    comparison = compared(other, run(), allow=["kernel", "mitigations"])
    assert comparison.allowed == ["kernel 6.0 → 6.1.0", "mitigations"]
    assert "; kernel 6.0 → 6.1.0, mitigations allowed" in wording.headline(comparison)
    for name in ("markdown", "junit", "json"):
        shown = exports.render(exports.parse(f"{name}=-", "verdicts"), comparison)
        assert "kernel 6.0 → 6.1.0" in shown, name


def test_several_older_kernels_are_one_difference() -> None:
    bases = [run(kernel="6.0"), run(kernel="6.0"), run(kernel="5.9"), run()]
    told, idle = allowing.differing(bases, run(), ["kernel"], on_files=False)
    assert (told, idle) == (["kernel 6.0, 5.9 → 6.1.0"], [])


def test_a_loss_across_an_allowed_difference_is_a_loss() -> None:
    slow = run_of(noisy(100), environment=HERE | {"kernel": "6.18.5"})
    assert compared(run(), slow, allow=["kernel"]).outcome == "regression"
    assert compared(run(), replace(slow, environment=HERE)).outcome == "regression"
