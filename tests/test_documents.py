"""The documents say what the program does: generated parts are up to date, commands exist."""

from __future__ import annotations

import re
from pathlib import Path

from iomodels.analysis.claims import reference_page
from iomodels.workload.reference import reference_table
from iomodels.workload.scenario import shipped, suites

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_table_of_keys_is_the_generated_one() -> None:
    """To renew it: `python tests/test_documents.py`."""
    embedded = re.search(r"<!-- keys: begin -->\n(.*)<!-- keys: end -->", CONTRIBUTING, re.DOTALL)
    assert embedded is not None
    assert embedded[1].strip() == reference_table().strip()


def test_the_readme_opens_with_two_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 2
    assert all(len(block.strip().splitlines()) == 1 for block in blocks[:2])
    assert "iomodels bench" in blocks[0]
    assert "pytest" in blocks[1]


def test_every_scenario_that_the_readme_runs_is_shipped() -> None:
    named = set(re.findall(r"iomodels bench ([a-z-]+)`", README))
    assert named
    assert named <= {*shipped(), *suites()}


def test_every_command_is_in_the_readme() -> None:
    for path in (ROOT / "cli").glob("*.py"):
        if "@click.command" in path.read_text():
            assert f"iomodels {path.stem}" in README, path.stem


if __name__ == "__main__":
    (ROOT / "docs" / "claims.md").write_text(reference_page())
    begin, end = "<!-- keys: begin -->\n", "<!-- keys: end -->"
    head, _, rest = CONTRIBUTING.partition(begin)
    (ROOT / "CONTRIBUTING.md").write_text(
        head + begin + reference_table().strip() + "\n" + end + rest.partition(end)[2]
    )
