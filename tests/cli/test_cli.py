"""The command line as a user meets it: real processes, exit codes, what is on which stream."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from ..fresh import run_iomodels

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7]|38;[0-9;]+)m")
QUICK = ("-r", "1", "-d", "0.01", "--warmup", "0")

main = import_module("iomodels.cli.main")


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "iomodels", *arguments]


def environment(**extra: str) -> dict[str, str]:
    names = ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    return {k: v for k, v in os.environ.items() if k not in names} | extra


@pytest.fixture
def cli(tmp_path):
    """Runs `iomodels` in an empty folder, its streams no terminals."""

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return run_iomodels(*arguments, cwd=tmp_path, env=environment(**extra))

    return run


def on_terminal(arguments: list[str], folder: Path, **extra: str) -> str:
    """What `iomodels` writes when standard output and error are a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command_line(*arguments),
        cwd=folder,
        env=environment(TERM="xterm-256color", **extra),
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # EIO: the process has closed its end
                break
            if not data:
                break
            written += data
    os.close(leader)
    assert process.returncode == 0, written
    return written.decode()


# What is always there


def test_version(cli):
    done = cli("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"iomodels, version \d+\.\d+\.\d+\n", done.stdout)


def test_help_names_every_command(cli):
    done = cli("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name, short in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(short)}$", done.stdout, re.MULTILINE)


def test_no_command_shows_the_help_as_a_mistake(cli):
    done = cli()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_a_help_text(cli, name):
    done = cli(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: iomodels {name}")
    assert max(map(len, done.stdout.splitlines())) <= 80
    # The listed short help is a copy, so that listing need not import the command.
    assert main.COMMANDS[name] in " ".join(done.stdout.split())


def test_every_option_has_a_help_text():
    for name in main.COMMANDS:
        command = import_module(f"iomodels.cli.{name}").command
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.name}"


def test_every_command_module_is_listed():
    folder = Path(main.__file__).parent
    found = {
        path.stem
        for path in folder.glob("*.py")
        if hasattr(import_module(f"iomodels.cli.{path.stem}"), "command")
    }
    assert found == set(main.COMMANDS)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_quick_answers_import_nothing_heavy(option):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "iomodels", option],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    heavy = {"numpy", "rich", "msgspec", "matplotlib", "importlib.metadata", "asyncio"}
    assert not imported & heavy
    assert not any(name.startswith("iomodels._core") for name in imported)


# A user's mistake is one sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["benhc"], "did you mean 'bench'?"),
        (["frobnicate"], "the commands are bench"),
        (["--colour"], "--colour"),
        (["bench", "--ronds", "3"], "--rounds"),
        (["bench", "slow-devise"], "did you mean 'slow-device'?"),
        (["bench", "-e", "blokcing"], "did you mean 'blocking'?"),
        (["bench", "-e", "aio:notify=pol"], "did you mean 'poll'?"),
        (["bench", "-e", "aio:frob=1"], "has no option 'frob'"),
        (["bench", "-e", "aio:notify"], "notify needs a value: notify=suspend|poll|list|"),
        (["bench", "-e", "aio:threads"], "threads needs a value: threads=0 to 1024"),
        (["bench", "-e", "aio:notfy"], "(did you mean 'notify'?)"),
        (["bench", "-e", ""], "unknown engine"),
        (["bench", "-s", "load.dept=4"], "did you mean"),
        (["bench", "-s", "load.depth"], "KEY=VALUE"),
        (["bench", "-s", "load.depth="], "KEY=VALUE"),
        (["bench", "-s", "=4"], "KEY=VALUE"),
        (["bench", "-s", "load.depth=1,,4"], "KEY=VALUE"),
        (["bench", "-s", "load.depth=1", "-s", "load.depth=4"], "twice"),
        (["bench", "-s", "load.depth=many"], "load.depth"),
        (["bench", "--quick", "-s", "load.depth=many"], "load.depth"),
        (["bench", "-s", "channel.folder=/nope"], "is /nope, where no file can be made (No such"),
        (["bench", "cached-read", "-s", "channel.folder=/dev/null"], "/dev/null"),
        (["bench", "-r", "0"], "1<=x<=1000"),
        (["bench", "-r", "1001"], "1<=x<=1000"),
        (["bench", "-r", "two"], "two"),
        (["bench", "-d", "0"], "0.001<=x<=3600"),
        (["bench", "-d", "3601"], "0.001<=x<=3600"),
        (["bench", "-d", "nan"], "nan"),
        (["bench", "-d", "inf"], "inf"),
        (["bench", "--warmup", "-1"], "0<=x<=3600"),
        (["bench", "--seed", "-1"], "0<=x"),
        (["bench", "-o", "missing/run.json", "slow-device"], "missing"),
        (["scenarios", "slow-devise"], "did you mean 'slow-device'?"),
        (["engines", "extra"], "extra"),
        (["doctor", "--folder", "/nope"], "the folder /nope does not exist"),
        (["doctor", "--folder", "/dev/null"], "the folder /dev/null is not a folder"),
        (["bench", "evil\x1b[31m\u202e\nname"], r"evil\x1b[31m\u202e"),
    ],
    ids=lambda value: (
        " ".join(value).encode("unicode_escape").decode() if isinstance(value, list) else ""
    ),
)
def test_a_mistake_is_one_sentence_and_exit_2(cli, tmp_path, arguments, said):
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.startswith("iomodels: ")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# Streams


def test_a_reader_that_goes_away_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command_line("engines"), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (main.EXIT_BROKEN_PIPE, "")


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["doctor", "--json"], ["engines"], ["--help"], ["--version"]]
)
def test_an_output_that_is_full_is_one_sentence_and_exit_2(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command_line(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (
        2,
        "iomodels: standard output cannot be written (No space left on device): send it "
        "elsewhere\n",
    )


@pytest.mark.parametrize("shown", [[], ["--json"]])
@pytest.mark.parametrize("reader", ["full", "gone"])
def test_the_result_is_saved_and_named_where_the_table_cannot_be_written(tmp_path, reader, shown):
    arguments = ["bench", "slow-device", *QUICK, "-e", "blocking", "-o", "run.json", *shown]
    if reader == "full":
        output = os.open("/dev/full", os.O_WRONLY)
    else:
        ours, output = os.pipe()
        os.close(ours)
    done = subprocess.run(
        command_line(*arguments),
        cwd=tmp_path,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(output)
    assert import_module("iomodels").load(tmp_path / "run.json").cells
    said = [x for x in done.stderr.splitlines() if not x.startswith(("warning:", "  "))]
    assert "result: run.json" in said
    complaints = [line for line in said if line.startswith("iomodels: ")]
    assert len(complaints) == (reader == "full")
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if reader == "full" else main.EXIT_BROKEN_PIPE)


def test_nothing_to_complain_on_either_is_exit_2_still():
    with open("/dev/full", "w") as full:
        done = subprocess.run(command_line("doctor"), stdout=full, stderr=full, timeout=60)
    assert done.returncode == 2


@pytest.mark.parametrize("arguments", [["engines"], ["scenarios"], ["scenarios", "slow-device"]])
def test_a_pipe_gets_plain_text_of_80_columns(cli, arguments):
    done = cli(*arguments, FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_colour_only_on_a_terminal_and_not_with_no_color(tmp_path):
    arguments = ["bench", "slow-device", *QUICK, "-e", "blocking"]
    assert ESCAPE.search(on_terminal(arguments, tmp_path))
    assert COLOUR.search(on_terminal([*arguments, "-o", "a.json"], tmp_path))
    assert not COLOUR.search(on_terminal([*arguments, "-o", "b.json"], tmp_path, NO_COLOR="1"))


def test_an_ascii_terminal_is_no_error():
    """In a process of its own from the start: Python reads these when it begins."""
    done = subprocess.run(
        command_line("scenarios", "slow-device"),
        env=environment(PYTHONIOENCODING="ascii", LC_ALL="C"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "100 ?s" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


# engines and scenarios


def test_engines_draws_the_matrix_and_describes_every_engine(cli):
    engines = import_module("iomodels.engines.spec")
    done = cli("engines")
    rows = done.stdout.split("Synchronous")[1].split("Asynchronous")
    assert "blocking" in rows[0].splitlines()[0]
    assert "nonblocking" in rows[0].splitlines()[0]
    assert "select" in rows[1].splitlines()[0]
    assert "aio" in rows[1].splitlines()[0]
    for descriptor in engines.DESCRIPTORS.values():
        assert f"\n{descriptor.name}: " in done.stdout
        for option in descriptor.options:
            assert f"  {option.name}: " in done.stdout


def test_engines_json_has_what_the_core_says(cli):
    core = import_module("iomodels._core")
    data = json.loads(cli("engines", "--json").stdout)
    assert [engine["name"] for engine in data] == list(core.engines())
    for engine in data:
        assert engine["caps"] == core.engine(engine["name"], {})["caps"]
        assert engine["summary"] == core.engines()[engine["name"]]["summary"]


def test_engines_says_what_is_not_available_and_why(cli):
    data = {e["name"]: e for e in json.loads(cli("engines", "--json").stdout)}
    reasons = data["blocking"]["unavailable"]
    assert any("slow-devices" in line and "one transfer at a time" in line for line in reasons)
    assert data["aio"]["unavailable"] == []


def test_engines_says_at_which_points_a_scenario_runs_all_the_same(cli):
    shown = cli("engines", COLUMNS="200").stdout
    blocking = shown.split("\nblocking: ")[1].split("\nnonblocking: ")[0]
    assert "only at depth 1: slow-devices: " in blocking
    assert "n/a: slow-devices" not in blocking
    assert "n/a: many-descriptors: " in blocking


def test_scenarios_lists_all_with_their_questions(cli):
    scenario = import_module("iomodels.workload.scenario")
    shown = " ".join(cli("scenarios").stdout.split())
    for name in scenario.shipped():
        assert name in shown
        assert " ".join(scenario.load(name).question.split()) in shown
    for name in scenario.suites():
        assert name in shown


def test_scenarios_json_lists_all(cli):
    scenario = import_module("iomodels.workload.scenario")
    data = json.loads(cli("scenarios", "--json").stdout)
    assert {entry["name"] for entry in data["scenarios"]} == set(scenario.shipped())
    assert {entry["name"] for entry in data["suites"]} == set(scenario.suites())


def test_one_scenario_shows_its_keys_and_points(cli):
    done = cli("scenarios", "slow-devices")
    assert re.search(r"channel\.service +100 µs", done.stdout)
    for depth in (1, 4, 16):
        assert f"depth {depth}\n" in done.stdout
    data = json.loads(cli("scenarios", "slow-devices", "--json").stdout)
    assert [point["load.depth"] for point in data["points"]] == [1, 4, 16]


# bench


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


def test_bench_in_a_pipe_says_one_line_before_it_measures(cli):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-o", "run.json")
    lines = [x for x in done.stderr.splitlines() if not x.startswith(("warning:", "  "))]
    assert re.fullmatch(r"2 trials \(2 cells × 1 round\), about \d+ s, seed \d+", lines[0])
    assert "\r" not in done.stderr


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
    assert "* n/a: blocking does one transfer at a time" in done.stdout


def test_nothing_measurable_is_exit_3(cli):
    done = cli("bench", "slow-device", *QUICK, "-e", "blocking", "-s", "load.depth=4")
    assert done.returncode == 3, done.stdout
    assert done.stderr.splitlines()[-1].startswith("iomodels: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("nothing to run\n")
    assert "trials" not in done.stderr


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
        done = cli("bench", "slow-device", *QUICK, "-r", "3", "--seed", "7", "--json")
        return [
            (cell["engine"], trial["round"], trial["order"])
            for cell in json.loads(done.stdout)["cells"]
            for trial in cell["trials"]
        ]

    assert order() == order()


def test_interrupted_saves_what_there_is(tmp_path):
    rounds = ("-r", "1000", "-d", "0.02", "--warmup", "0")
    arguments = ["bench", "slow-device", *rounds, "-o", "r.json"]
    with subprocess.Popen(
        command_line(*arguments),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            # Until two trials are kept: one may be the harness's, which alone is no result.
            while kept_trials(tmp_path / "r.json.partial") < 2:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            shown, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "r.json" in said.splitlines()[-1]
    assert re.search(r"partial: interrupted after \d+ of 1000 rounds", shown)
    run = import_module("iomodels").load(tmp_path / "r.json")
    assert {cell.status for cell in run.cells} == {"partial"}
    assert any(cell.trials for cell in run.cells)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def kept_trials(path: Path) -> int:
    try:
        return path.read_text().count('"order":')
    except FileNotFoundError:
        return 0


def test_a_terminal_gets_a_bar_that_is_taken_away(tmp_path):
    arguments = ["bench", "slow-device", "-r", "2", "-d", "0.3", "--warmup", "0", "-e", "blocking"]
    written = on_terminal([*arguments, "-o", "run.json"], tmp_path)
    assert re.search(r"1/2 slow-device · blocking", written)
    assert re.search(r"[\d.]+k/s", written)
    # rich takes the bar's line away before anything else is written.
    after_bar = written[written.rindex("slow-device · ") :]
    assert "\x1b[2K" in after_bar[: after_bar.index("ops/s")]


def test_a_terminal_gets_each_warning_once(tmp_path):
    """Those of the moment before the run, then those that its numbers show, below the table."""
    few = ("-r", "2", "-d", "0.001", "--warmup", "0", "-e", "blocking", "-o", "run.json")
    written = on_terminal(["bench", "slow-device", *few], tmp_path)
    plain = " ".join(ESCAPE.sub("", written).split())
    below = plain[plain.index("ops/s") :]
    assert "just now" not in below
    run = import_module("iomodels").load(tmp_path / "run.json")
    assert "few-operations" in {notice.code for notice in run.warnings}
    for notice in run.warnings:
        assert plain.count(" ".join(notice.message.split())) == 1, notice


def test_making_a_large_data_file_is_told(cli, tmp_path):
    """On a terminal of any size, since it stands where the trials do; in a pipe once per size."""
    writers = ["bench", "random-write", *QUICK, "-e", "blocking", "-s", "load.pattern=sequential"]
    piped = cli(*writers, "-r", "2", "-s", "channel.size=256MiB", "--json")
    assert piped.stderr.count("making a data file of 256 MiB\n") == 1
    small = ["-s", "channel.size=1MiB"]
    assert "making" not in cli(*writers, *small, "--json").stderr
    written = on_terminal([*writers, *small, "-o", "run.json"], tmp_path)
    assert "making a data file of 1 MiB" in written


def test_default_output_is_a_slug(cli):
    bench = import_module("iomodels.cli.bench")
    path = bench.default_output(
        ["../../etc/pass wd\x1b.toml", "b"], datetime(2025, 1, 2, tzinfo=UTC)
    )
    assert path.parent == Path("results")
    assert re.fullmatch(r"[A-Za-z0-9._-]+-20250102T000000Z\.json", path.name)


def test_a_scenario_named_twice_is_in_the_name_once():
    bench = import_module("iomodels.cli.bench")
    path = bench.default_output(["echo", "cancel", "echo"], datetime(2025, 1, 2, tzinfo=UTC))
    assert path.name == "echo-cancel-20250102T000000Z.json"
