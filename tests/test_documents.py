"""The documents say what the program does: generated parts are up to date, commands exist."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from iomodels.analysis import twins
from iomodels.analysis.assembled import load
from iomodels.analysis.cells import rounds_in_words
from iomodels.analysis.claims import sets
from iomodels.analysis.claims.sets import SETS, ClaimSet, reference_page
from iomodels.analysis.quantities import QUANTITIES
from iomodels.base import exit_codes
from iomodels.conform.compiling import core_rules
from iomodels.conform.rules.table import RULES
from iomodels.engines.kinds import complexity, groups
from iomodels.engines.spec import of_scenario
from iomodels.exports.markdown import python_overview
from iomodels.measure.defaults import QUICK_DURATION_S, QUICK_ROUNDS, QUICK_WARMUP_S
from iomodels.measure.plan import make_plan
from iomodels.workload.reference import reference_table
from iomodels.workload.scenario import points, resolve, shipped, suites

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "iomodels"
README = (ROOT / "README.md").read_text()
CONFORM = ROOT / "docs" / "conform.md"
SCENARIOS = ROOT / "docs" / "scenarios.md"
EXAMPLE = re.DOTALL | re.MULTILINE
GROUPS_TABLE = re.compile(r"(<!-- groups: begin -->\n)(.*)(<!-- groups: end -->)", re.DOTALL)
READING = ROOT / "docs" / "reading.md"
SIMPLICITY_TABLE = re.compile(
    r"(<!-- complexity: begin -->\n)(.*)(<!-- complexity: end -->)", re.DOTALL
)
FIRST_TABLE = re.compile(r"(\$ iomodels bench .*?\n\n)(.*?)(^```)", EXAMPLE)
PYTHON = re.compile(r"(<!-- python: begin -->\n)(.*)(<!-- python: end -->)", re.DOTALL)
KEYS = re.compile(r"(<!-- keys: begin -->\n)(.*)(<!-- keys: end -->)", re.DOTALL)


def recorded_table() -> str:
    """What `results/record` kept of the command that the README begins with."""
    return (ROOT / "results" / "server.txt").read_text().strip("\n") + "\n"


def python_beside_c() -> str:
    """The small table of the recorded run, and the verdicts on its claims."""
    run = load(ROOT / "results" / "python.json")
    table = "\n".join(python_overview(twins.twins(run)))
    (claim_set,) = (each for each in SETS if each.suite == "python")
    verdicts = "".join(
        f"| {each.claim.id} | {each.claim.says} | {each.outcome} |\n"
        for each in sets.verdicts(run, claim_set.claims, every=True)
    )
    origin = f"({rounds_in_words(run)}; {twins.origin(run)})"
    return f"{table}\n\n{origin}\n\n| | claim | here |\n|---|---|---|\n{verdicts}"


def test_the_table_of_keys_is_the_generated_one() -> None:
    """To renew it: `python -m tests.test_documents`."""
    embedded = KEYS.search(SCENARIOS.read_text())
    assert embedded is not None
    assert embedded[2] == reference_table()


def test_the_table_of_groups_is_the_generated_one() -> None:
    embedded = GROUPS_TABLE.search(SCENARIOS.read_text())
    assert embedded is not None
    assert embedded[2] == groups.table()


def test_the_readme_has_the_recorded_table_of_python_beside_c() -> None:
    embedded = PYTHON.search(README)
    assert embedded is not None
    assert embedded[2] == python_beside_c()


TRIAL_RULES = re.compile(
    r"(<!-- trial rules: begin -->\n)(.*)(<!-- trial rules: end -->)", re.DOTALL
)
CORE_RULES = re.compile(r"(<!-- core rules: begin -->\n)(.*)(<!-- core rules: end -->)", re.DOTALL)


def trial_rules_table() -> str:
    rows = [f"| `{rule.name}` | {rule.sentence} | {rule.where} |\n" for rule in RULES]
    return "".join(["| rule | what the engine has to do | where |\n| --- | --- | --- |\n", *rows])


def core_rules_list() -> str:
    return ", ".join(f"`{name}`" for name in core_rules()) + "\n"


def test_the_rules_of_conform_are_the_generated_ones() -> None:
    text = CONFORM.read_text()
    for pattern, generated in ((TRIAL_RULES, trial_rules_table()), (CORE_RULES, core_rules_list())):
        found = pattern.search(text)
        assert found is not None
        assert found[2] == generated, "run: python -m tests.test_documents"


def test_the_order_of_simplicity_is_the_generated_one() -> None:
    embedded = SIMPLICITY_TABLE.search(READING.read_text())
    assert embedded is not None
    assert embedded[2] == complexity.table()


def test_the_table_of_exit_codes_is_the_generated_one() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, rest = text.partition("<!-- exit codes: begin -->\n")
    assert rest.partition("<!-- exit codes: end -->")[0] == exit_codes.table()


@pytest.mark.parametrize("claim_set", SETS, ids=lambda each: each.suite)
def test_the_page_about_claims_is_the_generated_one(claim_set: ClaimSet) -> None:
    assert (ROOT / "docs" / claim_set.page).read_text() == reference_page(claim_set)
    assert f"(docs/{claim_set.page})" in README
    assert (PACKAGE / "analysis" / "claims" / claim_set.module).is_file()


def test_the_examples_of_scenario_files_are_valid(tmp_path: Path) -> None:
    examples = re.findall(r"^```toml\n# (\S+\.toml).*?\n(.*?)^```", SCENARIOS.read_text(), EXAMPLE)
    assert len(examples) >= 5
    for name, text in examples:
        (tmp_path / name).write_text(text)
        for found in resolve([str(tmp_path / name)]):
            assert of_scenario(found)
            assert points(found)


def test_every_column_and_mark_is_on_the_page_about_tables() -> None:
    page = READING.read_text()
    columns = re.findall(r"^\| ([^|]+?) +\|", page, re.MULTILINE)
    named = {name for column in columns for name in column.split(", ")}
    assert {quantity.column for quantity in QUANTITIES if quantity.heading} <= named
    assert {*import_module("iomodels.cli.show.changes_table").LEGEND} <= named
    for mark, meaning in import_module("iomodels.cli.show.numbers").MEANINGS.items():
        assert f"| `{mark}` | {meaning}" in page


def test_the_readme_opens_with_two_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 2
    assert all(len(block.strip().splitlines()) == 1 for block in blocks[:2])
    assert "iomodels bench" in blocks[0]
    assert "pytest" in blocks[1]


def test_the_readme_begins_with_the_recorded_table() -> None:
    embedded = FIRST_TABLE.search(README)
    assert embedded is not None
    assert embedded[2] == recorded_table()
    command = " ".join(embedded[1].replace("\\\n", "").removeprefix("$ iomodels").split())
    recording = (ROOT / "results" / "record").read_text().replace("\\\n", "")
    assert command in " ".join(recording.split())


def test_every_scenario_that_the_readme_runs_is_shipped() -> None:
    named = set(re.findall(r"iomodels bench ([a-z-]+)`", README))
    assert named
    assert named <= {*shipped(), *suites()}


def test_the_readme_says_how_long_the_first_look_takes() -> None:
    minutes = re.search(r"\((\w+) minutes\) \| `iomodels bench all --quick`", README)
    plan = make_plan(
        resolve(["all"]),
        [],
        rounds=QUICK_ROUNDS,
        duration_s=QUICK_DURATION_S,
        warmup_s=QUICK_WARMUP_S,
        seed=1,
    )
    assert minutes
    assert ["one", "two", "three", "four"].index(minutes[1]) + 1 == round(plan.estimate_s / 60)


def test_every_command_is_in_the_readme() -> None:
    modules = import_module("iomodels.cli.main").MODULES
    names = {module: name for name, module in modules.items()}
    for path in (ROOT / "cli").glob("*.py"):
        if "@click.command" in path.read_text():
            name = names.get(path.stem, path.stem)
            assert f"iomodels {name}" in README, name


if __name__ == "__main__":
    renewed = FIRST_TABLE.sub(lambda each: each[1] + recorded_table() + each[3], README, count=1)
    renewed = PYTHON.sub(lambda each: each[1] + python_beside_c() + each[3], renewed)
    (ROOT / "README.md").write_text(renewed)
    for claim_set in SETS:
        (ROOT / "docs" / claim_set.page).write_text(reference_page(claim_set))
    text = KEYS.sub(lambda found: found[1] + reference_table() + found[3], SCENARIOS.read_text())
    SCENARIOS.write_text(GROUPS_TABLE.sub(lambda each: each[1] + groups.table() + each[3], text))
    text = READING.read_text()
    READING.write_text(
        SIMPLICITY_TABLE.sub(lambda each: each[1] + complexity.table() + each[3], text)
    )
    text = TRIAL_RULES.sub(
        lambda each: each[1] + trial_rules_table() + each[3], CONFORM.read_text()
    )
    CONFORM.write_text(CORE_RULES.sub(lambda each: each[1] + core_rules_list() + each[3], text))
