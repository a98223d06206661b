"""Scenarios: finding them by name or path, reading them strictly, and listing their points.

A scenario says what is read and how hard, never by which engine's means. Its keys and their limits
are in `channels.py`; how flat values become a `Point` is in `point.py`.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from iomodels.base import toml
from iomodels.base.errors import IomodelsError, ScenarioError
from iomodels.base.toml import describe_value, did_you_mean, printable
from iomodels.workload.channels import FileChannel, TimerChannel, Value
from iomodels.workload.draft import Draft, ScenarioFile, leaves
from iomodels.workload.key import all_keys
from iomodels.workload.load import Load
from iomodels.workload.point import Point, choose, point_from_parameters, settle
from iomodels.workload.suite import OwnRun, SuiteRun, is_suite, read_suite

__all__ = [
    "FileChannel",
    "Load",
    "Point",
    "Scenario",
    "TimerChannel",
    "load",
    "point_from_parameters",
    "points",
    "resolve",
    "scenario_folder",
    "shipped",
    "suites",
    "usual_duration_s",
]

MAX_POINTS = 256
"""How many points a scenario may have: at seven rounds of four engines that is hours already."""

SCENARIO_NAME = re.compile(r"\w[\w.+-]{0,79}")
"""What a scenario can be called, and its file without the `.toml`."""


@dataclass(frozen=True)
class Scenario:
    """A workload, the same for every engine.

    `settings` are the values of `table.key` as given, without defaults; `sweep` has the keys with
    several values. `engines` is empty where the scenario names none. `lacks` has the keys that were
    set for a whole suite and mean nothing to this scenario; `changed` those that were set, by a
    suite or the user.
    """

    name: str
    title: str
    question: str
    expect: str | None
    engines: tuple[str, ...]
    settings: Mapping[str, Value]
    sweep: Mapping[str, tuple[Value, ...]]
    path: Path
    lacks: tuple[str, ...] = field(default=(), compare=False)
    changed: tuple[str, ...] = field(default=(), compare=False)
    today: str | None = None
    """The engine whose model the program behind this workload uses today, where that is known."""


def scenario_folder() -> Path:
    """The folder of the shipped scenarios, installed as the package `iomodels.scenarios`.

    Raises `IomodelsError` if the installation lacks it.
    """
    spec = importlib.util.find_spec("iomodels.scenarios")
    if spec is None or not spec.submodule_search_locations:
        raise IomodelsError(
            "the shipped scenarios are missing from this installation: install iomodels again"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def shipped() -> tuple[str, ...]:
    """The names of the shipped scenarios, in alphabetical order."""
    return tuple(name for name, is_a_suite in _kinds(scenario_folder()).items() if not is_a_suite)


def suites() -> tuple[str, ...]:
    """The names of the shipped suites, in alphabetical order."""
    return tuple(name for name, is_a_suite in _kinds(scenario_folder()).items() if is_a_suite)


@cache
def _kinds(folder: Path) -> Mapping[str, bool]:
    """By name, whether it is a suite. Each file is read for it once in a process."""
    return {p.stem: is_suite(toml.read(p, p.name)) for p in sorted(folder.glob("*.toml"))}


def load(name_or_path: str | Path, settings: Mapping[str, Sequence[str]] | None = None) -> Scenario:
    """Read one scenario: a shipped name, or the path of a TOML file.

    `settings` are those of `--set`: `{"load.depth": ["1", "4"]}`. One value sets the key, several
    sweep it, and both replace what the file says. Raises `ScenarioError`.
    """
    path, where = _locate(name_or_path, shipped)
    data = toml.read(path, where)
    if is_suite(data):
        raise ScenarioError(f"{where} is a suite: name a single scenario")
    return _scenario(path, where, data, settings or {})


def resolve(
    names: Sequence[str], settings: Mapping[str, Sequence[str]] | None = None
) -> list[Scenario]:
    """Read scenarios and suites, shipped ones or files, in order and each scenario once.

    `settings` are those of `--set` and apply to every one of them, after a suite's own. Raises
    `ScenarioError`, also where two different scenarios have one name.
    """
    chosen: dict[str, Scenario] = {}
    for name in names:
        for scenario in _one_of(name, names, settings or {}):
            other = chosen.setdefault(scenario.name, scenario)
            if other != replace(scenario, path=_same_file(other.path, scenario.path)):
                raise ScenarioError(_why_not_both(other, scenario))
    return list(chosen.values())


def usual_duration_s(names: Sequence[str], otherwise: float) -> float:
    """How long a trial measures where the user does not say it: the longest that one of these
    scenarios and suites wants, which are `otherwise` where they do not say it either.

    Raises `ScenarioError`.
    """
    return max((_duration_s(name, otherwise) for name in names), default=otherwise)


def _duration_s(name: str, otherwise: float) -> float:
    path, where = _locate(name, lambda: (*shipped(), *suites()))
    data = toml.read(path, where)
    duration_ns = read_suite(data, where).duration_ns if is_suite(data) else None
    return otherwise if duration_ns is None else duration_ns / 1e9


def _one_of(
    name: str, names: Sequence[str], settings: Mapping[str, Sequence[str]]
) -> list[Scenario]:
    """As `_scenarios_of`; settings that fit another of the names are no mistake in themselves."""
    try:
        return list(_scenarios_of(name, settings))
    except ScenarioError as error:
        if _can_be_read(name, {}) and any(_can_be_read(other, settings) for other in names):
            raise ScenarioError(
                f"{error}; settings apply to every scenario that is named: run this one "
                "separately, or write a suite file"
            ) from None
        raise


def _can_be_read(name: str, settings: Mapping[str, Sequence[str]]) -> bool:
    try:
        return bool(list(_scenarios_of(name, settings)))
    except ScenarioError:
        return False


def _same_file(one: Path, other: Path) -> Path:
    """`one` if both name the same file, as `mine.toml` and `./mine.toml` do; else `other`."""
    return one if one.resolve() == other.resolve() else other


def _scenarios_of(name: str, settings: Mapping[str, Sequence[str]]) -> Iterator[Scenario]:
    path, where = _locate(name, lambda: (*shipped(), *suites()))
    data = toml.read(path, where)
    if not is_suite(data):
        yield _scenario(path, where, data, settings)
        return
    suite = read_suite(data, where)
    fitted: set[str] = set()
    for number, run in enumerate(suite.runs):
        if isinstance(run, OwnRun):
            fitting = {key: settings[key] for key in settings if _fits(key, run.scenario)}
            fitted |= set(fitting)
            place = f"{where}: run[{number}] '{printable(run.name)}'"
            scenario = _scenario(path, place, run.scenario, fitting, name=run.name)
            yield replace(scenario, lacks=tuple(key for key in settings if key not in fitting))
            continue
        if run.scenario not in shipped():
            raise ScenarioError(
                f"{where}: run[{number}].scenario is {describe_value(run.scenario)}"
                f"{did_you_mean(run.scenario, shipped())}: it must be a shipped scenario "
                "(`iomodels scenarios` lists them)"
            )
        own = scenario_folder() / f"{run.scenario}.toml"
        content = toml.read(own, own.name)
        fitting = {key: settings[key] for key in settings if _fits(key, content)}
        fitted |= set(fitting)
        scenario = _scenario(own, own.name, content, fitting, run, where)
        yield replace(scenario, lacks=tuple(key for key in settings if key not in fitting))
    for key in settings:
        if key not in fitted:
            raise ScenarioError(f"{where}: {key} applies to none of its scenarios: leave it out")


def _fits(key: str, scenario: Mapping[str, Any]) -> bool:
    """Whether a setting given for a whole suite means something to this scenario's channel."""
    known = all_keys().get(key)
    channel = scenario.get("channel")
    kind = channel.get("kind") if isinstance(channel, dict) else None
    return known is None or kind in known.needs.get("channel.kind", (kind,))


def _why_not_both(one: Scenario, other: Scenario) -> str:
    name = printable(one.name)
    if one.path.resolve() == other.path.resolve():
        return f"'{name}' is given twice with different settings: use a run for each"
    return (
        f"two scenarios have the name '{name}', {printable(str(one.path))} and "
        f"{printable(str(other.path))}: rename one of the files"
    )


def _locate(name_or_path: str | Path, known: Callable[[], tuple[str, ...]]) -> tuple[Path, str]:
    """The file that is meant, and how errors name it."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".toml"):
        return Path(text), printable(text)
    names = known()
    if text == "latest":
        raise ScenarioError("'latest' is a result, no scenario: use report, chart or compare")
    if text not in names:
        raise ScenarioError(
            f"there is no scenario '{printable(text)}'{did_you_mean(text, names)}: `iomodels "
            "scenarios` lists all, and the path of a file ends in .toml"
        )
    return scenario_folder() / f"{text}.toml", f"{text}.toml"


def _scenario(
    path: Path,
    where: str,
    data: Mapping[str, Any],
    texts: Mapping[str, Sequence[str]],
    run: SuiteRun | None = None,
    suite_where: str = "",
    name: str | None = None,
) -> Scenario:
    """The file's scenario, changed by a suite's `run` and then by `--set`, every point checked.

    `name` is that of a scenario written out in a suite.
    """
    if not SCENARIO_NAME.fullmatch(path.stem if name is None else name):
        what = "the file name is the name of the scenario" if name is None else "its name is wrong"
        raise ScenarioError(f"{where}: {what}: use letters, digits and . + - _")
    file = toml.decode(data, ScenarioFile, where)
    draft = Draft(file.channel.get("kind"))
    draft.read_tables(file, where)
    of_suite = list(leaves(run.set)) if run is not None else []
    for key, raw in of_suite:
        values = raw if isinstance(raw, list) else [raw]
        draft.change(key, values, suite_where, path="set")
    for key, given in texts.items():
        draft.change_by_text(key, given)
    engines = run.engines if run is not None and run.engines else file.engines
    scenario = Scenario(
        name=path.stem if name is None else name,
        title=file.title or (path.stem if name is None else name),
        question=file.question or file.title,
        expect=file.expect or None,
        engines=engines,
        settings=draft.settings,
        sweep=draft.sweep,
        path=path,
        changed=tuple(dict.fromkeys([*(key for key, _ in of_suite), *texts])),
        today=file.today or None,
    )
    _points(scenario, f"{where} with these settings" if texts else where)
    return scenario


def points(scenario: Scenario) -> list[Point]:
    """Every combination of the sweep's values, in the file's order, the last key fastest."""
    return _points(scenario, scenario.name)


def _points(scenario: Scenario, where: str) -> list[Point]:
    count = math.prod(len(values) for values in scenario.sweep.values())
    if count > MAX_POINTS:
        raise ScenarioError(f"{where}: the sweep has {count} points; the maximum is {MAX_POINTS}")
    made = []
    for values in itertools.product(*scenario.sweep.values()):
        flat = dict(scenario.settings)
        varied = dict(zip(scenario.sweep, values, strict=True))
        for name, value in varied.items():
            choose(flat, name, value)
        made.append(settle(scenario.name, flat, where, _label(varied)))
    return made


def _label(varied: Mapping[str, Value]) -> str:
    keys = all_keys()
    return ", ".join(
        f"{name.partition('.')[2].replace('.', ' ')} {keys[name].show(value)}"
        for name, value in varied.items()
    )
