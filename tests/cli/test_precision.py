"""`bench --precision --budget` as a user runs it: real rounds, what is said, what is kept."""

from __future__ import annotations

import re
import signal
from collections import Counter
from importlib import import_module

import pytest
from msgspec.structs import replace

from iomodels.analysis.metrics import named
from iomodels.charts.drawing.origin import footer
from iomodels.exports import markdown
from iomodels.measure.precision import width
from iomodels.results import save
from iomodels.statistics.rounds import MIN_ROUNDS

from ..factory import make_cell, make_run, make_trial
from .running import cli, interrupting, on_terminal, start

__all__ = ["cli", "start"]
load = import_module("iomodels").load
SHORT = ("-d", "0.02", "--warmup", "0", "--seed", "7")
BUDGET_S = 50
TRIAL_S = 3
NEVER = ("-r", "2", "--precision", "0.1%", "--budget", str(BUDGET_S))
"""No cell on any machine gets there within so few trials."""
CLOCK = f"""
from iomodels.cli.start import main
from iomodels.measure import runner
class Clock:
    now_s = 0.0
    def monotonic(self):
        return self.now_s
tried = runner.Runner._attempt
def attempt(self, *asked):
    runner.time.now_s += {TRIAL_S}
    return tried(self, *asked)
runner.time, runner.Runner._attempt = Clock(), attempt
"""
"""By which each trial takes as long: how many the budget has room for is no matter of luck."""
CLOCKED = f"{CLOCK}main()\n"


def counts(run) -> dict[str, int]:
    return {cell.engine: len(cell.trials) for cell in run.cells}


def notices(run) -> list[str]:
    return [notice.message for notice in run.warnings if notice.code == "precision"]


def test_cells_that_do_not_get_there_are_named_and_the_budget_is_kept(start, tmp_path) -> None:
    asked = ("bench", "slow-device", "-e", "blocking,select", *SHORT, *NEVER, "-o", "r.json")
    with start(*asked, program=CLOCKED) as process:
        assert process.wait() == 0, process.stderr
        said, shown = " ".join(process.stderr.split()), process.stdout
    assert re.match(r"4 trials .*, about \d s, at most 50 s, seed 7 ", said)
    assert len(re.findall("further rounds of 2 cells, at most 32 s more", said)) == 1
    run = load(tmp_path / "r.json")
    assert run.settings["rounds"] == 2
    assert (run.settings["precision"], run.settings["budget_s"]) == (0.001, BUDGET_S)
    trials = [trial for cell in run.cells for trial in cell.trials]
    assert BUDGET_S - 2 * TRIAL_S < len(trials) * TRIAL_S <= BUDGET_S

    found = counts(run)
    assert found["null"] == 2
    assert found["blocking"] > MIN_ROUNDS
    assert abs(found["blocking"] - found["select"]) <= 1
    assert {cell.status for cell in run.cells} == {"ok"}
    (message,) = notices(run)
    assert message.startswith(
        f"not within ±0.1 % when the budget of {BUDGET_S} s ended: slow-device, "
    )
    for engine in ("blocking", "select"):
        width = rf"slow-device, {engine}: ±[\d.]+ % after {found[engine]} rounds"
        assert re.search(width, message), message
    assert message.split(": ")[0] in " ".join(shown.split())

    assert sorted(trial.order for trial in trials) == list(range(len(trials)))
    of_rounds = Counter(t.round for c in run.cells for t in c.trials if not c.is_harness)
    assert all(count == 2 for count in list(of_rounds.values())[:-1])
    for cell in run.cells:
        assert cell.summary is not None
        assert cell.summary.rounds == len(cell.trials)
        assert cell.summary.harness_ns_per_op is not None


@pytest.mark.parametrize(
    ("asked", "planned"), [(("-r", "7", *SHORT), 7), (("--quick", "--seed", "7"), 3)]
)
def test_rounds_end_as_soon_as_the_interval_is_narrow(cli, tmp_path, asked, planned) -> None:
    """Of fewer rounds than an interval takes none is narrow."""
    few = ("bench", "slow-device", "-e", "select", *asked)
    done = cli(*few, "--precision", "100%", "-o", "r.json")
    assert done.returncode == 0, done.stderr
    assert "without verdicts" not in done.stderr
    run = load(tmp_path / "r.json")
    assert counts(run)["null"] == planned
    assert notices(run) == []
    (values,) = (
        [trial.throughput_ops for trial in cell.trials] for cell in run.cells if not cell.is_harness
    )
    narrow = [width(named("throughput_ops"), values[:n]).share <= 1 for n in range(len(values) + 1)]
    assert narrow.index(True, planned) == len(values) >= MIN_ROUNDS
    assert ("further rounds" in done.stderr) == (len(values) > planned)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--budget", "5m"), "--budget belongs to --precision: add --precision 2%, or leave"),
        (("-m", "cpu_ns_per_op"), "--metric belongs to --precision: add --precision 2%, or"),
        (("--precision", "2%", "-m", "speed"), "there is no metric 'speed': they are throughput"),
        (("--precision", "0"), "'0' is not a share from 0.1% to 100%: write 5% or 0.05"),
        (
            ("--precision", "2%", "--budget", "2"),
            "7 rounds take about 19.6 s, and the budget is 2 s: give a larger budget, fewer",
        ),
        (("--precision", "2%", "--resume", "r.json"), "--resume continues a run as it was"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(cli, tmp_path, asked, said) -> None:
    done = cli("bench", *(() if "--resume" in asked else ("slow-device",)), *asked)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_of_the_further_rounds_loses_none_and_is_continued(
    start, tmp_path, number
) -> None:
    asked = ("bench", "slow-device", "-e", "blocking,select", *SHORT, *NEVER)
    kept = tmp_path / "r.json.partial"
    program = CLOCK + interrupting(number, after=6 + 6)
    with start(*asked, "-o", "r.json", program=program) as process:
        code, said = process.wait(), process.stderr
    before = load(tmp_path / "r.json" if number == signal.SIGINT else kept)
    assert {cell.status for cell in before.cells} == {"ok"}
    assert sum(counts(before).values()) == 6 + 6
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert "interrupted: this is what was measured until then" in said
        (message,) = notices(before)
        assert message.startswith("not within ±0.1 % when it was interrupted: ")

    with start("bench", "--resume", "r.json", program=CLOCKED) as process:
        assert process.wait() == 0, process.stderr
    after = load(tmp_path / "r.json")
    assert counts(after)["select"] > counts(before)["select"]
    assert counts(after)["null"] == 2
    (message,) = notices(after)
    assert f"when the budget of {BUDGET_S} s ended" in message
    for old, new in zip(before.cells, after.cells, strict=True):
        assert [t.started_utc for t in new.trials[: len(old.trials)]] == [
            t.started_utc for t in old.trials
        ]
        numbers = [trial.round for trial in new.trials]
        assert numbers == sorted(set(numbers))
    orders = [trial.order for cell in after.cells for trial in cell.trials]
    assert len(set(orders)) == len(orders)


def test_what_was_computed_is_not_mixed_with_another_calibration(cli, start, tmp_path) -> None:
    """Complete cells with computation stay as they are when a run is continued."""
    asked = ("bench", "slow-device", "-e", "select", *SHORT, *NEVER, "-s", "load.compute=20us")
    program = CLOCK + interrupting(signal.SIGKILL, after=4 + 3)
    with start(*asked, "-o", "r.json", program=program) as process:
        assert process.wait() == -signal.SIGKILL, process.stderr
    before = counts(load(tmp_path / "r.json.partial"))
    done = cli("bench", "--resume", "r.json")
    assert done.returncode == 0, done.stderr
    assert counts(load(tmp_path / "r.json")) == before


def test_what_is_complete_is_not_continued(cli, start, tmp_path) -> None:
    asked = ("bench", "slow-device", "-e", "select", *SHORT, *NEVER, "-o", "r.json")
    with start(*asked, program=CLOCKED) as process:
        assert process.wait() == 0, process.stderr
    assert notices(load(tmp_path / "r.json"))
    run = load(tmp_path / "r.json")
    narrow = replace(run, warnings=[n for n in run.warnings if n.code != "precision"])
    save.save(narrow, tmp_path / "r.json", force=True)
    done = cli("bench", "--resume", "r.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is complete: there is nothing to continue" in done.stderr


def test_every_reader_has_the_rounds_of_each_cell(cli, tmp_path) -> None:
    cells = [
        make_cell(engine, [make_trial(number) for number in range(rounds)])
        for engine, rounds in (("blocking", 60), ("select", 7), ("null", 7))
    ]
    asked = {"precision": 0.001, "budget_s": 3, "metrics": "latency_p50_ns"}
    run = replace(make_run(cells), settings={**make_run().settings, **asked})
    save.save(run, tmp_path / "r.json", force=False)
    assert cli("report", "r.json", "-o", "p.html").returncode == 0
    page = (tmp_path / "p.html").read_text()
    assert "7 to 60 rounds of 0.3 s each" in page.replace("\n", " ")
    assert "The first 7 measure all of them, further ones those" in page
    command = "--precision 0.001 --budget 3 --metric latency_p50_ns"
    assert command in page.replace("\n", " ")
    assert "7 to 60 rounds of 300 ms" in " · ".join(footer(run, "slow-device", ""))
    assert "7 to 60 rounds" in markdown.of_run(run)
    assert "7 to 60 rounds" in repr(load(tmp_path / "r.json"))


def test_a_terminal_shows_the_further_rounds(tmp_path) -> None:
    shown = on_terminal(
        ["bench", "slow-device", "-e", "select", *SHORT, *NEVER],
        tmp_path,
        program=CLOCKED,
        COLUMNS="100",
    )
    assert "at most 50 s" in shown
    assert re.search(r"round 1/2: slow-device", shown)
    assert re.search(r"round 3, 1 cell left: slow-device · select", shown)
