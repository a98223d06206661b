"""`iomodels check --baseline`: measure the cells of earlier runs again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import signals

from ..arguments.results import LATEST, found
from ..shared.ending import Ending
from ..shared.options import one_folder

if TYPE_CHECKING:
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


def loaded(paths: Sequence[str], scenarios: Sequence[str], engines: Sequence[str]) -> Baseline:
    """The baseline of these files and folders: the cells of these scenarios and engines."""
    from iomodels.check.history.baseline import load_baseline
    from iomodels.check.history.chosen import chosen

    whole = load_baseline(found([Path(path) for path in paths]))
    _refuse_both(paths, {cell.scenario for run in whole.runs for cell in run.cells})
    return chosen(whole, scenarios, engines)


def against_baseline(
    base: Baseline, how: How, ending: Ending, *, as_json: bool
) -> tuple[Comparison | None, int | None]:
    """What it came to, and the signal that interrupted it: then nothing was judged."""
    from iomodels.check.history import against_baseline as checking
    from iomodels.measure.run import RunInterrupted

    from ..show import console, progress

    messages = console.messages()
    comparison, number = None, None
    try:
        with progress.display(messages, table_below=not as_json) as listener:
            checked = checking.check(base, **vars(how), listener=listener)
        comparison, kept, not_saved = checked.comparison, checked.output, checked.not_saved
    except RunInterrupted as interruption:
        number, not_saved = interruption.number, interruption.not_saved
        messages.print(f"{signals.words(number)}: nothing was judged")
        kept = None
    if not_saved is not None:
        ending.failures.append(not_saved)
    elif kept is not None:
        messages.print(console.safe(f"result: {kept}"), soft_wrap=True)
    return comparison, number


def say_how_to_recheck(
    comparison: Comparison, how: How, files: Sequence[str], settings: Sequence[str]
) -> None:
    """The last line of a check in which cells look worse."""
    from iomodels.comparison.runs import DEFAULT_THRESHOLD

    from ..show import console
    from . import recheck

    options = {
        "--baseline": files,
        "-m": how.metric_keys,
        "--threshold": [f"{how.threshold * 100:g}%"] if how.threshold != DEFAULT_THRESHOLD else [],
        "--undecided": [how.undecided] if how.undecided != "pass" else [],
        "--allow": how.allow,
        "-s": settings,
    }
    command = recheck.command(comparison, options)
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
