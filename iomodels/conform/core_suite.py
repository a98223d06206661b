"""The conformance suite in C on one engine: each rule in a process of its own, role by role."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from iomodels.base.toml import printable
from iomodels.conform.compiling import NoProgram, compiled
from iomodels.conform.rule import Ruling, Status
from iomodels.engines.spec import EngineSpec

PLUGIN = "CONFORMANCE_PLUGIN"
"""Names the shared object for the program."""
SAME = {"file:read": "file"}
"""Roles that have another name in C."""
OF_NO_ENGINE = "any"
AT_ONCE = 4
"""Roles: most of a rule's time is spent waiting."""
TIMEOUT_S = 120.0
"""For a role: each rule has a limit of its own."""
_STATUS = {"passed": "kept", "failed": "broken", "n/a": "n/a"}


@dataclass(frozen=True)
class CoreSuite:
    """The program, and the engine that it is to try."""

    program: Path
    spec: EngineSpec
    shared_object: str | None

    def rulings(self, channels: Sequence[str], rules: Sequence[str]) -> Iterator[Ruling]:
        """These rules in all roles of these channels, or in these roles; none stands for all.
        Raises `NoProgram` where the program ends by itself."""
        named = {SAME.get(name, name) for name in channels}
        roles = {
            role: [rule for rule in applying if rule in rules]
            for role, applying in self._rules_by_role().items()
            if not channels or role in named or role.partition(":")[0] in channels
        }
        wanted = {role: chosen for role, chosen in roles.items() if chosen}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for found in pool.map(self._try, wanted, wanted.values()):
                yield from found

    def _rules_by_role(self) -> dict[str, list[str]]:
        """Those that apply, as far as is known untried."""
        found: dict[str, list[str]] = {}
        done = self._run("--list", self.spec.canonical)
        if done.returncode:
            raise NoProgram(printable(done.stderr.strip()))
        for line in done.stdout.splitlines():
            engine, role, rule, *reason = line.split(maxsplit=3)
            if engine != OF_NO_ENGINE and not reason:
                found.setdefault(role, []).append(rule)
        return found

    def _try(self, role: str, rules: Sequence[str]) -> list[Ruling]:
        done = self._run("--each", self.spec.canonical, role, *rules)
        rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
        rulings = [
            Ruling(
                self.spec.canonical,
                role,
                row[0],
                cast("Status", _STATUS[row[1]]),
                printable("".join(row[2:])),
                suite="core",
            )
            for row in rows
        ]
        if [ruling.rule for ruling in rulings] != list(rules):
            words = printable((done.stderr or done.stdout).strip())
            raise NoProgram(f"the suite ended with exit code {done.returncode} in {role}: {words}")
        return rulings

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        loaded = {PLUGIN: self.shared_object} if self.shared_object else {}
        return subprocess.run(
            [str(self.program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **loaded},
            timeout=TIMEOUT_S,
        )


@contextmanager
def program() -> Iterator[Path]:
    """The compiled suite, in a folder that is gone at the end. Raises `NoProgram`."""
    with tempfile.TemporaryDirectory(prefix="iomodels-conform-") as folder:
        yield compiled(Path(folder))
