"""In what the machines, tools and settings of two runs differ, and what that means for times."""

from __future__ import annotations

from collections.abc import Collection

from iomodels.comparison.machines import allowing
from iomodels.comparison.schema import Difference
from iomodels.results.schema import FINGERPRINT, Notice, Run

MAY_BE_UNKNOWN = ("governor",)
"""A virtual machine has none. Of the others, unknown on both sides is not the same."""
_FILE_SYSTEM = ("file_system", "file_system_device")
_PASSING = ("aio_nr",)
"""Facts of the moment: a difference in them says nothing."""
_SURROUNDINGS = (
    "libc", "container", "cgroup_quota_cores", "seccomp", "mitigations", "hypervisor",
)  # fmt: skip
"""Where one differs, times are no more comparable than on another kernel; unlike a fact of
`FINGERPRINT`, it may be unknown on both sides."""
_CHANGES_TIMES = ("aio", "smt", "turbo", "clocksource", "timer_slack_ns")
_TIMED = ("duration_s", "warmup_s")


def differences(base: Run, new: Run) -> list[Difference]:
    """Every line in which the two environments differ, in the base's order."""
    names = [*base.environment, *(name for name in new.environment if name not in base.environment)]
    return [
        Difference(name, base.environment.get(name), new.environment.get(name))
        for name in names
        if name not in _PASSING and base.environment.get(name) != new.environment.get(name)
    ]


def incomparable(base: Run, new: Run, allow: Collection[str] = ()) -> list[Notice]:
    """Why times of these two runs must not be compared: another machine, another tool.

    `allow` names the differences that are none (`allowing.ALLOWABLE`).
    """
    notices = []
    allowed = allowing.facts(allow)
    unknown = [
        name
        for name in FINGERPRINT
        if name not in (*MAY_BE_UNKNOWN, *allowed)
        and base.environment.get(name) is None
        and new.environment.get(name) is None
    ]
    if unknown:
        names = ", ".join(unknown)
        notices.append(Notice("machine", f"the machines are unknown: neither result has {names}"))
    other = [
        name
        for name in (*FINGERPRINT, *_SURROUNDINGS)
        if name not in allowed and base.environment.get(name) != new.environment.get(name)
    ]
    if other:
        values = "; ".join(
            f"{name} ({_fact(base, name)}, now {_fact(new, name)})" for name in other
        )
        hint = allowing.hint(other) if base.tool == new.tool else ""
        notices.append(Notice("machine", f"another machine: it differs in {values}{hint}"))
    if base.tool.version != new.tool.version:
        versions = f"{base.tool.version}, now {new.tool.version}"
        notices.append(Notice("tool-version", f"another version of iomodels: {versions}"))
    if base.tool.core_hash != new.tool.core_hash:
        hashes = f"{base.tool.core_hash}, now {new.tool.core_hash}"
        notices.append(
            Notice("core", f"another measured core (loop, engines and channels): {hashes}")
        )
    for name in sorted(base.plugins.keys() & new.plugins.keys()):
        before, now = base.plugins[name], new.plugins[name]
        if before.sha256 != now.sha256:
            builds = f"{before.in_words}, now {now.in_words}"
            notices.append(Notice("plug-in", f"another build of the plug-in {name}: {builds}"))
    return notices


def telling_differences(base: Run, new: Run, allow: Collection[str] = ()) -> list[Notice]:
    """A warning where something differs that makes no other machine, and can change times."""
    telling = set(_CHANGES_TIMES) - allowing.facts(allow)
    names = [d.name for d in differences(base, new) if d.name in telling]
    if not names:
        return []
    return [Notice("environment", f"these differences can change times, too: {', '.join(names)}")]


def other_file_system(base: Run, new: Run, allow: Collection[str] = ()) -> str:
    """Why times of files must not be compared; empty where the file systems are the same, or may
    differ."""
    if allowing.FILE_SYSTEM in allow:
        return ""
    sides = [[_fact(run, name) for name in _FILE_SYSTEM] for run in (base, new)]
    if sides[0] == sides[1]:
        return ""
    before, now = (f"{kind} on {device}" for kind, device in sides)
    return f"the files are on another file system: {before}, now {now}"


def unknown_file_system(base: Run, new: Run, allow: Collection[str] = ()) -> str:
    """Why nobody can know whether files are on the same file system; empty where it is known.

    Of tmpfs one is as another: memory. A network's or an overlay has no device that is known.
    """
    if allowing.FILE_SYSTEM in allow:
        return ""
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
