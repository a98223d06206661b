"""What a shell offers for the arguments of several commands. Each function is a `shell_complete` of
click: it gets what has been typed of one word, and gives the words that it could become.

Everything is imported when it is asked for, and nothing that is slow to import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from iomodels.results.where import FOLDER, LATEST

Complete = Callable[[click.Context, click.Parameter, str], list["CompletionItem[Any]"]]


def of_words(words: Callable[[str], Iterable[str]]) -> Complete:
    """Completion from the words for what has been typed."""

    def complete(
        context: click.Context, parameter: click.Parameter, typed: str
    ) -> list[CompletionItem[Any]]:
        return [CompletionItem(word) for word in words(typed) if word.startswith(typed)]

    return complete


def of_paths(words: Callable[[str], Iterable[str]], *suffixes: str) -> Complete:
    """As `of_words`, and the folders and the files with these suffixes."""
    return of_words(lambda typed: dict.fromkeys([*words(typed), *_paths(typed, suffixes)]))


def scenario_names(typed: str = "") -> list[str]:
    """The shipped scenarios and suites."""
    from iomodels.workload.scenario import scenario_folder

    return sorted(path.stem for path in scenario_folder().glob("*.toml"))


def engine_names(typed: str) -> Iterator[str]:
    """Engines; after a colon an engine's options, and after a comma the next option or engine. Of
    other packages the names alone: nothing is imported for a list."""
    from iomodels.engines.plugins.finding import offered
    from iomodels.engines.sources import DESCRIPTORS

    head, comma, last = typed.rpartition(",")
    before = head + comma
    for name, descriptor in DESCRIPTORS.items():
        yield before + name
        options = [f"{o.name}={v}" for o in descriptor.options for v in o.choices or [""]]
        if last.startswith(f"{name}:") or not before:
            yield from (f"{before}{name}:{option}" for option in options)
    yield from (before + offer.name for offer in offered() if offer.name not in DESCRIPTORS)
    engine = DESCRIPTORS.get(_engine_of(head))
    if engine is not None and ":" in head:
        yield from (f"{before}{o.name}={v}" for o in engine.options for v in o.choices or [""])


def engines_and_groups(typed: str) -> Iterator[str]:
    """As `engine_names`, and the names for several engines."""
    from iomodels.engines.kinds.groups import GROUPS

    head, comma, _ = typed.rpartition(",")
    yield from engine_names(typed)
    yield from (f"{head}{comma}{group}" for group in GROUPS)


def key_settings(typed: str) -> Iterator[str]:
    """Keys of scenarios with a `=`; after that the allowed values, and after a comma others."""
    from iomodels.workload.key import all_keys

    keys = all_keys()
    name, equals, values = typed.partition("=")
    if not equals:
        yield from (f"{key}=" for key in keys if key != "channel.kind")
    elif name in keys:
        head, comma, _ = values.rpartition(",")
        given = head.split(",")
        choices = [str(value) for value in keys[name].choices] or _of_booleans(keys[name].type)
        yield from (f"{name}={head}{comma}{value}" for value in choices if value not in given)


def arm_settings(typed: str) -> Iterator[str]:
    """What `--a` and `--b` take: keys, and what is not of a scenario."""
    name, equals, value = typed.partition("=")
    if name == "engine" and equals:
        yield from (f"engine={engine}" for engine in engine_names(value))
        return
    yield from ("engine=", "env.", "prefix=", "python=")
    yield from key_settings(typed)


def key_names(typed: str) -> Iterator[str]:
    """The keys that `scenarios --keys` explains, and their tables."""
    from iomodels.workload.reference import entries

    yield from ("channel", "load", *entries())


def result_files(typed: str) -> list[str]:
    """`latest`, and the results in `results/`, the newest by name first."""
    return [LATEST, *sorted((str(path) for path in FOLDER.glob("*.json")), reverse=True)]


def export_formats(names: Callable[[], Sequence[str]]) -> Complete:
    """`FORMAT=`, and after that the paths of files."""

    def words(typed: str) -> Iterator[str]:
        name, equals, path = typed.partition("=")
        if equals:
            yield from (f"{name}={each}" for each in ("-", *_paths(path, ("",))))
        else:
            yield from (f"{each}=" for each in names())

    return of_words(words)


def _engine_of(head: str) -> str:
    """The name of the engine that the last part of `aio:notify=poll,select` is about."""
    from iomodels.engines.engine_text import name_of

    parts = [part for part in head.split(",") if "=" not in part.partition(":")[0]]
    return name_of(parts[-1]) if parts else ""


def _of_booleans(kind: object) -> list[str]:
    return ["true", "false"] if kind is bool else []


def _paths(typed: str, suffixes: Sequence[str]) -> list[str]:
    folder, slash, _ = typed.rpartition("/")
    try:
        inside = sorted(Path(folder + slash or ".").iterdir())
    except (OSError, ValueError):
        return []
    hidden = typed.rpartition("/")[2].startswith(".")
    found = []
    for path in inside:
        if path.name.startswith(".") and not hidden:
            continue
        if path.is_dir():
            found.append(f"{folder}{slash}{path.name}/")
        elif path.name.endswith(tuple(suffixes)):
            found.append(f"{folder}{slash}{path.name}")
    return found


SCENARIOS = of_paths(scenario_names, ".toml")
SCENARIO_NAMES = of_words(scenario_names)
ENGINES = of_words(engines_and_groups)
ENGINES_AND_SCENARIOS = of_paths(
    lambda typed: (*engines_and_groups(typed), *scenario_names(typed)), ".toml"
)
KEY_SETTINGS = of_words(key_settings)
ARM_SETTINGS = of_words(arm_settings)
RESULTS = of_paths(result_files, ".json")
PARTIAL_RESULTS = of_paths(
    lambda typed: sorted(str(path) for path in FOLDER.glob("*.partial")), ".json", ".partial"
)
JSON_FILES = of_paths(lambda typed: (), ".json")
IMPORTABLE = of_paths(lambda typed: (), ".fio", ".ini", ".job", ".log", ".strace", ".txt")
