"""`compare` and `check` as a user meets them: exit codes, streams, 80 columns, one sentence."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from iomodels.analysis import assembled
from iomodels.comparison import document, wording
from iomodels.comparison.runs import compare
from iomodels.results import save
from iomodels.results.schema import Tool

from ..factory import make_cell, make_run, make_trial
from ..processes import await_children
from .running import QUICK, cli, start

__all__ = ["cli", "start"]


def saved(folder, name: str, speed: float, *, rounds: int = 7, **others: object) -> str:
    trials = [make_trial(n, throughput_ops=speed * (1 + n / 1000)) for n in range(rounds)]
    run = make_run([make_cell("blocking", trials), make_cell("select", trials)], **others)
    save.save(run, folder / name, force=False)
    return name


@pytest.fixture
def files(tmp_path):
    saved(tmp_path, "base.json", 1000)
    saved(tmp_path, "same.json", 1001)
    saved(tmp_path, "slow.json", 700)
    saved(tmp_path, "few.json", 1000, rounds=3)
    saved(tmp_path, "other.json", 700, tool=Tool("9.9.9", "fedcba"))
    return tmp_path


@pytest.mark.parametrize(
    ("new", "code", "said"),
    [
        ("same.json", 0, "Passed: no loss shown, 2 inconclusive (no cell looks worse"),
        ("slow.json", 1, "Regression: 2 slower"),
        ("other.json", 3, "Not comparable"),
        ("few.json", 4, "Inconclusive"),
    ],
)
def test_the_exit_code_says_what_the_table_says(cli, files, new, code, said) -> None:
    done = cli("compare", "base.json", new)
    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_outcome_says_what_was_judged(cli, files) -> None:
    shown = cli("compare", "base.json", "same.json").stdout
    out = " ".join(shown.split())
    assert "\nJudged: " in shown
    assert "Judged: throughput, calls per operation; not judged: latency p50, latency p99" in out


def test_every_verdict_prints_what_it_rests_on(cli, files) -> None:
    lines = cli("compare", "base.json", "slow.json").stdout.splitlines()
    (row,) = [line for line in lines if line.startswith("blocking")]
    for part in ("ops/s     1k  702", "-30 %", "  7  ", "slower"):
        assert part in row
    legend = " ".join(" ".join(lines).split())
    assert "Intervals: 95 %; it covers differences between rounds, not between runs." in legend
    heads = next(line for line in lines if line.startswith("engine")).split()
    assert heads == [
        "engine",
        "metric",
        "base",
        "new",
        "change",
        "interval",
        "n",
        "able",
        "verdict",
    ]


def test_the_answer_stands_below_the_outcome_and_columns_are_explained_when_asked(cli, files):
    out = cli("compare", "base.json", "slow.json").stdout
    below = out.partition("\nRegression: ")[2]
    assert "slow-device, blocking: throughput lower, -30 % (" in " ".join(below.split())
    assert "80 % power" not in out
    explained = " ".join(cli("compare", "base.json", "slow.json", "--legend").stdout.split())
    assert "detectable the smallest loss that is found with 80 % power" in explained


@pytest.mark.parametrize("command", ["check", "compare"])
def test_help_names_the_metrics_there_are(cli, command):
    from iomodels.comparison.metrics import METRICS

    told = " ".join(cli(command, "--help").stdout.split())
    assert f"{', '.join(list(METRICS)[:-1])} or {list(METRICS)[-1]}. [default: throughput" in told


@pytest.mark.parametrize("document", ["junit", "json"])
def test_a_document_on_standard_output_is_alone_there(cli, files, document) -> None:
    """The commands to GitHub's runner go to the other stream, which it reads as well."""
    done = cli(
        "compare", "base.json", "slow.json",
        *("--export", f"{document}=-", "--export", "github=s.md"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "::error" in done.stderr
    if document == "json":
        json.loads(done.stdout)
    else:
        ElementTree.fromstring(done.stdout)


@pytest.fixture
def full():
    """A stream on which nothing can be written."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


def test_exports_do_not_need_a_reader_of_the_table(files, start, full) -> None:
    command = ("compare", "base.json", "slow.json", "--export", "junit=j.xml")
    with start(*command, streams=(None, full, None)) as process:
        assert process.wait() != 0
    assert ElementTree.parse(files / "j.xml").getroot().tag == "testsuites"


@pytest.mark.parametrize(("new", "code"), [("same.json", 5), ("slow.json", 1), ("few.json", 5)])
def test_only_a_regression_comes_before_a_report_that_is_lost(
    files, start, full, new, code
) -> None:
    """CI jobs let exit code 4 pass: not without the report."""
    with start("compare", "base.json", new, streams=(None, full, None)) as process:
        assert process.wait() == code, process.stderr


def test_another_version_is_judged_only_when_asked_and_never_in_silence(cli, files) -> None:
    for options, code in (((), 3), (("--anyway",), 1)):
        done = cli("compare", "base.json", "other.json", *options)
        assert done.returncode == code
        assert "another version of iomodels: 0.1.0, now 9.9.9" in " ".join(done.stdout.split())


def test_one_is_not_many() -> None:
    varying = [make_trial(n, calls={"read": 1.0, "poll": 1.0 + n}) for n in range(7)]
    run = make_run([make_cell(trials=varying)])
    one = compare(run, run, base_name="a", new_name="b")
    assert wording.counters(one) == (
        "1 exact counter (calls per operation) is the same; "
        "1 counter not judged: it varies in the base, or has too few rounds"
    )
    two = replace(one, changes=one.changes * 2, counters_unjudged=2)
    assert wording.counters(two) == (
        "2 exact counters (calls per operation) are the same; "
        "2 counters not judged: they vary in the base, or have too few rounds"
    )
    alone = make_run([make_cell(trials=varying[:1])])
    reasons = [c.reason for c in compare(alone, run, base_name="a", new_name="b").changes]
    assert any("an interval needs 6 rounds" in (reason or "") for reason in reasons)


def test_an_engine_is_broken_at_its_options_and_never_within(cli, files) -> None:
    """As in the tables of `bench`: 80 columns are too few for the whole name beside the numbers."""
    names = ("aio:notify=list,mode=nowait", "aio:notify=signal,signal=SIGIO,chain=handler")
    save.save(make_run([make_cell(n) for n in names]), files / "options.json", force=False)
    out = cli("compare", "options.json", "options.json").stdout
    assert max(map(len, out.splitlines())) <= 80
    column = [" " * line.startswith(" ") + (line.split() or [""])[0] for line in out.splitlines()]
    for name in names:
        options = [f" {option}" for option in name.partition(":")[2].split(",")]
        first = column.index(options[0])
        assert column[first - 1 : first + len(options)] == ["aio:", *options]


def test_a_pass_says_why_what_cannot_be_told_lets_it(cli, files) -> None:
    out = " ".join(cli("compare", "few.json", "few.json").stdout.split())
    assert (
        "Passed: both are the same run. Compared: few.json against few.json; threshold 5 %" in out
    )


def test_machine_readable_forms_are_alone_on_standard_output(cli, files) -> None:
    for options in (("--json",), ("--format", "json")):
        document = json.loads(cli("compare", "base.json", "slow.json", *options).stdout)
        assert document["outcome"] == "regression"
    table = cli("compare", "base.json", "slow.json", "--format", "csv").stdout
    assert {row["verdict"] for row in csv.DictReader(io.StringIO(table))} >= {"slower"}
    assert cli("compare", "base.json", "slow.json", "--format", "markdown").stdout.startswith("##")
    done = cli("compare", "base.json", "slow.json", "--export", "junit=out.xml")
    assert done.returncode == 1
    assert "<failure" in (files / "out.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "base.json", "gone.json"), "gone.json does not exist"),
        (("compare", "base.json", "same.json", "-m", "speed"), "there is no metric 'speed'"),
        (("compare", "base.json", "same.json", "--threshold", "0"), "is not a share"),
        (("compare", "base.json", "same.json", "--json", "--format", "csv"), "contradict"),
        (("check",), "needs --baseline FILE, --a or --b KEY=VALUE"),
        (
            ("check", "slow-devise", "--baseline", "base.json"),
            "'slow-devise' is no file, and no scenario of the baseline (did you mean "
            "'slow-device'?): it has slow-device",
        ),
        (("check", "--baseline", "base.json", "mine.toml"), "'mine.toml' is no file, and no"),
        (("check", "gone.json", "--baseline", "base.json"), "gone.json does not exist"),
        (
            ("check", "--baseline", "base.json", "--a", "load.depth=1"),
            "use one of --baseline, --a and --b",
        ),
        (
            ("check", "--baseline", "base.json", "-e", "select,aio"),
            "-e aio: the baseline has no such cell: it has blocking and select",
        ),
        (("check", "--baseline", "base.json", "-e", "slect"), "did you mean 'select'?"),
        (("check", "--baseline", "base.json", "-s", "load.depth=1"), "only channel.folder can be"),
        (("check", "--a", "load.depth=1", "-r", "5"), "at least 10 pairs"),
        (("check", "--a", "load.depth=1", "--long"), "--long needs --baseline"),
        (("check", "--baseline", "base.json", "-o", "same.json"), "same.json exists already"),
        (("check", "--a", "load.depth=1", "-o", "same.json"), "same.json exists already"),
        (
            ("check", "--baseline", "base.json", "-o", "./base.json", "--force"),
            "base.json is an input",
        ),
        (("compare", "base.json", "same.json", "-o", "slow.json"), "slow.json exists already"),
        (("check", "--self-test", "-o", "x.json"), "-o cannot be used with --self-test"),
        (("check", "--a", "load.depht=1"), "load.depth"),
        (("check", "cached-read", "--b", "channel.folder=/none"), "channel.folder is /none"),
        (("check", "--baseline", "."), "is not an iomodels result"),
        (("check", "--self-test", "--export", "junit=x"), "cannot be used with --self-test"),
        (("check", "--self-test", "-m", "cpu_ns_per_op"), "-m cannot be used with --self-test"),
        (("check", "slow-device", "--self-test"), ": SCENARIO cannot be used with --self-test"),
        (("check", "--self-test", "--minutes", "0"), "--minutes"),
        *(
            (("check", "--self-test", "--minutes", minutes), "--minutes")
            for minutes in ("nan", "inf", "1e308", "-inf")
        ),
        (("check", "slow-device", "--b", "load.depth=1", "--seed", str(2**63)), "--seed"),
        (("report", "base.json", "-o", "-"), "does not mean standard output"),
        (("bench", "-o", "-"), "does not mean standard output"),
        (("check", "--baseline", "base.json", "--minutes", "1"), "needs --self-test"),
    ],
)
def test_a_mistake_is_one_sentence(cli, files, arguments, said) -> None:
    (files / "a-note.json").write_text('{"schema": "notes"}')
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_hostile_names_are_shown_and_do_nothing(cli, tmp_path) -> None:
    cell = replace(make_cell("\x1b[31mred"), scenario="[bold]x[/bold]\x1b]0;t\x07")
    save.save(make_run([cell]), tmp_path / "wild.json", force=False)
    out = cli("compare", "wild.json", "wild.json").stdout
    assert "\x1b" not in out
    assert "[bold]x[/bold]\\x1b" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--baseline", "base.json", "-o", "kept.json"),
        ("slow-device", "-e", "blocking", "--a", "channel.service=1 ms", "--b", "load.depth=1"),
    ],
)
def test_an_interrupted_check_says_what_there_is(cli, start, tmp_path, arguments) -> None:
    made = cli("bench", "slow-device", "-e", "blocking", *QUICK, "-o", "base.json")
    assert made.returncode == 0, made.stderr
    with start("check", *arguments, "-r", "500") as process:
        # What comes before the first trial; then trials, some of which have ended.
        process.wait_until(lambda: re.search(r"trials \(|first pairs", process.stderr))
        await_children(process.pid, 5)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM, process.stderr
        out, err = process.stdout, process.stderr
    assert "ended by SIGTERM" in err
    if "-o" in arguments:
        assert "nothing was judged" in err
        assert not (tmp_path / "kept.json").exists()
        (kept,) = (tmp_path / "results").iterdir()
        assert f"kept: results/{kept.name}" in err
        assert kept.name.startswith("check-")
        assert kept.name.endswith(".json.partial")
        assert assembled.load(kept).cells[0].trials
    else:
        assert "interrupted: no verdict" in " ".join(out.split())


def test_a_against_b_from_the_command_line(cli, tmp_path) -> None:
    done = cli(
        "check", "slow-device", "-e", "blocking", "-r", "10", "--threshold", "50%", "--seed", "4",
        "--a", "channel.service=50 us", "--a", "env.NAME=a secret",
        "--b", "channel.service=500 us", "--b", "prefix=env LANG=C", "-o", "ab.json",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    shown = " ".join(done.stdout.split())
    assert 'A (channel.service="50 us" env.NAME="a secret")' in shown
    assert 'B (channel.service="500 us" prefix="env LANG=C")' in shown
    kept = document.load(tmp_path / "ab.json")
    assert kept.base_name == "A (channel.service=50 µs, env.NAME=…)"
    assert kept.new_name == "B (channel.service=500 µs, prefix=…)"
    assert "secret" not in (tmp_path / "ab.json").read_text()
    assert "slower" in done.stdout
    assert "first pairs: 1 cell × 10 pairs" in done.stderr
    assert "seed 4" in done.stderr
