"""What `--export` asks for: checked before measuring, written at the end; for all commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels import exports
from iomodels.exports import Export, Subject

from .ending import Ending
from .folders import spare_inputs

if TYPE_CHECKING:
    from iomodels.advice.document import Advice
    from iomodels.comparison.schema import Comparison
    from iomodels.results.schema import Run


def asked(
    given: Sequence[str],
    subject: Subject,
    *,
    force: bool,
    as_json: bool = False,
    taken: Sequence[Path] = (),
    inputs: Sequence[str | Path] = (),
) -> list[Export]:
    """Read and check the `FORMAT=PATH` of a command line; `taken` are its other outputs, and
    `inputs` the files and folders that it reads.

    Raises `OutputError` or `click.UsageError`, before anything is measured.
    """
    found = [exports.parse(text, subject) for text in given]
    for export in found:
        if export.path is not None:
            spare_inputs(export.path, inputs)
    if as_json and on_standard_output(found):
        raise click.UsageError(
            "--json and an export to '-' both use standard output: use one of them"
        )
    exports.check(found, force=force, taken=taken)
    return found


def reserved(
    asked_for: Sequence[Export], others: Sequence[Path] = ()
) -> AbstractContextManager[None]:
    """Keep other runs from writing to the same files until this block ends. Those that an export is
    added to are for all. Raises `OutputError`."""
    from iomodels.results import locks

    files = [e.path for e in asked_for if e.path is not None and not e.format.appended]
    return locks.reserved([*others, *files])


def on_standard_output(asked_for: Sequence[Export]) -> bool:
    """Whether an export goes there; then nothing else does, and tables go to standard error."""
    return any(export.path is None for export in asked_for)


def write_files(
    asked_for: Sequence[Export], content: Run | Comparison | Advice, *, force: bool, ending: Ending
) -> None:
    """Write the exports that go to files, those after a failed one too; `ending` has what failed.

    It comes before anything is printed: a reader of standard output who has gone away must not
    cost what was measured.
    """
    for export in asked_for:
        if export.path is not None:
            with ending.part():
                exports.write(export, content, force=force)


def print_out(
    asked_for: Sequence[Export], content: Run | Comparison | Advice, *, as_json: bool = False
) -> None:
    """The exports that go to standard output, and the commands to a CI runner. It reads both
    streams for these: a document on standard output has that to itself."""
    has_document = as_json or any(e.path is None and not e.format.commands for e in asked_for)
    for export in asked_for:
        _print(exports.render_commands(export, content), to_stderr=has_document)
        if export.path is None:
            _print(exports.render(export, content))


def _print(text: str, *, to_stderr: bool = False) -> None:
    if not text:
        return
    stream = sys.stderr if to_stderr else sys.stdout
    stream.flush()
    stream.buffer.write(exports.encode(text))
    stream.buffer.flush()
