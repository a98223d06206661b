"""The generated reference of all keys (CONTRIBUTING)."""

from __future__ import annotations

import msgspec

from iomodels.workload.draft import ScenarioFile
from iomodels.workload.key import Key, all_keys


def reference_table() -> str:
    """Every key of a scenario file as a Markdown table: unit, default, limits, where, meaning."""
    heads = ("Key", "Unit", "Default", "Limits", "Only with", "Meaning")
    rows: list[tuple[str, ...]] = [heads, ("---",) * len(heads)]
    for item in msgspec.structs.fields(ScenarioFile):
        meta = item.type.__metadata__[0]
        if item.name not in ("channel", "load"):
            default = "required" if item.required else "none"
            limits = meta.extra["allowed"]
            rows.append((f"`{item.name}`", "", default, limits, "", meta.description))
    rows += [_reference_row(key) for key in all_keys().values()]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _reference_row(key: Key) -> tuple[str, ...]:
    default = "required" if key.default is None else f"`{key.show(key.default)}`"
    kinds = all_keys()["channel.kind"].choices
    needs = [
        f"`{other}` = {' or '.join(values)}"
        for other, values in key.needs.items()
        if not (other == "channel.kind" and set(values) == set(kinds))
    ]
    return (f"`{key.name}`", key.unit, default, key.limits, ", ".join(needs), key.meaning)
