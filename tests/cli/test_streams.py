"""What is on which stream: full ones, those without a reader, pipes and terminals."""

from __future__ import annotations

import os
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from iomodels.base import plain

from .running import COLOUR, ESCAPE, QUICK, cli, command_line, environment, on_terminal, start

__all__ = ["cli", "start"]
main = import_module("iomodels.cli.main")


@pytest.fixture
def full():
    """A stream on which nothing can be written."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def gone():
    """A stream that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_reader_that_goes_away_is_no_error(start, gone):
    with start("engines", streams=(None, gone, None)) as process:
        assert (process.wait(), process.stderr) == (main.EXIT_BROKEN_PIPE, "")


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["doctor", "--json"], ["engines"], ["--help"], ["--version"]]
)
def test_an_output_that_is_full_is_one_sentence_and_exit_5(start, full, arguments):
    with start(*arguments, streams=(None, full, None)) as process:
        assert (process.wait(), process.stderr) == (
            5,
            "iomodels: standard output cannot be written (No space left on device): send it "
            "elsewhere\n",
        )


@pytest.mark.parametrize("shown", [[], ["--json"]])
@pytest.mark.parametrize("reader", ["full", "gone"])
def test_the_result_is_saved_and_named_where_the_table_cannot_be_written(
    start, request, tmp_path, reader, shown
):
    arguments = ["bench", "slow-device", *QUICK, "-e", "blocking", "-o", "run.json", *shown]
    output = request.getfixturevalue(reader)
    with start(*arguments, streams=(None, output, None)) as process:
        code, written = process.wait(), process.stderr
    assert import_module("iomodels").load(tmp_path / "run.json").cells
    said = [x for x in written.splitlines() if not x.startswith(("warning:", "  "))]
    assert "result: run.json" in said
    complaints = [line for line in said if line.startswith("iomodels: ")]
    assert len(complaints) == (reader == "full")
    assert "Traceback" not in written
    assert code == (5 if reader == "full" else main.EXIT_BROKEN_PIPE)


def test_nothing_to_complain_on_either_is_exit_5_still(start, full):
    with start("doctor", streams=(None, full, full)) as process:
        assert process.wait() == 5


@pytest.mark.parametrize("arguments", [["engines"], ["scenarios"], ["scenarios", "slow-device"]])
def test_a_pipe_gets_plain_text_of_80_columns(cli, arguments):
    done = cli(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_colour_only_on_a_terminal_and_not_with_no_color(tmp_path):
    arguments = ["bench", "slow-device", *QUICK, "-e", "blocking"]
    assert ESCAPE.search(on_terminal(arguments, tmp_path))
    assert COLOUR.search(on_terminal([*arguments, "-o", "a.json"], tmp_path))
    assert not COLOUR.search(on_terminal([*arguments, "-o", "b.json"], tmp_path, NO_COLOR="1"))


@pytest.mark.parametrize(
    ("words", "variables", "coloured"),
    [
        (["engines"], {}, False),
        (["engines"], {"FORCE_COLOR": "1"}, True),
        (["engines"], {"FORCE_COLOR": ""}, False),
        (["engines"], {"FORCE_COLOR": "0"}, False),
        (["engines"], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color=always", "engines"], {"NO_COLOR": "1"}, True),
        (["engines", "--color", "always"], {}, True),
        (["engines", "--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "auto", "engines"], {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_as_asked_for(cli, words, variables, coloured):
    done = cli(*words, **variables)
    assert done.returncode == 0, done.stderr
    assert bool(ESCAPE.search(done.stdout)) == coloured
    assert not re.search(r"\x1b\[\?25l|\r", done.stdout), "nothing moves in a pipe"


def test_no_colour_on_a_terminal_either(tmp_path):
    arguments = ["bench", "slow-device", *QUICK, "-e", "blocking"]
    assert not COLOUR.search(on_terminal([*arguments, "--color=never"], tmp_path, FORCE_COLOR="1"))


ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""Or Python takes UTF-8 for C."""
A_RUN = ["bench", "slow-device", *QUICK, "-e", "blocking"]


@pytest.mark.parametrize(
    ("arguments", "signs", "variables"),
    [
        (A_RUN, ["us", "1 round"], ASCII),
        (A_RUN, ["us", "1 round"], C_LOCALE),
        (["trace", "blocking"], [" us", "|", "-->", "read()"], ASCII),
        (["scenarios", "slow-device"], ["us"], C_LOCALE),
        (["doctor"], [], ASCII),
        (["--help"], [], C_LOCALE),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else None,
)
def test_what_ascii_lacks_is_written_with_what_it_has(tmp_path, arguments, signs, variables):
    """In a process of its own from the start: Python reads these when it begins."""
    done = subprocess.run(
        command_line(*arguments),
        cwd=tmp_path,
        env=environment(**variables),
        capture_output=True,
        timeout=100,
    )
    said = (done.stdout + done.stderr).decode("ascii")
    assert done.returncode == 0, said
    assert "Traceback" not in said
    for sign in signs:
        assert sign in said
    # Questions end in one, and nothing else does.
    assert not re.search(r"\?(?!\s|$|\)|'|\.|,)", said), said


def test_every_sign_of_ours_has_a_plain_one():
    known = plain.PLAIN
    ours = Path(__file__).parents[2]
    files = [*(ours / "cli").rglob("*.py"), *(ours / "iomodels").rglob("*.[pc]*")]
    texts = [file.read_text() for file in files if file.suffix in (".py", ".c")]
    in_comments_only = set("Φ◁┃")
    lacking = {c for text in texts for c in text if not c.isascii()} - in_comments_only
    assert lacking - known.keys() == set()
    assert all(sign.isascii() for sign in known.values())


def test_a_terminal_gets_a_bar_that_is_taken_away(tmp_path):
    arguments = ["bench", "slow-device", "-r", "2", "-d", "0.3", "--warmup", "0", "-e", "blocking"]
    written = on_terminal([*arguments, "-o", "run.json"], tmp_path)
    assert re.search(r"round 1/2: slow-device · blocking", written)
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
    assert "(load average" not in below
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


def test_a_message_in_a_pipe_is_one_line_for_grep(cli):
    """A warning as well as an error. Both arms are the same here."""
    done = cli("check", "slow-device", "-e", "blocking", "--a", "load.depth=1", COLUMNS="40")
    assert (done.returncode, done.stdout) == (3, "")
    seed, warning, error = done.stderr.splitlines()
    assert seed.startswith("seed ")
    assert re.fullmatch(r"warning: both arms are the same .* is a false alarm", warning)
    assert re.fullmatch(r"iomodels: no cell can be measured; .* unchanged\)", error)


def test_a_message_on_a_terminal_is_wrapped_and_paths_and_commands_stay_whole():
    path = "/a/" + "long-name-" * 12
    line = f"iomodels: cannot write {path}: name another, as in `iomodels bench -o results/x.json`"
    lines = import_module("iomodels.cli.shared.streams").wrapped(line, 60).splitlines()
    assert " ".join(lines) == line
    assert f"{path}:" in lines
    assert any("`iomodels bench -o results/x.json`" in each for each in lines)
    assert max(len(each) for each in lines if path not in each) <= 60
