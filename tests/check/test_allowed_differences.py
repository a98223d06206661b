"""Histories of machines that differ on purpose: which of their runs count, and for what."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from iomodels.check.history import against_baseline, baseline
from iomodels.check.history.against_baseline import Checked
from iomodels.comparison.machines import allowing
from iomodels.measure.run import bench
from iomodels.results.schema import Parameter, Run, Tool


@pytest.fixture(scope="module")
def recorded() -> Run:
    """A timer's cell and a file's, six short rounds each."""
    runs = [
        bench([scenario], engines=["blocking"], rounds=6, duration_s=0.02, warmup_s=0, seed=5,
              settings={"channel.size": ["64 KiB"]} if scenario == "cached-read" else {})
        for scenario in ("slow-device", "cached-read")
    ]  # fmt: skip
    return replace(runs[1], cells=[cell for run in runs for cell in run.cells])


def elsewhere(run: Run, day: int, **facts: Parameter) -> Run:
    """The same, recorded on a machine that differs in this."""
    return replace(
        run, created_utc=f"2026-01-{day:02}T00:00:00Z", environment={**run.environment, **facts}
    )


def check(*runs: Run, allow: tuple[str, ...] = ()) -> Checked:
    return against_baseline.check(baseline.Baseline("base", runs), allow=allow)


def warnings(checked: Checked) -> dict[str, str]:
    return {notice.code: notice.message for notice in checked.comparison.warnings}


def test_runs_of_an_older_kernel_count_if_that_is_allowed(recorded: Run) -> None:
    old = [elsewhere(recorded, day, kernel="5.4.0") for day in (1, 2)]
    runs = (*old, elsewhere(recorded, 3))
    comparable, _, _ = baseline._comparable(baseline.Baseline("base", runs))
    assert [run.created_utc[8:10] for run in comparable] == ["03"]
    comparable, _, _ = baseline._comparable(baseline.Baseline("base", runs), ("kernel",))
    assert [run.created_utc[8:10] for run in comparable] == ["01", "02", "03"]
    usual = check(*runs)
    assert usual.comparison.allowed == []
    assert "2 of the baseline's runs" in warnings(usual)["left-out"]
    assert "--allow kernel" in warnings(usual)["left-out"]
    checked = check(*runs, allow=("kernel", "libc"))
    (said,) = checked.comparison.allowed
    assert said.startswith("kernel 5.4.0 → ")
    assert "left-out" not in warnings(checked)
    assert "libc" in warnings(checked)["allowed-same"]
    assert checked.comparison.outcome != "not comparable"


@pytest.mark.parametrize("facts", [{"cpu": "another"}, {"cores_online": 64}, {"cores_allowed": 64}])
def test_another_cpu_or_number_of_cores_never_counts(
    recorded: Run, facts: dict[str, Parameter]
) -> None:
    everything = tuple(allowing.ALLOWABLE)
    checked = check(elsewhere(recorded, 1, kernel="5.4.0", **facts), allow=everything)
    assert checked.comparison.outcome == "not comparable"
    assert f"--allow never covers {next(iter(facts))}" in warnings(checked)["machine"]
    timed = [c for c in checked.comparison.changes if c.metric == "throughput_ops"]
    assert [change.verdict for change in timed] == ["inconclusive"] * 2


def test_another_core_never_counts(recorded: Run) -> None:
    other = replace(recorded, tool=Tool(recorded.tool.version, "another core"))
    checked = check(elsewhere(other, 1, kernel="5.4.0"), allow=("kernel",))
    assert checked.comparison.outcome == "not comparable"
    assert "core" in warnings(checked)


def test_cells_on_another_file_system_count_if_that_is_allowed(recorded: Run) -> None:
    other = elsewhere(recorded, 1, file_system_device="elsewhere")
    refused = check(other)
    assert refused.comparison.outcome == "not comparable"
    assert "--allow file-system" in warnings(refused)["file-system"]
    checked = check(other, allow=("file-system",))
    assert checked.comparison.outcome != "not comparable"
    assert any("elsewhere →" in said for said in checked.comparison.allowed)
    assert "file-system" not in warnings(checked)
