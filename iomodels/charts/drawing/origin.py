"""Where a picture's numbers are from: what tells overlaid runs apart, and the lines at its foot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from iomodels.analysis import cells
from iomodels.analysis.cells import rounds_in_words, trial_times
from iomodels.base.names import text_of
from iomodels.base.units import counted, format_duration
from iomodels.results.schema import Notice, Parameter, Run

from .style import safe

LONGEST = 18
"""Characters of a run's name beside an engine's; longer ones are letters, which the foot explains.
"""
MOST_WARNINGS = 3
_BUSY = ("busy", "busy-throughout")
_BUSY_MESSAGE = re.compile(
    r"other processes used? (\d[\d.]*) of (\d+ cores?(?: in the median trial)?)"
)
_TIME = re.compile(r"[-_ ]?\d{8}T\d{6}Z?(?:[-_.]\d+)?|[-_ ]?\d{4}-\d\d-\d\d(?:[T_-]?[\d:-]+Z?)?")
"""A time stamp in a file's name."""


def run_names(runs: Sequence[Run], paths: Sequence[Path] = ()) -> list[str]:
    """What tells these runs apart, one name for each, in what they differ.

    By their files' names without a time stamp, their folders, kernel, version, or when they were
    made; else by number.
    """
    files = [Path(text_of(path)) for path in paths]
    stems = _without_common_words([_TIME.sub("", path.stem) for path in files])
    ways: list[Callable[[int], str]] = [
        *([lambda n: stems[n], lambda n: files[n].parent.name] if files else []),
        lambda n: f"Linux {runs[n].environment.get('kernel') or '?'}",
        lambda n: f"iomodels {runs[n].tool.version}",
        lambda n: runs[n].created_utc[:10],
        lambda n: runs[n].created_utc[:16].replace("T", " "),
        lambda n: runs[n].created_utc[:19].replace("T", " "),
        *([lambda n: files[n].stem, lambda n: str(files[n])] if files else []),
    ]
    for way in ways:
        names = [way(n) for n in range(len(runs))]
        if all(names) and len(set(names)) == len(runs):
            return names
    return [f"run {n + 1}" for n in range(len(runs))]


def _without_common_words(names: list[str]) -> list[str]:
    """The names from the first word in which they differ, and of each at least the last word."""
    words = [re.findall(r".[^-_ ]*[-_ ]?", name) for name in names]
    alike = (len(set(column)) == 1 for column in zip(*words, strict=False))
    first = min(sum(takewhile(bool, alike)), min(map(len, words), default=0) - 1)
    return ["".join(each[max(first, 0) :]) for each in words]


def short_names(names: Sequence[str]) -> list[str]:
    """The names as they stand beside an engine: letters for all where one is long."""
    if any(len(name) > LONGEST for name in names):
        return [chr(ord("A") + n) for n in range(len(names))]
    return list(names)


def own_settings(runs: Sequence[Run], scenario: str) -> dict[str, list[Parameter]]:
    """What the runs measured this scenario with that differs: each key's value in each run.

    Keys with one value in each run, and several over all; what a run sweeps itself is not among
    them. Empty unless every run has the scenario.
    """
    of_runs = [
        [c.parameters for c in run.cells if c.scenario == scenario and not c.is_harness]
        for run in runs
    ]
    if not all(of_runs):
        return {}
    shared = [key for key in of_runs[0][0] if all(key in p for found in of_runs for p in found)]
    values = {
        key: [list(dict.fromkeys(p[key] for p in found)) for found in of_runs] for key in shared
    }
    return {
        key: [value for (value,) in each]
        for key, each in values.items()
        if all(len(found) == 1 for found in each) and len({found[0] for found in each}) > 1
    }


def names_with_settings(names: Sequence[str], own: Mapping[str, Sequence[Parameter]]) -> list[str]:
    """`50 µs` for each run where such settings tell them all apart; else the names."""
    said = [
        ", ".join(_setting(key, each[n]) for key, each in own.items()) for n in range(len(names))
    ]
    return said if len(set(said)) == len(names) else list(names)


def _setting(key: str, value: Parameter) -> str:
    """The value alone where it has a unit: labels are short, and the notes name the key."""
    shown = cells.show(key, value)
    return shown if " " in shown else f"{cells.in_words(key)} {shown}"


def machine(version: str, known: Mapping[str, Parameter | None]) -> list[str]:
    """Where something was measured and with what, for a footer; "" for what is not known."""
    cores = known.get("cores_allowed") or known.get("cores")
    return [
        f"iomodels {version}",
        str(known.get("cpu") or ""),
        f"{cores} CPUs" if cores else "",
        str(known.get("hypervisor") or ""),
        f"Linux {known['kernel']}" if known.get("kernel") else "",
    ]


def footer(run: Run, scenario: str, label: str) -> list[str]:
    """Machine, kernel, rounds and version in one line, and the run's warnings of this scenario."""
    parts = [
        *machine(run.tool.version, run.environment),
        _rounds(run, scenario),
        f"seed {run.seed}",
        run.created_utc[:10],
    ]
    text = " · ".join(safe(part, 60) for part in parts if part)
    lines = [text, *_warnings(run, scenario)]
    return [f"{label}: {line}" for line in lines] if label else lines


def _warnings(run: Run, scenario: str) -> list[str]:
    """One line for a busy machine, and the first of the others: the page has all in full."""
    others = {cell.scenario for cell in run.cells} - {scenario}
    about = [notice for notice in run.warnings if not _is_about(notice, others)]
    busy = [(n, m) for n in about if n.code in _BUSY and (m := _BUSY_MESSAGE.search(n.message))]
    told = [_warning(n, scenario) for n in about if all(n is not other for other, _ in busy)]
    if busy:
        # The last one is of all the trials, the first one of the moment before them.
        used, of = busy[-1][1].groups()
        told.insert(0, f"Busy machine: other processes used {used} of {of}")
    if len(told) > MOST_WARNINGS:
        more = len(told) - MOST_WARNINGS + 1
        return [*told[: MOST_WARNINGS - 1], f"{more} more warnings: iomodels report lists them"]
    return told


def _is_about(notice: Notice, scenarios: set[str]) -> bool:
    """Whether a warning names one of these scenarios as its subject."""
    return re.split("[:,]", notice.message, maxsplit=1)[0] in scenarios


def _warning(notice: Notice, scenario: str) -> str:
    """Its message without the scenario that the picture is of anyway."""
    text = notice.message.removeprefix(f"{scenario}: ").removeprefix(f"{scenario}, ")
    return f"Warning: {safe(text.replace('`', ''), 300)}"


def _rounds(run: Run, scenario: str) -> str:
    rounds, duration = run.settings.get("rounds"), run.settings.get("duration_s")
    if isinstance(rounds, bool) or not isinstance(rounds, int):
        return ""
    text = rounds_in_words(run) if "precision" in run.settings else counted(rounds, "round")
    if isinstance(duration, bool) or not isinstance(duration, (int, float)):
        return text
    return f"{text} of {trial_times(run, format_duration(duration * 1e9), scenario)}"
