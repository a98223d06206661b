"""One side of an A/B comparison: what it changes, as written on the command line.

`load.block=64 KiB` · `channel.folder=/mnt/x` · `engine=aio:threads=4` · `env.NAME=value` ·
`prefix="taskset -c 0"` · `python=/path/to/python`. An arm that changes nothing is `Arm()`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from iomodels.base.errors import ArmError, ScenarioError
from iomodels.base.toml import did_you_mean, printable
from iomodels.engines.spec import EngineSpec
from iomodels.engines.spec import parse_given as parse_engine
from iomodels.machine import storage
from iomodels.trials.launch import Launch, find_launch
from iomodels.trials.pythons.named import labelled
from iomodels.workload.key import all_keys

_ENVIRONMENT = "env."
_OWN_WORDS = ("engine", "prefix", "python")
_UNSHOWN = "channel.folder"
"""Its value can contain a user's name, and an arm's name goes into results: it is told by its file
system."""


@dataclass(frozen=True)
class Arm:
    """What one side changes. `settings` are texts by scenario key, as `--set` takes them."""

    settings: Mapping[str, str] = field(default_factory=dict)
    engine: EngineSpec | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    python: str | None = None

    @property
    def name(self) -> str:
        """For reports: the keys, and the values of those that can hold nothing private."""
        parts = [f"{key}={_shown(key, text)}" for key, text in self.settings.items()]
        parts += [f"engine={self.engine.canonical}"] if self.engine else []
        parts += [f"{_ENVIRONMENT}{name}=…" for name in self.environment]
        parts += ["prefix=…"] if self.prefix else []
        parts += ["python=…"] if self.python else []
        return ", ".join(parts) or "unchanged"

    def launch(self) -> Launch:
        """How its trials are started. Raises `ArmError` where they could not be."""
        return find_launch(self.python, self.prefix, self.environment)


def parse_arm(texts: Sequence[str]) -> Arm:
    """Read what `--a` or `--b` was given, each text a `key=value`, each key once.

    Raises `ArmError`, `ScenarioError` or `EngineError`, one sentence, for a key that does not
    exist, a value that it cannot have, and a program that is not there.
    """
    arm = Arm()
    seen: set[str] = set()
    for text in texts:
        key, equals, value = text.partition("=")
        key, value = key.strip(), value.strip()
        if not key or not equals or not (value or key.startswith(_ENVIRONMENT)):
            raise ArmError(
                f"'{printable(text)}' is not KEY=VALUE: write for example load.block=64KiB"
            )
        if key in seen:
            raise ArmError(f"an arm has '{printable(key)}' twice: give it once")
        seen.add(key)
        arm = _with(arm, key, value)
    return arm


def _with(arm: Arm, key: str, value: str) -> Arm:
    if key.startswith(_ENVIRONMENT):
        name = _variable(key)
        return replace(arm, environment={**arm.environment, name: value})
    if key == "engine":
        (text,) = labelled([value])
        return replace(arm, engine=parse_engine(text))
    if key == "prefix":
        return replace(arm, prefix=_prefix(value))
    if key == "python":
        return replace(arm, python=_program("python", value))
    _check_setting(key, value)
    return replace(arm, settings={**arm.settings, key: value})


def _variable(key: str) -> str:
    name = key.removeprefix(_ENVIRONMENT)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ArmError(
            f"'{printable(key)}' names no environment variable: write for example env.LANG=C"
        )
    return name


def _prefix(value: str) -> tuple[str, ...]:
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ArmError(f"prefix='{printable(value)}' cannot be split: {error}") from None
    if not words:
        raise ArmError('prefix is empty: write for example prefix="taskset -c 0"')
    return (_program("prefix", words[0]), *words[1:])


def _program(key: str, name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ArmError(
            f"{key}: there is no program '{printable(name)}' that can be started: "
            "give its path, or install it"
        )
    return found


def _check_setting(key: str, value: str) -> None:
    """Whether it is a scenario's key, with a value that some scenario could have."""
    keys = all_keys()
    if key not in keys:
        known = (*keys, *_OWN_WORDS)
        raise ScenarioError(
            f"an arm cannot change '{printable(key)}'{did_you_mean(key, known)}: it takes a "
            "scenario's key such as load.depth, engine, env.NAME, prefix or python"
        )
    try:
        keys[key].read(keys[key].from_text(value))
    except ScenarioError as error:
        raise ScenarioError(f"{key}={printable(value)}: {key}{error}") from None


def _shown(key: str, text: str) -> str:
    known = all_keys()[key]
    if key != _UNSHOWN:
        return known.show(known.read(known.from_text(text)))
    return f"… ({storage.file_system_of(Path(text))})"
