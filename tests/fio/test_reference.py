"""The table of fio's options: complete, and in the documentation."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from iomodels.fio.importing import import_jobs
from iomodels.fio.options.harmless import HARMLESS
from iomodels.fio.options.reference import reference_tables
from iomodels.fio.options.refused import REFUSED
from iomodels.fio.options.table import BY_ANY_NAME, MAY_BE_BARE, OPTIONS, TRANSLATED
from iomodels.workload.writing import as_file

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
TABLE = re.compile(r"(<!-- fio options: begin -->\n)(.*)(<!-- fio options: end -->)", re.DOTALL)

needs_fio = pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")


def fio(*arguments: str) -> str:
    return subprocess.run(
        ["fio", *arguments], capture_output=True, text=True, timeout=30, check=False
    ).stdout


def test_no_option_is_in_two_places() -> None:
    names = [
        name
        for option in [*TRANSLATED, *HARMLESS, *REFUSED]
        for name in (option.name, *option.aliases)
    ]
    assert sorted(names) == sorted(set(names))
    assert len(names) == len(BY_ANY_NAME)


def test_every_option_says_what_becomes_of_it() -> None:
    assert len(OPTIONS) > 250
    for option in OPTIONS.values():
        assert option.text, option.name
        assert option.becomes == "refused" or not option.instead, option.name


@needs_fio
def test_every_option_of_fio_is_in_the_table() -> None:
    listed = re.findall(r"^ *([a-z0-9_-]+) *:", fio("--cmdhelp=all"), re.MULTILINE)
    assert len(listed) > 150
    assert [name for name in listed if name not in BY_ANY_NAME] == []


@needs_fio
@pytest.mark.parametrize("name", ["rw", "bs", "ba", "iodepth_batch", "runtime", "steadystate"])
def test_the_aliases_are_those_of_fio(name: str) -> None:
    alias = re.search(r"alias: (\w+)", fio(f"--cmdhelp={name}"))
    assert alias is not None
    assert BY_ANY_NAME[alias[1]].name == name


@needs_fio
def test_the_options_of_fios_engines_are_in_the_table_and_say_so() -> None:
    engines = re.findall(r"^\t(\S+)$", fio("--enghelp"), re.MULTILINE)
    assert "io_uring" in engines
    found = 0
    for engine in engines:
        for name in re.findall(r"^ *([a-z0-9_-]+) *:", fio(f"--enghelp={engine}"), re.MULTILINE):
            option = BY_ANY_NAME[name]
            assert not option.engines or engine in option.engines, f"{name} of {engine}"
            found += 1
    assert found > 50


@needs_fio
@pytest.mark.parametrize("name", ["time_based", "stonewall", "thread", "direct", "nice", "unlink"])
def test_an_option_without_a_value_is_what_fio_takes(name: str, tmp_path: Path) -> None:
    job = tmp_path / "job.fio"
    job.write_text(f"[job]\nrw=read\nsize=1m\n{name}\n")
    command = ["fio", "--parse-only", str(job)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode == 0) == (name in MAY_BE_BARE)
    assert set(OPTIONS) >= MAY_BE_BARE


def test_the_page_has_the_generated_tables() -> None:
    """To renew them: `python -m tests.fio.test_reference`."""
    embedded = TABLE.search(PAGE.read_text())
    assert embedded is not None
    assert embedded[2] == reference_tables()


def test_the_example_on_the_page_is_what_becomes_of_it() -> None:
    text = PAGE.read_text()
    job = re.search(r"^```ini\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    toml = re.search(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert job is not None
    assert toml is not None
    found = import_jobs(job[1].encode(), "page")
    assert as_file(found.scenarios, "The jobs of a job file", found.notes) == toml[1]


if __name__ == "__main__":
    page = TABLE.sub(lambda found: found[1] + reference_tables() + found[3], PAGE.read_text())
    PAGE.write_text(page)
