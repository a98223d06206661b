"""docs/ci.md says what works: its jobs are sound YAML, their commands run or at least parse."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from iomodels import exports
from iomodels.base import errors, exit_codes

from ..fresh import run_iomodels

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
TEXT = PAGE.read_text()
BEGIN, END = "<!-- formats: begin -->\n", "<!-- formats: end -->"
HURRIED = Path(__file__).parents[1] / "hurry.py"
"""`iomodels`, with short preparations."""
MOUNTED = "/mnt/data"
"""A file system of the page, which is a folder here."""
TINY = ("-r", "1", "-d", "0.01", "--warmup", "0", "-e", "blocking")

main = import_module("iomodels.cli.main")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


JOBS = [yaml.safe_load(block) for block in blocks("yaml")]
ON_GITHUB = [block for block in JOBS if "jobs" in block]
ON_GITLAB = [block for block in JOBS if "jobs" not in block]


def of_jobs() -> list[str]:
    """Every shell line of the jobs."""
    jobs = [job for block in ON_GITHUB for job in block["jobs"].values()]
    github = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    others = [job for block in ON_GITLAB for job in block.values()]
    gitlab = [line for job in others for line in (*job["script"], *job.get("after_script", ()))]
    return [line for text in (*github, *gitlab) for line in text.splitlines()]


def scripts() -> list[str]:
    """Those, and those of the page's sh blocks."""
    return of_jobs() + [line for block in blocks("sh") for line in block.splitlines()]


def arguments_of(line: str) -> list[str]:
    """Without the comment at its end."""
    return shlex.split(line, comments=True)[1:]


def commands() -> list[list[str]]:
    """The arguments of every `iomodels …` on the page."""
    found = [arguments_of(line) for line in scripts() if line.startswith("iomodels ")]
    return list({tuple(arguments): arguments for arguments in found}.values())


def in_a_shell(arguments: list[str], folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The line of the page with these arguments, and more. A shell expands it, as a job's does."""
    line = next(line for line in scripts() if arguments_of(line) == arguments)
    words, mark, comment = line.partition(" # ")
    program = shlex.join([sys.executable, str(HURRIED)])
    command = f"{program}{words[len('iomodels') :]} {shlex.join(more)}{mark}{comment}"
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command.replace(MOUNTED, str(folder))],
        cwd=folder,
        env=os.environ | {"GITHUB_STEP_SUMMARY": str(folder / "summary.md")},
        capture_output=True,
        text=True,
        timeout=100,
    )


COMMANDS = commands()


def formats_of(arguments: list[str]) -> list[str]:
    following = itertools.pairwise(arguments)
    return [value.partition("=")[0] for option, value in following if option == "--export"]


@pytest.mark.parametrize("workflow", ON_GITHUB, ids=lambda w: w["name"])
def test_a_github_workflow_has_the_parts_it_needs(workflow: dict[Any, Any]) -> None:
    assert "pull_request" in workflow[True]  # YAML 1.1 reads the key `on` as true
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert set(step) <= {"uses", "run", "name", "with", "if"}


def test_the_gitlab_jobs_report_what_they_write() -> None:
    for job in (job for block in ON_GITLAB for job in block.values()):
        written = " ".join(job["script"])
        reports = job["artifacts"]["reports"]
        assert all(f"={path}" in written for path in reports.values())
        assert set(reports) <= {"junit", "metrics"}


def test_a_job_whose_workspace_is_kept_can_run_again() -> None:
    """The files that it writes are there the second time."""
    writing = [line for line in of_jobs() if re.search(r"^iomodels .* (-o|--export) ", line)]
    assert len(writing) >= 5
    for line in writing:
        assert "--force" in line.split(), line


def test_every_format_of_the_page_is_of_what_the_command_has() -> None:
    assert any("check" in arguments for arguments in COMMANDS)
    for arguments in COMMANDS:
        subject = "measurements" if arguments[0] == "bench" else "verdicts"
        assert set(formats_of(arguments)) <= set(exports.names(subject)), arguments


@pytest.mark.parametrize(
    "arguments", [c for c in COMMANDS if c[0] == "bench"], ids=lambda c: " ".join(c)
)
def test_a_bench_command_of_the_page_runs(arguments: list[str], tmp_path: Path) -> None:
    """Tiny: one round, one engine."""
    (tmp_path / "baseline").mkdir()
    done = in_a_shell(arguments, tmp_path, *TINY)
    assert done.returncode == 0, done.stderr
    for option, value in itertools.pairwise(arguments):
        if option == "--export":
            assert (tmp_path / value.partition("=")[2]).stat().st_size
    assert list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    "arguments", [c for c in COMMANDS if c[0] != "bench"], ids=lambda c: " ".join(c)
)
def test_other_commands_of_the_page_are_in_the_option_table(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = arguments[0]
    if name not in main.COMMANDS:
        pytest.skip(f"there is no command '{name}' yet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baseline").mkdir()
    for file in ("base.json", "new.json"):
        (tmp_path / file).touch()
    command = main.group.get_command(click.Context(main.group), name)
    with command.make_context(name, arguments[1:]) as context:
        given = context.params.get("exported", ())
    assert [text.partition("=")[0] for text in given] == formats_of(arguments)


def one_of_each_kind() -> dict[str, list[str]]:
    """The page's first command against a baseline, A/B, and comparison."""
    kinds = {"--baseline": "check", "--a": "check", "compare": "compare"}
    return {
        mark: next(c for c in COMMANDS if c[0] == name and (mark in c or mark == name))
        for mark, name in kinds.items()
    }


@pytest.mark.parametrize("mark", ["--baseline", "--a", "compare"])
def test_a_check_and_a_compare_command_of_the_page_run(mark: str, tmp_path: Path) -> None:
    """Tiny: one engine, the fewest pairs, a small file."""
    arguments = one_of_each_kind()[mark]
    (tmp_path / "baseline").mkdir()
    if mark != "--a":
        for name in ("baseline/1.json", "base.json", "new.json"):
            done = run_iomodels("bench", "slow-device", *TINY, "-o", name, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    tiny = {
        "--a": ("-r", "10", "-e", "blocking", "--set", "channel.size=64KiB", "--threshold", "50%"),
        "--baseline": ("-r", "1"),
    }.get(mark, ())
    done = in_a_shell(arguments, tmp_path, *tiny)
    assert done.returncode in (0, 1, 4), done.stderr
    for option, value in itertools.pairwise(arguments):
        if option == "--export":
            name = value.partition("=")[2].replace("$GITHUB_STEP_SUMMARY", "summary.md")
            assert (tmp_path / name).stat().st_size


def test_the_page_explains_every_exit_code() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    raised = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.IomodelsError)
    }
    assert codes >= raised | {*exit_codes.Exit, exit_codes.of_signal(signal.SIGINT)}


def test_its_links_lead_somewhere() -> None:
    """As GitHub makes the names of headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", TEXT, flags=re.S | re.M), re.M)
    names = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) > 5
    for link in links:
        inside = link.startswith("#")
        assert link[1:] in names if inside else (PAGE.parent / link).exists(), link


def test_the_table_of_formats_is_the_generated_one() -> None:
    """To renew it: `python -m tests.exports.test_ci_page`."""
    assert TEXT.partition(BEGIN)[2].partition(END)[0] == exports.reference_table()


if __name__ == "__main__":
    head, _, rest = TEXT.partition(BEGIN)
    PAGE.write_text(head + BEGIN + exports.reference_table() + END + rest.partition(END)[2])
