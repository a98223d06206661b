"""What `--export` asks for: checked before measuring, written at the end; for all commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels import exports
from iomodels.errors import OutputError
from iomodels.exports import Export, Subject

if TYPE_CHECKING:
    from iomodels.changes import Comparison
    from iomodels.results import Run


def asked(
    given: Sequence[str],
    subject: Subject,
    *,
    force: bool,
    as_json: bool = False,
    taken: Sequence[Path] = (),
) -> list[Export]:
    """Read and check the `FORMAT=PATH` of a command line; `taken` are its other outputs.

    Raises `OutputError` or `click.UsageError`, before anything is measured.
    """
    found = [exports.parse(text, subject) for text in given]
    if as_json and on_standard_output(found):
        raise click.UsageError("--json and an export to '-' both want standard output: keep one")
    exports.check(found, force=force, taken=taken)
    return found


def on_standard_output(asked_for: Sequence[Export]) -> bool:
    """Whether an export goes there; then nothing else does, and tables go to standard error."""
    return any(export.path is None for export in asked_for)


def write(
    asked_for: Sequence[Export], content: Run | Comparison, *, force: bool, as_json: bool = False
) -> None:
    """Write all exports, those after a failed one too.

    Raises `OutputError` for the first that could not be written.
    """
    failure: OutputError | None = None
    for export in asked_for:
        # A CI runner reads both streams for its commands; a JSON document has its own to itself.
        _print(exports.render_commands(export, content), to_stderr=as_json)
        if export.path is None:
            _print(exports.render(export, content))
            continue
        try:
            exports.write(export, content, force=force)
        except OutputError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def _print(text: str, *, to_stderr: bool = False) -> None:
    if not text:
        return
    stream = sys.stderr if to_stderr else sys.stdout
    stream.flush()
    stream.buffer.write(exports.encode(text))
    stream.buffer.flush()
