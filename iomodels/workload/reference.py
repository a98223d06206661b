"""The generated reference of all keys, for the page docs/scenarios.md and `scenarios --keys`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import msgspec

from iomodels.base.errors import UsageError
from iomodels.base.toml import printable
from iomodels.workload.channels import SHORT_SERVICE
from iomodels.workload.draft import ScenarioFile
from iomodels.workload.key import Key, all_keys, key_meant


@dataclass(frozen=True)
class KeyEntry:
    """One key in words; empty where there is nothing to say.

    `needs` are the keys, each with its values, that this one belongs to.
    """

    name: str
    unit: str
    default: str
    limits: str
    needs: Mapping[str, tuple[str, ...]]
    meaning: str


@cache
def entries() -> Mapping[str, KeyEntry]:
    """Every key of a scenario file: those of the file itself, then [channel] and [load]."""
    listed = [*_top_entries(), *map(_entry, all_keys().values())]
    return {entry.name: entry for entry in listed}


def of_key(name: str) -> list[KeyEntry]:
    """The entry of a key, or those of a table (`load`, `channel.service`).

    Raises `UsageError` for a name that is neither.
    """
    known = entries()
    found = [each for each in known.values() if f"{each.name}.".startswith(f"{name}.")]
    if not found:
        tables = {table.rpartition(".")[0] for table in known} - {""}
        raise UsageError(
            f"there is no key '{printable(name)}'{key_meant(name, [*known, *tables])}: "
            "`iomodels scenarios --keys` lists all"
        )
    return found


def reference_table() -> str:
    """Every key of a scenario file as a Markdown table: unit, default, limits, where, meaning."""
    heads = ("Key", "Unit", "Default", "Limits", "Only with", "Meaning")
    rows = [heads, ("---",) * len(heads), *(_markdown_row(entry) for entry in entries().values())]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _top_entries() -> list[KeyEntry]:
    found = []
    for item in msgspec.structs.fields(ScenarioFile):
        if item.name not in ("channel", "load"):
            meta = item.type.__metadata__[0]
            default = "required" if item.required else ""
            found.append(
                KeyEntry(item.name, "", default, meta.extra["allowed"], {}, meta.description)
            )
    return found


def _entry(key: Key) -> KeyEntry:
    kinds = set(all_keys()["channel.kind"].choices)
    return KeyEntry(
        name=key.name,
        unit=key.unit,
        default=_default(key),
        limits=key.limits,
        needs={
            other: values
            for other, values in key.needs.items()
            if not (other == "channel.kind" and set(values) == kinds)
        },
        meaning=key.meaning,
    )


def _default(key: Key) -> str:
    if key.default is not None:
        return key.show(key.default)
    return "required in a table" if key.name.startswith(f"{SHORT_SERVICE}.") else "required"


def _markdown_row(entry: KeyEntry) -> tuple[str, ...]:
    default = (
        entry.default
        if entry.default.startswith("required") or not entry.default
        else f"`{entry.default}`"
    )
    needs = ", ".join(f"`{other}` = {' or '.join(v)}" for other, v in entry.needs.items())
    return (f"`{entry.name}`", entry.unit, default or "none", entry.limits, needs, entry.meaning)
