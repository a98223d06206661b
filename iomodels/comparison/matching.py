"""Which cells of two runs belong together, and in what the two runs themselves differ.

A cell is its scenario, its parameters and its engine. Parameters are completed with today's
defaults first, so that a key which an older version did not know cannot tear a pair apart.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import msgspec

from iomodels.analysis.cells import grouped, label, show
from iomodels.base.errors import IomodelsError
from iomodels.comparison.schema import Difference
from iomodels.engines import spec
from iomodels.results.schema import FINGERPRINT, Cell, Notice, Parameter, Run
from iomodels.workload.point import point_from_parameters

Key = tuple[str, frozenset[tuple[str, Parameter]], str]
"""Scenario, parameters, canonical engine."""

MAY_BE_UNKNOWN = ("governor",)
"""A virtual machine has none. Of the others, unknown on both sides is not the same."""
NO_COMMON_CELL = "no-common-cell"
"""The code of the notice that no cell is in both results."""
_FILE_SYSTEM = ("file_system", "file_system_device")
_PASSING = ("aio_nr",)
"""Facts of the moment: a difference in them says nothing."""
_CHANGES_TIMES = (
    "libc", "aio", "smt", "turbo", "mitigations", "hypervisor", "container", "cgroup_quota_cores",
    "seccomp", "clocksource", "timer_slack_ns",
)  # fmt: skip
_TIMED = ("duration_s", "warmup_s")


def cells_by_key(run: Run) -> dict[Key, Cell]:
    """The run's cells that say something of an engine, in its order; of equal ones the first."""
    cells: dict[Key, Cell] = {}
    for cell in run.cells:
        if not cell.is_harness:  # what the harness costs, which is no I/O model
            cells.setdefault(key_of(cell), cell)
    return cells


def key_of(cell: Cell) -> Key:
    """What names the cell in every run, whoever wrote it."""
    return cell.scenario, frozenset(_complete(cell).items()), _canonical(cell.engine)


def _complete(cell: Cell) -> Mapping[str, Parameter]:
    try:
        return point_from_parameters(cell.scenario, cell.parameters).parameters
    except IomodelsError:  # of another version, or a stranger's: compared as it stands
        return cell.parameters


def _canonical(engine: str) -> str:
    try:
        return spec.parse(engine).canonical
    except IomodelsError:
        return engine


def labels(cells: Mapping[Key, Cell]) -> dict[Key, str]:
    """What tells each cell's point from the others of its scenario: `depth 4, block 4 KiB`."""
    complete = [
        msgspec.structs.replace(cell, parameters=dict(sorted(key[1])), engine=key[2])
        for key, cell in cells.items()
    ]
    return {
        key_of(cell): label(point)
        for points in grouped(complete).values()
        for point in points
        for cell in point.cells
    }


def differences(base: Run, new: Run) -> list[Difference]:
    """Every line in which the two environments differ, in the base's order."""
    names = [*base.environment, *(name for name in new.environment if name not in base.environment)]
    return [
        Difference(name, base.environment.get(name), new.environment.get(name))
        for name in names
        if name not in _PASSING and base.environment.get(name) != new.environment.get(name)
    ]


def incomparable(base: Run, new: Run) -> list[Notice]:
    """Why times of these two runs must not be compared: another machine, another tool."""
    notices = []
    unknown = [
        name
        for name in FINGERPRINT
        if name not in MAY_BE_UNKNOWN
        and base.environment.get(name) is None
        and new.environment.get(name) is None
    ]
    if unknown:
        names = ", ".join(unknown)
        notices.append(Notice("machine", f"the machines are unknown: neither result has {names}"))
    other = [
        f"{name} ({_fact(base, name)}, now {_fact(new, name)})"
        for name in FINGERPRINT
        if base.environment.get(name) != new.environment.get(name)
    ]
    if other:
        notices.append(Notice("machine", f"another machine: it differs in {'; '.join(other)}"))
    if base.tool.version != new.tool.version:
        versions = f"{base.tool.version}, now {new.tool.version}"
        notices.append(Notice("tool-version", f"another version of iomodels: {versions}"))
    if base.tool.core_hash != new.tool.core_hash:
        hashes = f"{base.tool.core_hash}, now {new.tool.core_hash}"
        notices.append(
            Notice("core", f"another measured core (loop, engines and channels): {hashes}")
        )
    return notices


def telling_differences(base: Run, new: Run) -> list[Notice]:
    """A warning where something differs that makes no other machine, and can change times."""
    names = [d.name for d in differences(base, new) if d.name in _CHANGES_TIMES]
    if not names:
        return []
    return [Notice("environment", f"these differences can change times, too: {', '.join(names)}")]


def other_file_system(base: Run, new: Run) -> str:
    """Why times of files must not be compared; empty where the file systems are the same."""
    sides = [[_fact(run, name) for name in _FILE_SYSTEM] for run in (base, new)]
    if sides[0] == sides[1]:
        return ""
    before, now = (f"{kind} on {device}" for kind, device in sides)
    return f"the files are on another file system: {before}, now {now}"


def unknown_file_system(base: Run, new: Run) -> str:
    """Why nobody can know whether files are on the same file system; empty where it is known.

    Of tmpfs one is as another: memory. A network's or an overlay has no device that is known.
    """
    kind, device = (new.environment.get(name) for name in _FILE_SYSTEM)
    if other_file_system(base, new) or (kind is not None and (device or kind == "tmpfs")):
        return ""
    where = f"{_fact(new, 'file_system')} on an unknown device"
    return f"it is unknown whether the files are on the same file system: both are on {where}"


def settings_notices(base: Run, new: Run) -> list[Notice]:
    """Trials of another length are comparable, but a reader must know."""
    other = [
        f"{name} {base.settings.get(name)}, now {new.settings.get(name)}"
        for name in _TIMED
        if base.settings.get(name) != new.settings.get(name)
    ]
    if not other:
        return []
    return [Notice("settings", f"the trials had different settings: {'; '.join(other)}")]


def _fact(run: Run, name: str) -> str:
    value = run.environment.get(name)
    return "unknown" if value is None else str(value)


def nothing_in_common(base: Run, new: Run, base_name: str, new_name: str) -> Notice | None:
    """Why not even one cell of two results can be compared, and what can; None where one can."""
    sides = [list(cells_by_key(run)) for run in (base, new)]
    if not all(sides) or set(sides[0]) & set(sides[1]):
        return None
    told, before, now = [], [], []
    for name, a, b in _apart(*sides):
        told.append(
            f"{name} is {' and '.join(a)} in {base_name} and {' and '.join(b)} in {new_name}"
        )
        if name != "scenario" and len(a) == len(b) == 1:
            before.append(f"--a {shlex.quote(f'{name}={a[0]}')}")
            now.append(f"--b {shlex.quote(f'{name}={b[0]}')}")
    message = f"the results have no cell in common: {'; '.join(told) or 'no two cells agree'}"
    if told and len(before) == len(told):
        command = " ".join(["iomodels check", sides[0][0][0], *before, *now])
        return Notice(NO_COMMON_CELL, f"{message}. To compare settings: {command}")
    return Notice(NO_COMMON_CELL, f"{message}; only cells of one scenario can be compared")


def _apart(base: list[Key], new: list[Key]) -> Iterator[tuple[str, list[str], list[str]]]:
    """What no cell of one side shares with any of the other: its name, and the values there."""
    columns = [[_columns(key) for key in side] for side in (base, new)]
    for name in columns[0][0]:
        a, b = (list(dict.fromkeys(c[name] for c in side if name in c)) for side in columns)
        if a and b and not set(a) & set(b):
            yield name, a, b
            if name in ("scenario", "channel.kind"):
                return  # what else is different follows from it


def _columns(key: Key) -> dict[str, str]:
    scenario, parameters, engine = key
    known = {name: show(name, value) for name, value in sorted(parameters)}
    return {"scenario": scenario, "engine": engine, **known}
