"""`iomodels check --baseline`: measure the cells of earlier runs again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base import signals

from ..arguments.results import found
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


def loaded(paths: Sequence[str]) -> Baseline:
    from iomodels.check.history.baseline import load_baseline

    return load_baseline(found([Path(path) for path in paths]))


def against_baseline(
    base: Baseline, how: How, ending: Ending, *, as_json: bool
) -> tuple[Comparison | None, int | None]:
    """What it came to, and the signal that interrupted it: then nothing was judged."""
    from iomodels.check.history import against_baseline as checking
    from iomodels.measure.run import RunInterrupted

    from ..show import console, progress

    messages = console.err()
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


def folder(settings: Mapping[str, Sequence[str]]) -> str | None:
    """The one thing that a baseline leaves open: it never says where files are."""
    others = [key for key in settings if key != "channel.folder"]
    if others:
        raise click.UsageError(
            f"--set {others[0]} needs --a or --b: with --baseline only channel.folder can be "
            "set; the other settings are those of the baseline"
        )
    return one_folder(settings)


def files_only(names: Sequence[str]) -> None:
    """What follows `--baseline FILE` are more files, as a shell makes them of `baseline/*.json`."""
    from iomodels.workload.scenario import shipped, suites

    scenarios = {*shipped(), *suites()}
    for name in names:
        if Path(name).suffix == ".toml" or (name in scenarios and not Path(name).exists()):
            raise click.UsageError(
                "with --baseline, name no scenario: the baseline contains the cells to measure"
            )
