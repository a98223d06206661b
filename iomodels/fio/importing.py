"""A job file as scenarios, and what became of each of its options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iomodels.base.errors import JobFileError, ScenarioError
from iomodels.base.files import slug
from iomodels.base.units import Duration, Size, exact_size
from iomodels.fio import access, requests, sockets
from iomodels.fio.job import Fate, Job
from iomodels.fio.options.table import BY_ANY_NAME
from iomodels.fio.reading import MAX_OPTIONS, JobLine, JobSection, read_sections
from iomodels.fio.translation import Translation
from iomodels.workload.channels import Value
from iomodels.workload.key import all_keys
from iomodels.workload.point import settle
from iomodels.workload.suite import MAX_RUNS
from iomodels.workload.writing import NOT_AT_ONCE, WrittenScenario


@dataclass(frozen=True)
class ImportedJob:
    """One job: its scenario, or None where it is refused, and the fate of every option.

    `obstacles` are the sentences that say why it is refused; `name` is a slug of the section's,
    `line` that of the section.
    """

    name: str
    line: int
    scenario: WrittenScenario | None
    fates: tuple[Fate, ...]
    obstacles: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    """The options that were translated, with their values as fio reads them: for running fio beside
    iomodels. Never written anywhere."""
    at_once: bool = False
    """Whether fio runs it at the same time as the job before it."""


@dataclass(frozen=True)
class ImportedJobs:
    """A whole file. `unused` are the options of global sections with no job below them."""

    jobs: tuple[ImportedJob, ...]
    unused: tuple[Fate, ...] = ()

    @property
    def scenarios(self) -> tuple[WrittenScenario, ...]:
        """Those that could be written, in the order of the file."""
        return tuple(job.scenario for job in self.jobs if job.scenario is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What no scenario says of all of them together."""
        return (NOT_AT_ONCE,) if any(job.at_once for job in self.jobs[1:]) else ()


def import_jobs(
    content: bytes,
    where: str,
    *,
    folder: Path | None = None,
    partly: bool = False,
    memory_bytes: int = 0,
) -> ImportedJobs:
    """The jobs of a file as scenarios.

    `where` names the file in errors; `folder` is where the files that it includes are looked for
    (None: it may include none). `memory_bytes` is the memory of the machine that it is for: it
    decides whether a file fits into the page cache. A job that asks for what no scenario can say is
    refused; with `partly` it is written without it, with notes.

    Raises `JobFileError` for a file that fio would not take either, with the line.
    """
    sections = read_sections(content, where, folder)
    jobs = [section for section in sections if not section.is_global]
    if not jobs:
        raise JobFileError(f"{where} has no job: a job is a section with a name, such as [reader]")
    if len(jobs) > MAX_RUNS:
        raise JobFileError(
            f"{where} has {len(jobs)} jobs, and a suite has {MAX_RUNS} runs at most: divide the "
            "file"
        )
    names = _names(jobs)
    inherited: list[JobLine] = []
    below: list[JobLine] = []
    found: list[ImportedJob] = []
    for section in sections:
        if section.is_global:
            inherited += section.lines
            below += section.lines
            if len(inherited) > MAX_OPTIONS:
                raise JobFileError(
                    f"{where}: the global sections down to line {section.line} have more than "
                    f"{MAX_OPTIONS} options"
                )
            continue
        below = []
        job = Job(section, [*inherited, *section.lines], where)
        name = names[len(found)]
        found.append(_imported(job, name, partly=partly, memory_bytes=memory_bytes))
    return ImportedJobs(tuple(found), tuple(_unused(below, where)))


def _names(jobs: Sequence[JobSection]) -> list[str]:
    """Of the scenarios: slugs of the sections', each one different."""
    names: list[str] = []
    for job in jobs:
        base = slug(job.name)[:60].lstrip("_") or "job"
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _unused(lines: Sequence[JobLine], where: str) -> Iterator[Fate]:
    if lines:
        Job(JobSection("global", lines[0].line, ()), lines, where)  # they must exist all the same
    for line in lines:
        text = "no job is below this section"
        yield Fate(BY_ANY_NAME[line.option].name, line.line, line.place, "harmless", text)


def _imported(job: Job, name: str, *, partly: bool, memory_bytes: int) -> ImportedJob:
    out = Translation(memory_bytes or 1 << 62)
    access.operation(job, out)
    access.blocks(job, out)
    requests.arrivals(job, out)
    requests.engine(job, out)
    if job.engine == "net":
        sockets.conversation(job, out)
    else:
        access.file(job, out)
        requests.syncs(job, out)
        requests.checks(job, out)
    requests.thinking(job, out)
    _by_the_table(job)
    fates = job.fates()
    obstacles = tuple(_obstacles(fates, partly=partly))
    scenario = None
    if not obstacles:
        try:
            scenario = _scenario(name, out, fates)
        except ScenarioError as error:
            obstacles = (str(error),)
    waits = job.flag("stonewall") or job.has("wait_for")
    given = job.as_given()
    return ImportedJob(name, job.line, scenario, fates, obstacles, given, at_once=not waits)


def _by_the_table(job: Job) -> None:
    """The fates of the options that do not depend on others."""
    job.translated("kb_base", f"k is {job.kilo}")
    for option in job.given():
        if option.becomes == "harmless":
            job.harmless(option.name, option.text)
        elif option.becomes == "refused" and job.is_neutral(option):
            job.harmless(option.name, "it asks for nothing")
        elif option.of and not job.has(option.of):
            job.harmless(option.name, f"it belongs to {option.of}, which the job does not have")
        elif option.becomes == "refused":
            job.refused(option.name, option.text, option.instead)
        elif option.engines and not job.has_fate(option.name):
            job.harmless(option.name, "it belongs to an ioengine that is refused")


def _obstacles(fates: Sequence[Fate], *, partly: bool) -> Iterator[str]:
    for fate in fates:
        if fate.becomes == "refused" and not (partly and fate.instead):
            yield f"{fate.option} ({fate.place}): {fate.text}"


def _scenario(name: str, out: Translation, fates: Sequence[Fate]) -> WrittenScenario:
    """The scenario, checked as one that a person has written. Raises `ScenarioError`."""
    keys = all_keys()
    flat: dict[str, Value] = {}
    for key_name, value in out.settings.items():
        key = keys[key_name]
        if not key.applies({**out.settings}):
            continue
        try:
            flat[key_name] = key.read(
                int(value) if isinstance(value, Size | Duration) else value, canonical=True
            )
        except ScenarioError as error:
            raise ScenarioError(f"{key_name}{error}") from None
    try:
        settle(name, flat, "job")
    except ScenarioError as error:
        raise ScenarioError(str(error).removeprefix("job: ")) from None
    notes = [f"{f.option}: {f.text}; {f.instead}." for f in fates if f.becomes == "refused"]
    return WrittenScenario(
        name=name,
        title=_title(flat),
        settings=flat,
        engines=tuple(dict.fromkeys(["all", *([out.today] if ":" in out.today else [])])),
        today=out.today,
        notes=(*out.notes, *dict.fromkeys(notes)),
    )


def _title(flat: dict[str, Value]) -> str:
    """`4 KiB random reads, direct, 16 in flight`."""
    block = flat["load.block"]
    size = exact_size(block) if isinstance(block, Size) else "mixed sizes:"
    does = {"read": "reads", "write": "writes", "mixed": "reads and writes"}
    pages = {"direct": ", direct", "cold": ", cold", "warm": ", cached"}
    parts = [
        size,
        str(flat.get("load.pattern", "")),
        does[str(flat["load.operation"])] + pages.get(str(flat.get("channel.cache", "")), ""),
    ]
    return f"{' '.join(filter(None, parts))}, {flat['load.depth']} in flight"
