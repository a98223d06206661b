"""The recipe "Base against head" of docs/ci.md, run as it stands there, on the example for it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "base-against-head"
SECTION = (
    (DOCS / "ci.md").read_text().partition("\n## Base against head\n")[2].partition("\n## ")[0]
)
GITHUB, GITLAB = (
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
)
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


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an `iomodels` that takes less time."""
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "iomodels"
    small = shlex.join(SMALL)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m iomodels "$@" {small}\n')
    program.chmod(0o755)
    return folder


def on_github(workspace: Path) -> Iterator[tuple[list[str], str, Mapping[str, str]]]:
    """Each step is a file, that bash reads with -e."""
    summary = workspace.parent / "summary.md"
    variables = {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    for step in ON_GITHUB["steps"]:
        if "run" in step:
            yield ["bash", "-e", "-c"], step["run"], variables


def on_gitlab(workspace: Path) -> Iterator[tuple[list[str], str, Mapping[str, str]]]:
    """All lines in one shell."""
    base = git("merge-base", "origin/main", "HEAD", at=workspace)
    lines = [line for line in ON_GITLAB["script"] if "pip install" not in line]
    yield (
        ["bash", "-eo", "pipefail", "-c"],
        "\n".join(lines),
        {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base},
    )


SERVICES = {"github": on_github, "gitlab": on_gitlab}


@pytest.mark.parametrize(
    ("service", "branch", "code"),
    [("github", "like-before", 0), ("github", "slower", 1), ("gitlab", "slower", 1)],
)
def test_a_pull_request_that_makes_it_slower_is_red(
    service: str, branch: str, code: int, workspace: Path, programs: Path
) -> None:
    """All in one workspace, as on a runner that keeps it: what was built and written before
    is still there."""
    git("checkout", "-q", "--detach", f"origin/{branch}", at=workspace)
    codes, said = [], ""
    for shell, script, variables in SERVICES[service](workspace):
        if "pip install" in script:
            continue
        done = subprocess.run(
            [*shell, script],
            cwd=workspace,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            timeout=100,
        )
        codes.append(done.returncode)
        said += done.stdout + done.stderr
    assert codes[-1] == code, said
    assert not any(codes[:-1]), said
    assert (workspace / "check.xml").stat().st_size
    assert "error" not in (workspace / "base" / "readcount.c").read_text(), (
        "the merge base, not main"
    )


def test_the_job_fetches_the_history_in_which_it_looks() -> None:
    (checkout,) = (step for step in ON_GITHUB["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["fetch-depth"] == 0
    assert ON_GITLAB["variables"]["GIT_DEPTH"] == 0
