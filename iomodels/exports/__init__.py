"""What other programs read: the table of export formats, and the writing of them.

One module per format, each pure: a `Run` (measurements), a `Comparison` (verdicts) or an `Advice`
(answers) in, text out.
A cell without a measurement is left out, or marked where the format has a place for that: never a
null, never a 0. This module imports none of them until one is asked for, so that `--help` is light.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from iomodels.base.errors import OutputError
from iomodels.base.units import listed

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.comparison.schema import Comparison
    from iomodels.results.schema import Run

    Content = Run | Comparison | Advice

Subject = Literal["measurements", "verdicts", "answers"]
SUBJECTS: tuple[Subject, ...] = ("measurements", "verdicts", "answers")
STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class Format:
    """One format. `measurements`, `verdicts` and `answers`: the function of `module` that takes
    that."""

    name: str
    meaning: str
    module: str
    measurements: str | None = None
    verdicts: str | None = None
    answers: str | None = None
    appended: bool = False
    """Whether it goes to the end of its file, which others write too, instead of replacing it."""
    commands: str | None = None
    """The function that gives lines for standard output besides (commands to the CI runner)."""

    def function_name(self, subject: Subject) -> str | None:
        functions: dict[Subject, str | None] = {
            "measurements": self.measurements,
            "verdicts": self.verdicts,
            "answers": self.answers,
        }
        return functions[subject]


FORMATS = {
    format.name: format
    for format in (
        Format("csv", "spreadsheets, pandas", "csv_rows", "of_run", "of_comparison", "of_advice"),
        Format("markdown", "people", "markdown", "of_run", "of_comparison", "of_advice"),
        Format(
            "github-benchmark-bigger",
            "github-action-benchmark, customBiggerIsBetter",
            "github_benchmark",
            measurements="bigger",
        ),
        Format(
            "github-benchmark-smaller",
            "github-action-benchmark, customSmallerIsBetter",
            "github_benchmark",
            measurements="smaller",
        ),
        Format("bencher", "Bencher (adapter json)", "bencher", measurements="of_run"),
        Format("pyperf", "python -m pyperf", "pyperf", measurements="of_run"),
        Format("openmetrics", "Prometheus, GitLab", "openmetrics", measurements="of_run"),
        Format("junit", "the test report of nearly every CI", "junit", verdicts="of_comparison"),
        Format(
            "github",
            "GitHub Actions: the step summary, and annotations on standard output",
            "github",
            verdicts="summary",
            appended=True,
            commands="commands",
        ),
        Format(
            "json",
            "other programs",
            "json_document",
            verdicts="of_comparison",
            answers="of_advice",
        ),
    )
}


@dataclass(frozen=True)
class Export:
    """One `FORMAT=PATH`. `path` None is standard output."""

    format: Format
    path: Path | None


def names(subject: Subject) -> list[str]:
    """The formats there are of this subject."""
    return [name for name, format in FORMATS.items() if format.function_name(subject)]


def reference_table() -> str:
    """The formats as a Markdown table, for docs/ci.md."""
    lines = ["| Format | Of | Read by |", "| --- | --- | --- |"]
    for format in FORMATS.values():
        of = [subject for subject in SUBJECTS if format.function_name(subject)]
        lines.append(f"| `{format.name}` | {listed(of)} | {format.meaning} |")
    return "\n".join(lines) + "\n"


def parse(text: str, subject: Subject) -> Export:
    """Read `FORMAT=PATH`; a path of `-` is standard output.

    Raises `OutputError` for a format that does not exist or has nothing of this subject, and for
    a missing path.
    """
    name, _, path = text.partition("=")
    known = ", ".join(names(subject))
    if name not in FORMATS:
        raise OutputError(f"there is no export format '{name}': of {subject} there are {known}")
    format = FORMATS[name]
    if not format.function_name(subject):
        raise OutputError(f"'{name}' is no export of {subject}: there are {known}")
    if not path:
        raise OutputError(f"'--export {text}' has no path: write for example --export {name}=FILE")
    return Export(format, None if path == STANDARD_OUTPUT else Path(path))


def check(exports: Sequence[Export], *, force: bool, taken: Sequence[Path] = ()) -> None:
    """Refuse, before anything is measured, what could not be written afterwards.

    `taken` are other outputs of the same command. Raises `OutputError`, also for two outputs to
    one place.
    """
    from iomodels.base import files

    places: set[str] = {files.place(path) for path in taken}
    for export in exports:
        place = STANDARD_OUTPUT if export.path is None else files.place(export.path)
        if place in places:
            where = "standard output" if export.path is None else str(export.path)
            raise OutputError(f"two outputs go to {where}: give each a place of its own")
        places.add(place)
        if export.path is None:
            continue
        if export.format.appended:
            _check_appendable(export.path)
        else:
            files.check_output(export.path, force=force)


def render(export: Export, content: Content) -> str:
    """The text of one export."""
    return _call(export.format, export.format.function_name(_subject(content)), content)


def render_commands(export: Export, content: Content) -> str:
    """What the export has to say on standard output besides; mostly nothing."""
    return _call(export.format, export.format.commands, content)


def write(export: Export, content: Content, *, force: bool) -> None:
    """Write one export to its path: whole or not at all, or to the end of a file that others share.

    Raises `OutputError` where that fails, or where the file exists already without `force`.
    """
    from iomodels.base import files

    assert export.path is not None, "standard output is the caller's"
    data = encode(render(export, content))
    if not export.format.appended:
        files.write(data, export.path, force=force)
        return
    try:
        with open(export.path, "ab") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise _cannot_append(export.path, error) from None


def encode(text: str) -> bytes:
    """UTF-8, in which a lone surrogate is written out: there are none in what `load` accepts."""
    return text.encode("utf-8", errors="backslashreplace")


def _subject(content: Content) -> Subject:
    of: dict[str, Subject] = {"Comparison": "verdicts", "Advice": "answers"}
    return of.get(type(content).__name__, "measurements")


def _call(format: Format, function: str | None, content: Content) -> str:
    if function is None:
        return ""
    text = getattr(importlib.import_module(f"{__name__}.{format.module}"), function)(content)
    assert isinstance(text, str)
    return text


def _check_appendable(path: Path) -> None:
    """Tried, not asked: to the superuser `access` allows even a read-only file system."""
    try:
        existed = os.path.lexists(path)
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is not a regular file: give the name of a file")
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666))
        if not existed:
            path.unlink()
    except (OSError, ValueError) as error:
        raise _cannot_append(path, error) from None


def _cannot_append(path: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot write to {path} ({reason}): check its folder, or name another file")
