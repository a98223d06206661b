"""`advise` as a user meets it: a small real run, results that are judged as they are, mistakes."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from iomodels.advice import stored
from iomodels.results import save

from ..advice_samples import INCONCLUSIVE, advice, point
from ..factory import make_cell, make_run, make_trial
from .running import ESCAPE, cli, on_terminal, start

__all__ = ["cli", "start"]

TINY = ("-d", "0.02", "--budget", "5", "--seed", "1")


def rounds(ops: float, count: int = 12):
    """Rounds that differ by 1 % at the most, each at its own moment of the machine."""
    speeds = [1 + 0.01 * (n % 3) for n in range(count)]
    return [make_trial(n, throughput_ops=ops * speed) for n, speed in enumerate(speeds)]


def a_run(**ops: float):
    parameters = {"channel.service": 100_000, "load.depth": 1}
    return make_run(
        [make_cell(e, rounds(value), parameters=parameters) for e, value in ops.items()],
        environment={"kernel": "6.18.0", "cores_allowed": 2, "hypervisor": "KVM"},
        titles={"slow-device": "A slow device"},
    )


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    save.save(a_run(blocking=10_000.0, select=11_000.0, epoll=20_000.0), path, force=False)
    return path


def test_a_tiny_run_from_the_scenario_to_the_page(cli, tmp_path):
    done = cli("advise", "slow-device", "-e", "blocking,nonblocking", "--today", "blocking", *TINY)
    assert done.returncode in (0, 4), done.stderr
    (saved,) = (tmp_path / "results").iterdir()
    assert re.fullmatch(r"advice-\d{8}T\d{6}Z\.json", saved.name)
    assert f"answer: results/{saved.name}" in done.stderr
    answer = stored.load(saved)
    (about,) = answer.points
    assert {candidate.engine for candidate in about.candidates} == {"blocking", "nonblocking"}
    assert (about.today, answer.seed, answer.goal) == ("blocking", 1, "throughput")
    assert (about.use is None) == (done.returncode == 4)
    assert "slow-device (for throughput)" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout
    shown = cli("report", f"results/{saved.name}")
    assert shown.returncode == 0, shown.stderr
    assert "The candidates" in saved.with_suffix(".html").read_text()


def test_a_result_is_judged_as_it_is(cli, tmp_path, result):
    done = cli("advise", "run.json", "--today", "select", "-o", "advice.json")
    assert done.returncode == 0, done.stderr
    assert "use       epoll\n" in done.stdout
    assert "gain      82 % more throughput" in done.stdout
    assert "than select, which you use now" in " ".join(done.stdout.split())
    assert "no round was measured for this answer" in " ".join(done.stdout.split())
    assert stored.load(tmp_path / "advice.json").points[0].use == "epoll"
    assert "page: iomodels report advice.json" in done.stderr
    assert "iomodels chart" not in done.stderr, "there is no turning point that it could draw"
    only = cli("advise", "run.json", "-e", "blocking,select", "--json")
    assert json.loads(only.stdout)["points"][0]["use"] == "select"
    over = cli("advise", "run.json", "-e", "epoll", "--today", "select", "--json")
    (point,) = json.loads(over.stdout)["points"]
    assert {each["engine"] for each in point["candidates"]} == {"epoll", "select"}


def test_json_is_alone_on_standard_output_and_writes_no_file(cli, tmp_path, result):
    done = cli("advise", "run.json", "--json")
    assert json.loads(done.stdout)["schema"] == "iomodels.advice/1"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_what_is_alike_has_no_winner_and_the_simpler_one_is_used(cli, tmp_path):
    path = tmp_path / "alike.json"
    save.save(a_run(blocking=10_000.0, select=10_010.0, epoll=10_005.0), path, force=False)
    done = cli("advise", "alike.json", "--json")
    (about,) = json.loads(done.stdout)["points"]
    assert about["use"] == "blocking"
    assert set(about["as_good"]) == {"blocking", "select", "epoll"}
    assert about["gain"] is None or not about["gain"]["is_shown"]


@pytest.mark.parametrize("select", [10_000.0, 11_000.0])
def test_two_rounds_are_inconclusive(cli, tmp_path, select):
    few = a_run(blocking=10_000.0, select=select)
    cells = [replace(cell, trials=cell.trials[:2]) for cell in few.cells]
    save.save(replace(few, cells=cells), tmp_path / "few.json", force=False)
    done = cli("advise", "few.json")
    assert done.returncode == 4, done.stdout
    assert "use       inconclusive: " in done.stdout


def test_a_result_in_which_all_exceed_a_limit_does_not_need_rounds(cli, result):
    done = cli("advise", "run.json", "--limit", "p50=1ns")
    assert done.returncode == 4, done.stderr
    said = " ".join(done.stdout.split())
    assert "is beyond a limit: give a wider --limit" in said
    assert "more rounds" not in said
    assert "too few" not in said


def test_engines_are_bold_on_a_terminal(tmp_path, result):
    written = on_terminal(["advise", "run.json"], tmp_path)
    assert "\x1b[1mepoll\x1b[0m" in written
    assert "`" not in ESCAPE.sub("", written)


@pytest.mark.parametrize(
    ("until", "has_answer"), [("warning|trial|round|cell", False), ("where the answer turns", True)]
)
def test_ctrl_c_keeps_what_is_known(start, tmp_path, until, has_answer):
    arguments = ("advise", "slow-device", "-e", "epoll", "-d", "0.2", "--budget", "60")
    with start(*arguments, "--turn", "load.depth", "-o", "a.json") as process:
        process.wait_until(lambda: re.search(until, process.stderr))
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130, process.stderr
        shown, rest = process.stdout, process.stderr
    assert "Traceback" not in rest
    if has_answer:
        assert "use       epoll\n" in shown
        assert stored.load(tmp_path / "a.json").points[0].use == "epoll"
    else:
        assert "there is no answer" in rest
        assert list(tmp_path.iterdir()) == []


def test_it_is_not_written_over_a_file(cli, tmp_path, result):
    (tmp_path / "mine.json").write_text("mine")
    refused = cli("advise", "run.json", "-o", "mine.json")
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert cli("advise", "run.json", "-o", "mine.json", "--force").returncode == 0
    itself = cli("advise", "run.json", "-o", "run.json", "--force")
    assert itself.returncode == 2
    assert "is an input" in itself.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing argument"),
        (("no-such",), "there is no scenario 'no-such'"),
        (("no.json",), "no.json does not exist"),
        (("no.toml",), "no.toml"),
        (("run.json", "slow-device"), "a result is judged alone"),
        (("run.json", "-d", "1"), "-d is for measuring"),
        (("run.json", "--turn", "load.depth"), "--turn is for measuring"),
        (("run.json", "-e", "aio"), "none of the engines that -e names"),
        (("slow-device", "--limit", "cpu=much"), "cpu=1"),
        (("slow-device", "--limit", "speed=1"), "there is no limit of that name"),
        (("slow-device", "--today", "no"), "unknown engine 'no'"),
        (("slow-device", "--turn", "load.verify"), "it must be one of load.depth"),
        (("slow-device", "--for", "fame"), "--for"),
        (("slow-device", "--python", "-e", "io_uring"), "leave one out"),
        (("run.json", "--python"), "no engine in Python"),
    ],
)
def test_a_mistake_gets_one_sentence(cli, result, arguments, said):
    done = cli("advise", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_an_answer_is_drawn_and_told_apart_from_a_result(cli, tmp_path):
    stored.save(advice(), tmp_path / "advice.json", force=False)
    drawn = cli("chart", "advice.json", "--format", "svg")
    assert drawn.stdout == "advice/many-descriptors-turning.svg\n", drawn.stderr
    alone = cli("chart", "advice.json", "--matrix")
    assert alone.returncode == 2
    again = cli("advise", "advice.json")
    assert again.returncode == 2
    assert "iomodels.advice/1" in again.stderr
    stored.save(advice(point(**INCONCLUSIVE, turnings=())), tmp_path / "none.json", force=False)
    nothing = cli("chart", "none.json")
    assert nothing.returncode == 3
    assert "there is no turning point" in nothing.stderr
