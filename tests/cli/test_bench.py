"""`bench` as a user meets it: what it measures, says and saves, interrupted or not."""

from __future__ import annotations

import json
import re
import shlex
import signal
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from iomodels.cli.show.ending import verdicts

from .running import QUICK, cli, start, trials_in

__all__ = ["cli", "start"]


def test_bench_measures_saves_and_shows(cli, tmp_path):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-e", "select")
    assert done.returncode == 0, done.stderr
    (saved,) = (tmp_path / "results").iterdir()
    assert re.fullmatch(r"slow-device-\d{8}T\d{6}Z\.json", saved.name)
    assert f"results/{saved.name}" in done.stderr.splitlines()[-1]
    assert re.search(r"^blocking +\d", done.stdout, re.MULTILINE)
    assert re.search(r"^select +\d", done.stdout, re.MULTILINE)
    assert re.search(r"^harness: .* per operation", done.stdout, re.MULTILINE)
    run = import_module("iomodels").load(saved)
    assert {cell.engine for cell in run.cells} == {"blocking", "select", "null"}
    assert run.settings["rounds"] == 1


def test_bench_json_is_alone_on_standard_output_and_writes_no_file(cli, tmp_path):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"].startswith("iomodels.run/")
    assert list(tmp_path.iterdir()) == []


def test_bench_json_and_output_are_the_same(cli, tmp_path):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "--json", "-o", "run.json")
    assert done.stdout == (tmp_path / "run.json").read_text()


def test_bench_measures_requests_of_several_sizes_and_its_result_says_so(cli, tmp_path):
    sizes = "load.block=64KiB/1:4KiB/3,4KiB"
    done = cli("bench", "cached-read", *QUICK, "-e", "blocking", "-s", sizes, "-o", "run.json")
    assert done.returncode == 0, done.stderr
    assert "block 4 KiB/75:64 KiB/25" in done.stdout
    run = import_module("iomodels").load(tmp_path / "run.json")
    mixed, fixed = (cell for cell in run.cells if cell.engine == "blocking")
    assert mixed.parameters["load.block"] == "4 KiB/75:64 KiB/25"
    assert fixed.parameters["load.block"] == 4096
    (trial,) = mixed.trials
    mean = trial.throughput_bytes / trial.throughput_ops
    assert abs(mean / (0.75 * 4096 + 0.25 * 65536) - 1) < 0.1
    rows = run.to_rows()
    assert {row["load.block"] for row in rows} == {"4 KiB/75:64 KiB/25", "4096"}


def test_bench_overwrites_only_with_force(cli, tmp_path):
    kept = tmp_path / "run.json"
    kept.write_text("mine")
    arguments = ("bench", "slow-device", *QUICK, "-e", "blocking", "-o", "run.json")
    refused = cli(*arguments)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert kept.read_text() == "mine"
    assert cli(*arguments, "--force").returncode == 0
    assert json.loads(kept.read_text())["cells"]


def test_the_commands_that_it_prints_work_as_they_are_printed(cli, tmp_path):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking,select", "-o", "lec 1.json")
    of_suites = [line for lines in verdicts.COMMANDS.values() for line in lines]
    printed = [*done.stderr.splitlines()[-2:], *of_suites]
    commands = [line.partition(": ")[2].format(path="'lec 1.json'") for line in printed]
    assert len(commands) == 2 + len(of_suites) >= 4
    for command in commands:
        name, *arguments = shlex.split(command)
        assert name == "iomodels"
        shown = cli(*arguments)
        assert shown.returncode == 0, (command, shown.stderr)
        assert all(
            (tmp_path / path).is_file() for path in shown.stdout.splitlines() if "png" in path
        )
    assert (tmp_path / "lec 1" / "slow-device-matrix.png").is_file()
    assert (tmp_path / "lec 1.html").is_file()


def test_bench_in_a_pipe_says_one_line_before_it_measures(cli):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-o", "run.json")
    lines = [x for x in done.stderr.splitlines() if not x.startswith(("warning:", "  "))]
    assert re.fullmatch(
        r"1 trial \(1 cell × 1 round\) \+ 1 of the harness, about \d+ s, seed \d+",
        lines[0],
    )
    shown = [
        "result: run.json",
        "pictures: iomodels chart run.json",
        "page: iomodels report run.json",
    ]
    assert lines[-3:] == shown
    assert "\r" not in done.stderr


def test_the_null_engine_by_itself_measures_the_harness(cli):
    done = cli("bench", "slow-devices", *QUICK, "-e", "null", "-o", "null.json")
    assert done.returncode == 0, done.stderr
    assert "3 trials (3 cells × 1 round), about" in done.stderr
    for depth in (1, 4, 16):
        assert re.search(
            rf"^harness: [\d.]+ (ns|µs) per operation \(depth {depth}\)$", done.stdout, re.M
        )


def test_beside_engines_that_cannot_run_the_harness_is_not_measured_and_not_interrupted(cli):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-s", "load.depth=4")
    assert done.returncode == 3
    assert "interrupted" not in done.stderr
    assert "more)" not in done.stderr


def test_set_with_a_list_makes_a_sweep(cli):
    done = cli(
        "bench", "slow-device", *QUICK, "-e", "nonblocking", "-s", "load.depth=1,4", "--json"
    )
    depths = [c["parameters"]["load.depth"] for c in json.loads(done.stdout)["cells"]]
    assert set(depths) == {1, 4}


def test_scenarios_of_a_suite_that_lack_a_key_are_named_once(cli):
    done = cli("bench", *QUICK, "-e", "aio", "-s", "load.block=4KiB,64KiB", "--json")
    assert done.returncode == 0, done.stderr
    assert "no load.block in slow-device, slow-devices: measured as they are\n" in done.stderr
    alone = cli("bench", "cached-read", *QUICK, "-e", "aio", "-s", "load.block=64KiB", "--json")
    assert "load.block" not in alone.stderr


def test_an_engine_that_cannot_is_named_with_the_reason(cli):
    done = cli(
        "bench", "slow-device", *QUICK, "-e", "blocking", "-e", "aio", "-s", "load.depth=4",
        "-o", "run.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^blocking\* +n/a", done.stdout, re.MULTILINE)
    assert "* n/a: blocking supports one request in flight" in done.stdout


def test_nothing_measurable_is_exit_3(cli):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-s", "load.depth=4")
    assert done.returncode == 3, done.stdout
    assert done.stderr.splitlines()[-1].startswith("iomodels: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("iomodels: nothing was measured; blocking: ")
    assert done.stderr.count("supports one request in flight") == 1


def test_quick_says_that_it_gives_no_verdict(cli):
    done = cli("bench", "slow-device", "--quick", "-e", "blocking", "-o", "run.json")
    assert done.stderr.startswith("quick: 3 short rounds")
    assert "no verdict" in done.stdout.replace("\n", " ")


def test_quick_yields_to_what_is_said_outright(cli):
    done = cli("bench", "slow-device", "--quick", *QUICK, "-e", "blocking", "--json")
    settings = json.loads(done.stdout)["settings"]
    assert (settings["rounds"], settings["duration_s"], settings["warmup_s"]) == (1, 0.01, 0)


def test_the_same_seed_gives_the_same_order(cli):
    def order() -> list[tuple[str, int, int]]:
        engines = ("-e", "blocking,nonblocking,select,poll,epoll")
        done = cli("bench", "slow-device", *engines, *QUICK, "-r", "2", "--seed", "7", "--json")
        assert done.returncode == 0, done.stderr
        return [
            (cell["engine"], trial["round"], trial["order"])
            for cell in json.loads(done.stdout)["cells"]
            for trial in cell["trials"]
        ]

    assert order() == order()


def test_interrupted_saves_what_there_is(start, tmp_path):
    rounds = ("-r", "1000", "-d", "0.02", "--warmup", "0")
    with start("bench", "slow-device", *rounds, "-o", "r.json") as process:
        # Until two trials are kept: one may be the harness's, which alone is no result.
        process.wait_until(lambda: trials_in(tmp_path / "r.json.partial") >= 2)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130, process.stderr
        shown, said = process.stdout, process.stderr
    assert "Traceback" not in said
    assert "r.json" in said.splitlines()[-1]
    assert re.search(r"partial: interrupted after \d+ of 1000 rounds", shown)
    run = import_module("iomodels").load(tmp_path / "r.json")
    assert {cell.status for cell in run.cells} == {"partial"}
    assert any(cell.trials for cell in run.cells)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_default_output_is_a_slug(cli):
    folders = import_module("iomodels.cli.shared.folders")
    path = folders.default_output(
        ["../../etc/pass wd\x1b.toml", "b"], datetime(2025, 1, 2, tzinfo=UTC)
    )
    assert path.parent == Path("results")
    assert re.fullmatch(r"[A-Za-z0-9._-]+-20250102T000000Z\.json", path.name)


def test_a_scenario_named_twice_is_in_the_name_once():
    folders = import_module("iomodels.cli.shared.folders")
    path = folders.default_output(["echo", "cancel", "echo"], datetime(2025, 1, 2, tzinfo=UTC))
    assert path.name == "echo-cancel-20250102T000000Z.json"
