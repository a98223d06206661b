"""Where the command line writes: standard output for results, standard error for the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from iomodels.base.escape import visible
from iomodels.engines import engine_text

from ..shared import colour
from ..shared.streams import LEAST_WIDTH

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_WIDTH = 80
"""Columns where neither a terminal nor COLUMNS says how many there are."""


class QuietConsole(Console):
    """A console that leaves a reader that went away to `main`, instead of exiting with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def out() -> Console:
    """Standard output: results, and nothing else."""
    return _console(sys.stdout)


def err() -> Console:
    """Standard error, for tables and single lines where standard output is taken."""
    return _console(sys.stderr)


def messages() -> Console:
    """Standard error, for what is said while a command works, and for no table.

    In a file or a pipe each message is one line, as errors are: so grep finds a whole one, and no
    path or command in it is cut. Whatever shows a log wraps it at its own width.
    """
    return _console(sys.stderr, soft_wrap=not sys.stderr.isatty())


def safe(text: str, style: str = "") -> Text:
    """`text` as it is: control characters made visible, rich markup not interpreted."""
    return Text(visible(text), style=style)


def engine_name(engine: str) -> str:
    """The options below the name, since next to it they would cost a table's other columns."""
    name, options = engine_text.split(visible(engine))
    return "\n ".join([f"{name}:", *options.split(",")]) if options else name


def _console(stream: TextIO, *, soft_wrap: bool = False) -> Console:
    terminal, choice = stream.isatty(), colour.choice()
    return QuietConsole(
        file=stream,
        # All said outright: for rich, FORCE_COLOR makes a pipe a terminal, with bars that move;
        # and in a pipe it would take the width of whatever terminal is near.
        force_terminal=terminal,
        color_system="standard" if choice == "always" and not terminal else "auto",
        no_color=choice == "never",
        width=None if terminal else _plain_width(),
        soft_wrap=soft_wrap,
        markup=False,
        highlight=False,
        emoji=False,
    )


def _plain_width() -> int:
    asked = os.environ.get("COLUMNS", "")
    return max(LEAST_WIDTH, int(asked)) if asked.isdecimal() else PLAIN_WIDTH


def terms(meanings: Mapping[str, str]) -> Table:
    """A legend: what each column, and each word in them, means."""
    from rich.table import Table  # most commands have no legend

    grid = Table.grid(padding=(0, 2, 0, 0))
    for term, meaning in meanings.items():
        grid.add_row(safe(term, "dim"), safe(meaning, "dim"))
    return grid
