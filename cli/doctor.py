"""`iomodels doctor`: what this machine allows, what disturbs it, and what to do about each."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iomodels.base.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from iomodels.machine.check import Check

STYLES = {"ok": "green", "note": "yellow", "warn": "bold red"}
INDENT = " " * 8
WIDEST = 100
"""Longer lines of prose are hard to read, however wide the terminal."""


@click.command("doctor")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("/var/tmp"),
    show_default=True,
    help="Folder of the data files, as channel.folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(folder: Path, as_json: bool) -> None:
    """Check what this machine supports and what disturbs it.

    Nothing is changed. It takes 0.25 s, to observe the load of other processes.
    """
    from iomodels import _core
    from iomodels.machine import doctor

    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"the folder {folder} {what}: name another with --folder")
    found = doctor.checks(folder, clock=_core.clock_info())
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"checks": found}), indent=2))
    else:
        show(found)


def show(found: list[Check]) -> None:
    """Print the checks by group, each with its meaning and, where not ok, the remedy."""
    from .show.console import out, safe

    console = out()
    for group, members in groupby(found, key=lambda check: check.group):
        console.print(safe(group, "bold"))
        for check in members:
            status = safe(f"  {check.status:<6}", STYLES[check.status])
            _print(console, status, safe(check.name + ": ").append(safe(check.value, "bold")))
            _print(console, safe(INDENT), safe(check.meaning, "dim"))
            if check.remedy is not None:
                _print(console, safe(INDENT), safe("Fix: " + check.remedy))
        console.print()
    _print(console, safe(""), safe(_verdict(found)))


def _print(console: Console, first: Text, text: Text) -> None:
    """Print `text` wrapped, after `first` and its own indent: no blanks at the ends of lines."""
    from rich.text import Text

    width = min(console.width, WIDEST) - len(first)
    for number, line in enumerate(text.wrap(console, width)):
        line.rstrip()
        start = Text(" " * len(first)) if number else first
        console.print(Text.assemble(start, line))


def _verdict(found: list[Check]) -> str:
    warnings, notes = (
        sum(check.status == status for check in found) for status in ("warn", "note")
    )
    counts = f"{len(found)} checks: {warnings} warn, {notes} note"
    if warnings:
        return f"{counts}. Fix the warnings first; otherwise the numbers are not reliable."
    return f"{counts}. Ready to measure."
