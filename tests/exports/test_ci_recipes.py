"""Recipes of docs/ci.md, run as they stand there: base against head, on the example for it, and the
jobs that add a run to a baseline."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..fresh import run_iomodels
from .test_ci_page import HURRIED

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "base-against-head"
PAGE = (DOCS / "ci.md").read_text()


def blocks(text: str) -> list[Any]:
    """The YAML in it."""
    found = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(block) for block in found]


GITHUB, GITLAB = blocks(PAGE.partition("\n## Base against head\n")[2].partition("\n## ")[0])
(ON_GITHUB,), (ON_GITLAB,) = GITHUB["jobs"].values(), GITLAB.values()

COUNTS = "    atomic_fetch_add(&reads, 1);\n"
SLOWER = f"    for (int again = 0; again < 2000; again++)\n    {COUNTS}"
LIKE_BEFORE = f"    /* One more. */\n{COUNTS}"

SMALL = ("-r", "10", "--set", "channel.size=1MiB", "--threshold", "50%")
"""Added to the recipe's own options, so that it takes seconds here."""


def git(*words: str, at: Path) -> str:
    identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=at, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(at: Path, what: str, old: str = "", new: str = "") -> None:
    source = at / "readcount.c"
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1) if old else text + new)
    git("commit", "-qam", what, at=at)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with two pull requests, of which one makes the library slower. What came into main
    since they began cannot be built: only their merge base can."""
    origin = tmp_path_factory.mktemp("origin")
    for file in EXAMPLE.iterdir():
        if file.suffix != ".so":
            (origin / file.name).write_bytes(file.read_bytes())
    git("init", "-q", "-b", "main", at=origin)
    git("add", ".", at=origin)
    git("commit", "-qm", "A library", at=origin)
    for branch, new in {"slower": SLOWER, "like-before": LIKE_BEFORE}.items():
        git("checkout", "-q", "-b", branch, "main", at=origin)
        commit(origin, "A change", COUNTS, new)
    git("checkout", "-q", "main", at=origin)
    commit(origin, "A mistake", new="#error\n")
    clone = tmp_path_factory.mktemp("runner") / "workspace"
    git("clone", "-q", str(origin), str(clone), at=origin)
    return clone


def programs(folder: Path, *added: str) -> str:
    """A PATH with an `iomodels` that has these options, too."""
    program = folder / "iomodels"
    iomodels = f"exec {sys.executable} {HURRIED}"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = check ] && {iomodels} "$@" {shlex.join(added)}\n{iomodels} "$@"\n'
    )
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def steps_of(job: Mapping[str, Any]) -> list[tuple[list[str], str, str]]:
    """The shells of a job, each with its text and when it runs. On GitHub, each step is a file that
    bash reads with -e; on GitLab, there is one for all lines, and one after it in any case."""
    if "steps" in job:
        return [
            (["bash", "-e"], step["run"], step.get("if", "success()"))
            for step in job["steps"]
            if "run" in step
        ]
    shell, after = ["bash", "-eo", "pipefail"], job.get("after_script", ())
    return [
        (shell, "\n".join(job["script"]), "success()"),
        (shell, "\n".join(after), "always()"),
    ]


def run_job(job: Mapping[str, Any], at: Path, **variables: str) -> tuple[int, str]:
    """The exit code of a job, and what it says. What is installed here is not installed again."""
    code, said = 0, ""
    for shell, text, when in steps_of(job):
        if {"success()": code != 0, "failure()": code == 0}.get(when) or "GITHUB_PATH" in text:
            continue
        lines = [line for line in text.splitlines() if "pip install" not in line]
        done = subprocess.run(
            [*shell, "-c", "\n".join(lines)],
            cwd=at,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=100,
        )
        said += done.stdout + done.stderr
        assert when == "success()" or done.returncode == 0, said
        code = code or done.returncode
    return code, said


@pytest.mark.parametrize(
    ("job", "branch", "code"),
    [(ON_GITHUB, "slower", 1), (ON_GITLAB, "like-before", 0)],
    ids=["github-slower", "gitlab-like-before"],
)
def test_a_pull_request_that_makes_it_slower_is_red(
    job: Mapping[str, Any], branch: str, code: int, workspace: Path, tmp_path: Path
) -> None:
    """Both in one workspace, as on a runner that keeps it: what was built and written is there."""
    git("checkout", "-q", "--detach", f"origin/{branch}", at=workspace)
    found, said = run_job(
        job,
        workspace,
        PATH=programs(tmp_path, *SMALL),
        GITHUB_BASE_REF="main",
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        CI_MERGE_REQUEST_DIFF_BASE_SHA=git("merge-base", "origin/main", "HEAD", at=workspace),
    )
    assert found == code, said
    assert ET.parse(workspace / "check.xml").getroot().get("failures") == str(code)
    assert (workspace / "check.html").stat().st_size
    assert "#error" not in (workspace / "base" / "readcount.c").read_text(), "of main"


def test_the_job_fetches_the_history_in_which_it_looks() -> None:
    (checkout,) = (step for step in ON_GITHUB["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["fetch-depth"] == 0
    assert ON_GITLAB["variables"]["GIT_DEPTH"] == 0


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_a_check_of_main_that_passes_adds_its_run_to_the_baseline(
    service: str, tmp_path: Path
) -> None:
    """It is pushed, although somebody else pushed meanwhile."""
    of_main, of_gitlab, *_ = blocks(PAGE)
    job = of_main["jobs"]["record"] if service == "github" else of_gitlab["io-record"]
    origin, clone, other = (tmp_path / name for name in ("origin.git", "clone", "other"))
    git("init", "-q", "--bare", "-b", "main", str(origin), at=tmp_path)
    git("clone", "-q", str(origin), str(clone), at=tmp_path)
    tiny = ("-e", "blocking", "-r", "7", "-d", "0.02", "--append", "baseline")
    done = run_iomodels("bench", "slow-device", *tiny, cwd=clone)
    assert done.returncode == 0, done.stderr
    git("checkout", "-q", "-B", "main", at=clone)
    git("add", "baseline", at=clone)
    git("commit", "-qm", "A baseline", at=clone)
    git("push", "-q", "origin", "main", at=clone)
    git("clone", "-q", str(origin), str(other), at=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "Another change", at=other)
    git("push", "-q", "origin", "main", at=other)
    git("config", "receive.advertisePushOptions", "true", at=origin)
    code, said = run_job(
        job,
        clone,
        PATH=programs(tmp_path, "--threshold", "90%", "--budget", "5s"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        CI_DEFAULT_BRANCH="main",
        CI_SERVER_HOST="gitlab.example.org",
        BASELINE_URL=str(origin),
    )
    assert code == 0, said
    files = git("ls-tree", "-r", "--name-only", "main", at=origin).splitlines()
    assert len(files) == 2
    assert all(name.startswith("baseline/") for name in files)
    assert len(git("log", "--oneline", "main", at=origin).splitlines()) == 3
