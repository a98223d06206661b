"""No recipe of the documents swallows an exit code: what fails is red wherever it is copied to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "benchmarks", "results")
    for path in (ROOT / folder).glob("*.md")
)
SWALLOWING = re.compile(
    r"""
    \|\|                                # what comes after it decides
    | \bset\ \+e\b
    | \$\?                              # whoever looks at it means to go on
    | ;\ *(?:true|:)\b
    | ^\s*!\ *iomodels
    | \bcontinue-on-error\b             # GitHub
    | \ballow_failure\b | \bexit_codes\b  # GitLab
    | \bcatchError\b | \breturnStatus\b   # Jenkins
    | iomodels\ (?:bench|check|compare)\b[^\n]*\|  # a pipe has the exit code of its last command
    """,
    re.VERBOSE | re.MULTILINE,
)


def code_blocks(text: str) -> list[str]:
    """What may be copied: the blocks of a shell or of a CI service, their folded lines joined."""
    found = re.findall(r"^```(?:sh|bash|yaml|groovy)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\\\n|\n +(?=--|-[a-z] )", " ", block) for block in found]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_block_swallows_an_exit_code(path: Path) -> None:
    for block in code_blocks(path.read_text()):
        found = SWALLOWING.search(block)
        assert found is None, f"{path.name}: {found and found[0]!r} in\n{block}"


def test_there_are_blocks_to_look_at() -> None:
    page = code_blocks((ROOT / "docs" / "ci.md").read_text())
    assert sum("iomodels check" in block for block in page) >= 4


@pytest.mark.parametrize(
    "line",
    [
        "iomodels check --baseline baseline || test $? -eq 4",
        "iomodels check --baseline baseline || true",
        "iomodels check --baseline baseline; true",
        "iomodels check --baseline baseline\n  --export junit=check.xml | tee log",
        "set +e\niomodels check --baseline baseline",
        "iomodels check --baseline baseline\ncode=$?",
        "script: [iomodels check]\nallow_failure:\n  exit_codes: [4]",
        "continue-on-error: true",
    ],
)
def test_each_way_to_swallow_one_is_found(line: str) -> None:
    (block,) = code_blocks(f"```yaml\n{line}\n```\n")
    assert SWALLOWING.search(block)
