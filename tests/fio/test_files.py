"""Whole job files: nothing is dropped in silence, and what is written can be used."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from iomodels.base.errors import JobFileError
from iomodels.engines.ability import ability
from iomodels.engines.spec import parse_list
from iomodels.fio.options.table import BY_ANY_NAME
from iomodels.fio.reading import read_sections
from iomodels.workload.scenario import points, resolve
from iomodels.workload.writing import NOT_AT_ONCE, as_file

from .files import BROKEN, FOLDER, VALID, assert_each_option_has_one_fate, imported, imported_text

needs_fio = pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
by_name = {"ids": lambda path: path.stem}

FIO_TAKES = {
    "blank-before-unit": "for 4 bytes",
    "decimals": "for 1 MiB",
    "includes-itself": "and runs the job without what stands below",
    "missing-include": "and runs the job without what stands below",
    "section-in-include": "and runs the job without what stands below",
    "negative": "and leaves the option out, with a warning",
    "no-job": "and has nothing to do",
    "only-comments": "and has nothing to do",
    "no-name": "and makes up a name",
    "open-bracket": "as a name without its last letter",
    "rate-twice": "here, and refuses it when it runs",
    "split-too-much": "here, and refuses it when it runs",
    "time-unit": "for microseconds",
    "unknown-engine": "here, and refuses it when it runs",
}
"""Files that are broken to us and not to `fio --parse-only`: how fio takes them."""


def test_there_are_files_of_all_kinds() -> None:
    assert len(VALID) + len(BROKEN) >= 60
    assert len(BROKEN) >= 20


@pytest.mark.parametrize("partly", [False, True], ids=["wholly", "partly"])
@pytest.mark.parametrize("path", VALID, **by_name)
def test_every_option_has_exactly_one_fate_in_each_job(path: Path, partly: bool) -> None:
    sections = read_sections(path.read_bytes(), path.name, path.parent)
    assert_each_option_has_one_fate(sections, imported(path, partly=partly))


@pytest.mark.parametrize("path", VALID, **by_name)
def test_a_job_is_written_or_says_why_not(path: Path) -> None:
    wholly, partly = imported(path), imported(path, partly=True)
    for strict, lenient in zip(wholly.jobs, partly.jobs, strict=True):
        assert (strict.scenario is None) == bool(strict.obstacles)
        assert (lenient.scenario is None) == bool(lenient.obstacles)
        refused = [fate for fate in strict.fates if fate.becomes == "refused"]
        assert strict.fates == lenient.fates
        assert bool(refused) == bool(strict.obstacles)
        if strict.scenario is not None:
            assert strict.scenario == lenient.scenario
        if refused and lenient.scenario is not None:
            notes = " ".join(lenient.scenario.notes)
            assert all(f"{fate.option}: {fate.text}; {fate.instead}." in notes for fate in refused)


@pytest.mark.parametrize("path", VALID, **by_name)
def test_what_is_written_is_a_scenario_file(path: Path, tmp_path: Path) -> None:
    found = imported(path, partly=True)
    if not found.scenarios:
        assert path.stem in {"null", "profile", "replay", "trim"}
        return
    file = tmp_path / "mine.toml"
    file.write_text(as_file(found.scenarios, "jobs", found.notes))
    scenarios = resolve([str(file)])
    assert len(scenarios) == len(found.scenarios)
    for scenario, written in zip(scenarios, found.scenarios, strict=True):
        (point,) = points(scenario)
        assert point.load.depth == written.settings["load.depth"]
        assert scenario.settings == written.settings
        if written.today:
            (spec,) = parse_list([written.today])
            assert spec.canonical == written.today
            assert scenario.today == written.today
            reason = ability(spec, point).na_reason
            assert reason is None or "here" in reason or "not available" in reason, reason


@pytest.mark.parametrize("path", BROKEN, **by_name)
def test_a_broken_file_is_refused_with_one_sentence(path: Path) -> None:
    with pytest.raises(JobFileError) as error:
        imported(path)
    message = str(error.value)
    assert message.startswith(f"{path.name}")
    assert "\n" not in message
    assert re.search(r": line \d+", message) or path.stem in {"no-job", "only-comments"}
    assert message.isprintable()


def fio(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["fio", *arguments],
        cwd=FOLDER / "valid",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_fio
def test_fio_takes_the_valid_files() -> None:
    done = fio("--parse-only", *(path.name for path in VALID))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_fio
@pytest.mark.parametrize("path", BROKEN, **by_name)
def test_fio_takes_no_broken_file_but_those_that_we_know_of(path: Path) -> None:
    done = fio("--parse-only", str(path))
    assert (done.returncode == 0) == (path.stem in FIO_TAKES)


@cache
def shown_by_fio() -> list[str]:
    """A line for each valid file: one process takes all of them."""
    return fio("--showcmd", *(path.name for path in VALID)).stdout.splitlines()


@needs_fio
@pytest.mark.parametrize("path", VALID, **by_name)
def test_fio_reads_the_same_sections_and_options(path: Path) -> None:
    """`--showcmd` writes each section as a command line, sorted in a way of its own; a further
    [global] with what those above it have. Values with variables differ from those in the file."""
    assert len(shown_by_fio()) == len(VALID)
    line = shown_by_fio()[VALID.index(path)].strip()
    options = re.findall(r"--([\w-]+)(?:=(.*?))?(?= --|$)", line)
    said = Counter((name, value.strip(' "')) for name, value in options)
    ours: Counter[tuple[str, str]] = Counter()
    above: list[tuple[str, str]] = []
    for section in read_sections(path.read_bytes(), path.name, path.parent):
        own = [(BY_ANY_NAME[line.option].name, line.value or "") for line in section.lines]
        if section.is_global:
            above += own
            own = above
        else:
            ours["name", section.name] += 1
        ours += Counter((name, value) for name, value in own if "$" not in value)
    assert not ours - said
    assert all("$" in path.read_text() for _ in said - ours)


def test_jobs_that_run_at_once_are_said_to_be_measured_one_after_the_other() -> None:
    assert imported(FOLDER / "valid" / "two-readers-two-writers.fio").notes == (NOT_AT_ONCE,)
    assert imported(FOLDER / "valid" / "surface-scan.fio").notes == ()
    assert imported(FOLDER / "valid" / "append.fio").notes == ()
    waiting = "[a]\nrw=write\nsize=1m\n[b]\nrw=write\nsize=1m\nwait_for=a\n"
    assert imported_text(waiting).notes == ()


def test_nothing_private_is_in_a_scenario_or_a_message() -> None:
    secret = "/home/alice/secret-db"
    text = (
        f"[job]\nfilename={secret}\ndirectory={secret}\nexec_prerun=cat {secret}\n"
        f"write_bw_log={secret}\nsize=1m\nrw=read\ndescription=alice {secret}\n"
    )
    found = imported_text(text, partly=True)
    assert "alice" not in repr(found)
    for option in ("size", "bs", "rw", "ioengine", "iodepth", "direct", "bssplit", "rate", secret):
        with pytest.raises(JobFileError) as error:
            imported_text(f"[job]\n{option}={secret}\n")
        assert "alice" not in str(error.value)
    elsewhere = imported(FOLDER / "valid" / "net-elsewhere.fio", partly=True)
    assert "storage-17" not in repr(elsewhere)


def test_names_of_jobs_become_slugs_and_differ() -> None:
    text = "".join(f"[{name}]\nrw=read\nsize=1m\n" for name in ("/dev/sda", "a b", "a-b", "…", "_"))
    names = [job.name for job in imported_text(text).jobs]
    assert names == ["dev-sda", "a-b", "a-b-2", "u2026", "job"][:3] + names[3:]
    assert len(set(names)) == len(names)


def test_too_many_jobs_are_refused() -> None:
    text = "".join(f"[job{number}]\nrw=read\nsize=1m\n" for number in range(65))
    with pytest.raises(JobFileError, match="65 jobs"):
        imported_text(text)


@pytest.mark.parametrize("heading", ["", "[global]\n"])
def test_too_many_options_are_refused_at_once(heading: str) -> None:
    text = "[job]\nrw=read\n" + f"{heading}bs=4k\n" * (100_000 // (1 + len(heading)))
    with pytest.raises(JobFileError, match=r"too many|more than 1000 options"):
        imported_text(text)


@pytest.mark.parametrize("content", [b"[a]\0\nrw=read\n", b"[a]\n" + b"x" * 5000, b"#" * (2 << 20)])
def test_what_is_no_job_file_is_refused(content: bytes) -> None:
    with pytest.raises(JobFileError):
        read_sections(content, "job.fio", None)


def test_an_include_is_a_regular_file_and_the_error_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "private-folder").mkdir()
    for name in ("private-folder", "/dev/zero", "private-missing", "a\x01b"):
        with pytest.raises(JobFileError, match="line 3: the included file") as error:
            read_sections(f"[a]\nrw=read\ninclude {name}\n".encode(), "job.fio", tmp_path)
        assert "private" not in str(error.value)


def test_an_include_may_not_go_round(tmp_path: Path) -> None:
    (tmp_path / "round.inc").write_text("bs=4k\ninclude round.inc\n")
    with pytest.raises(JobFileError, match="does one include itself"):
        read_sections(b"[a]\ninclude round.inc\n", "job.fio", tmp_path)
