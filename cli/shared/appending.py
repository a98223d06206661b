"""`bench --append` and `check --record`: a run goes into the folder of a history."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import OutputError

from .ending import Ending

if TYPE_CHECKING:
    from iomodels.results.schema import Run


@dataclass(frozen=True)
class Appending:
    """The folder of a history, and what is known to have changed before the run."""

    folder: Path
    change: str = ""

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """The folder, made where it is missing; one that cannot be written to is refused before
        anything is measured. Raises `OutputError`."""
        from iomodels.base import files

        with files.made_folder(self.folder):
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json"
            files.check_output(self.folder / name, force=False)
            yield

    def add(self, run: Run, ending: Ending) -> Path | None:
        """Where the run is now; None where it could not be written, which `ending` has then."""
        from iomodels.check.history import folder

        try:
            return folder.add(run, self.folder, self.change)
        except OutputError as error:
            ending.failures.append(error)
            return None


def asked(folder: Path | None, change: str | None) -> Appending | None:
    """For `--append` and `--change`. Raises `UsageError`."""
    from iomodels.check.history.folder import known_change

    if folder is None:
        if change is not None:
            raise click.UsageError("--change needs --append: it is kept with the run of a history")
        return None
    return Appending(folder, "" if change is None else known_change(change))


def where(added: Path | None, appending: Appending, output: Path | None) -> list[str]:
    """What became of the history. What a run that was not added leaves behind can go on, or be
    added later."""
    from iomodels.base.files import partial_path

    if added is not None:
        size_kib = added.stat().st_size / 1024
        starts = f"; the history starts again: {appending.change}" if appending.change else ""
        return [f"added to {appending.folder}: {added.name} ({size_kib:.0f} KiB){starts}"]
    said = [f"nothing was added to {appending.folder}"]
    if output is not None and (kept := partial_path(output)).exists():
        command = ["iomodels", "bench", "--resume", str(kept), "--append", str(appending.folder)]
        command += ["--change", appending.change] if appending.change else []
        said += [f"kept: {kept}", f"to continue: {shlex.join(command)}"]
    return said
