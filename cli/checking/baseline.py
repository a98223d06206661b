"""`iomodels check --baseline`: measure the cells of earlier runs again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import signals
from iomodels.base.errors import OutputError
from iomodels.results.where import LATEST

from ..shared.appending import Appending, where
from ..shared.ending import Ending
from ..shared.folders import default_folder, free_name
from ..shared.options import one_folder

if TYPE_CHECKING:
    from iomodels.check.history.against_baseline import Checked
    from iomodels.check.history.baseline import Baseline
    from iomodels.comparison.schema import Comparison, Undecided


@dataclass(frozen=True)
class How:
    """How to check against a baseline, as `against_baseline.check` takes it."""

    metric_keys: Sequence[str]
    threshold: float
    rounds: int | None
    folder: str | None
    however_long: bool
    undecided: Undecided
    budget_s: float | None
    allow: Sequence[str]


def loaded(
    names: Sequence[str],
    paths: Sequence[Path],
    scenarios: Sequence[str],
    engines: Sequence[str],
    last: int | None,
) -> Baseline:
    """The baseline of these files and folders, as `names` say them: the cells of these scenarios
    and engines."""
    from iomodels.check.history.baseline import load_baseline
    from iomodels.check.history.chosen import chosen

    whole = load_baseline(paths, last=last)
    _refuse_both(names, {cell.scenario for run in whole.runs for cell in run.cells})
    return chosen(whole, scenarios, engines)


def recorded(paths: Sequence[str], chosen: Sequence[str], rounds: int | None) -> Appending:
    """Where `--record` adds the run. Raises `UsageError` unless the baseline is one folder, and for
    a run that would be no model for later ones: they have its cells and its number of rounds."""
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        raise click.UsageError(
            "--record adds the run to the baseline: give --baseline exactly one folder"
        )
    if chosen:
        raise click.UsageError("--record adds whole runs: give no SCENARIO and no -e with it")
    if rounds is not None:
        raise click.UsageError(
            "--record adds a run whose number of rounds later checks have, too: give no -r with it"
        )
    return Appending(Path(paths[0]))


def against_baseline(
    base: Baseline,
    how: How,
    ending: Ending,
    *,
    path: Path,
    recording: Appending | None,
    as_json: bool,
) -> tuple[Comparison | None, int | None]:
    """What it came to, and the signal that interrupted it: then nothing was judged, and what was
    measured stays in PATH.partial. A run that passed is added to the history."""
    from iomodels.base.files import partial_path
    from iomodels.check.history import against_baseline as checking
    from iomodels.measure.run import RunInterrupted
    from iomodels.results.locks import TakenError

    from ..show import console, progress

    messages = console.messages()
    with ExitStack() as stack:
        if recording is not None:
            stack.enter_context(recording.prepared())
        keep = _place_to_keep(path, stack)
        try:
            with progress.display(messages, table_below=not as_json) as listener:
                while True:
                    try:
                        checked = checking.check(base, **vars(how), keep=keep, listener=listener)
                        break
                    except TakenError:
                        if keep is None:
                            raise
                        keep = free_name(keep)  # another check of this second has that name
        except RunInterrupted as interruption:
            number = interruption.number
            messages.print(f"{signals.words(number)}: nothing was judged")
            if keep is not None and partial_path(keep).exists():
                messages.print(console.safe(f"kept: {partial_path(keep)}"), soft_wrap=True)
            return None, number
        said, safe = _record(checked, recording, ending) if recording is not None else ([], True)
        trials = None if keep is None else partial_path(keep)
        if trials is not None and safe:
            trials.unlink(missing_ok=True)
        elif trials is not None and trials.exists():
            said = [*said, f"kept: {trials}"]
        for line in said:
            messages.print(console.safe(line), soft_wrap=True)
    return checked.comparison, None


def _place_to_keep(path: Path, stack: ExitStack) -> Path | None:
    """Where trials are kept while it measures. It needs none: where nothing can be written, that is
    said, and it measures all the same."""
    from iomodels.base import files

    from ..show import console

    path = free_name(path) if path.exists() or files.partial_path(path).exists() else path
    try:
        stack.enter_context(default_folder(path))
        files.check_output(path, force=False)
    except OutputError as error:
        note = f"note: trials are not kept while they are measured: {error}"
        console.err().print(console.safe(note), soft_wrap=True)
        return None
    return path


def _record(checked: Checked, recording: Appending, ending: Ending) -> tuple[list[str], bool]:
    """What became of the history, and whether that is what was asked for: not where the run could
    not be written. It has no run in it that looked like a loss: later ones would pass by it."""
    outcome = checked.comparison.outcome
    if outcome != "passed":
        return [f"nothing was added to {recording.folder}: the outcome is {outcome}"], True
    added = recording.add(checked.run, ending)
    return where(added, recording, None), added is not None


def say_how_to_recheck(
    comparison: Comparison,
    how: How,
    files: Sequence[str],
    settings: Sequence[str],
    last: int | None,
) -> None:
    """The last line of a check in which cells look worse."""
    from iomodels.comparison.runs import DEFAULT_THRESHOLD

    from ..show import console
    from . import recheck

    options = {
        "--baseline": files,
        "--last": [str(last)] if last is not None else [],
        "-m": how.metric_keys,
        "--threshold": [f"{how.threshold * 100:g}%"] if how.threshold != DEFAULT_THRESHOLD else [],
        "--undecided": [how.undecided] if how.undecided != "pass" else [],
        "--allow": how.allow,
        "--budget": [f"{how.budget_s:.12g}"] if how.budget_s is not None else [],
        "-r": [str(how.rounds)] if how.rounds is not None else [],
        "-s": settings,
    }
    flags = ["--long"] if how.however_long else []
    command = recheck.command(comparison, options, flags)
    if command:
        console.err().print(console.safe(f"check the suspects again: {command}"), soft_wrap=True)


def folder(settings: Mapping[str, Sequence[str]]) -> str | None:
    """The one thing that a baseline leaves open: it never says where files are."""
    others = [key for key in settings if key != "channel.folder"]
    if others:
        raise click.UsageError(
            f"--set {others[0]} needs --a or --b: with --baseline only channel.folder can be "
            "set; the other settings are those of the baseline"
        )
    return one_folder(settings)


def told_apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands beside `--baseline FILE`: more files, as a shell makes them of `baseline/*.json`,
    and the scenarios whose cells to check."""
    from iomodels.workload.scenario import shipped

    files = [name for name in names if _is_file(name)]
    _refuse_both(files, shipped())
    return files, [name for name in names if name not in files]


def _is_file(name: str) -> bool:
    path = Path(name)
    if path.suffix == ".toml":
        return False
    looks_like_one = len(path.parts) > 1 or path.suffix in (".json", ".partial")
    return name == LATEST or looks_like_one or path.exists()


def _refuse_both(files: Sequence[str], scenarios: Collection[str]) -> None:
    for name in files:
        if name in scenarios:
            raise click.UsageError(
                f"'{name}' is a file here and a scenario: write ./{name} for the file; for the "
                "scenario, start the command in another folder"
            )
