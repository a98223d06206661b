"""Job files that are broken in all ways: one sentence each, and nothing dropped in silence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomodels.base.errors import JobFileError
from iomodels.fio.importing import import_jobs
from iomodels.fio.options.table import BY_ANY_NAME
from iomodels.fio.reading import read_sections
from iomodels.workload.scenario import resolve
from iomodels.workload.writing import as_file

from .files import VALID, assert_each_option_has_one_fate

MUTATIONS = 10
"""Of each of some files."""
FUZZED = VALID[::3]

NAMES = sorted(BY_ANY_NAME)
VALUES = ["", "0", "1", "2", "4k", "64k", "4k-8k", "4k/50:8k", "%", "50%", "-1", "1,2,3", "x", "∞"]
VALUES += ["9" * 40, "0x", "${HOME}", "$ncpus", "8*$ncpus", "read", "randrw", "libaio", "none"]


def check(content: bytes, tmp_path: Path) -> None:
    """One sentence, or every option in one list; and every scenario can be read."""
    for partly in (False, True):
        try:
            found = import_jobs(content, "job.fio", partly=partly, memory_bytes=1 << 30)
        except JobFileError as error:
            sentence = str(error)
        else:
            sentence = ""
        if sentence:
            assert sentence.startswith("job.fio")
            assert sentence.isprintable()
            return
        assert_each_option_has_one_fate(read_sections(content, "job.fio", None), found)
        if found.scenarios:
            file = tmp_path / "mine.toml"
            file.write_text(as_file(found.scenarios, "jobs", found.notes))
            assert len(resolve([str(file)])) == len(found.scenarios)


def mutated(content: bytes, dice: random.Random) -> bytes:
    """With a few bytes or lines changed, doubled, left out or from elsewhere."""
    lines = content.splitlines(keepends=True)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(lines))
        what = dice.randrange(6)
        if what == 0:
            lines[place] = bytes(
                dice.randrange(256) if dice.random() < 0.2 else byte for byte in lines[place]
            )
        elif what == 1:
            lines.insert(place, dice.choice(lines))
        elif what == 2 and len(lines) > 1:
            del lines[place]
        elif what == 3:
            option, _, _ = lines[place].partition(b"=")
            lines[place] = option + b"=" + dice.choice(VALUES).encode() + b"\n"
        elif what == 4:
            line = f"{dice.choice(NAMES)}={dice.choice(VALUES)}\n"
            lines.insert(place, line.encode())
        else:
            lines[place] = lines[place][: dice.randrange(len(lines[place]) + 1)]
    return b"".join(lines)


def test_enough_files_are_fuzzed() -> None:
    assert len(FUZZED) >= 20


@pytest.mark.parametrize("path", FUZZED, ids=lambda path: path.stem)
def test_mutations_of_a_file(path: Path, tmp_path: Path) -> None:
    dice = random.Random(path.name)
    for _ in range(MUTATIONS):
        check(mutated(path.read_bytes(), dice), tmp_path)


lines = st.one_of(
    st.builds("{}={}".format, st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.sampled_from(NAMES),
    st.sampled_from(
        ["[global]", "[job]", "[job]", "; said", "include other.inc", "", "[", "]", "="]
    ),
    st.text(max_size=20),
)


@settings(max_examples=150)
@given(st.lists(lines, max_size=12))
def test_any_lines_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    content = "\n".join(["[first]", "rw=randread", "size=1m", "direct=1", *texts]).encode(
        errors="replace"
    )
    check(content, tmp_path_factory.getbasetemp())


@settings(max_examples=100)
@given(st.lists(st.sampled_from(NAMES), max_size=4), st.sampled_from(VALUES))
def test_every_option_with_any_value_has_a_fate_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], value: str
) -> None:
    options = "".join(f"{name}={value}\n" for name in names)
    check(f"[j]\nrw=rw\nsize=1m\n{options}".encode(), tmp_path_factory.getbasetemp())


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    check(content, tmp_path_factory.getbasetemp())
