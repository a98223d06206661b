"""Whether what is printed has colours: `--color`, else NO_COLOR, else FORCE_COLOR, else only on a
terminal."""

from __future__ import annotations

import os
from typing import Literal

import click

Choice = Literal["auto", "always", "never"]
CHOICES: tuple[Choice, ...] = ("auto", "always", "never")


def choose(context: click.Context, parameter: click.Parameter, value: Choice | None) -> None:
    """Keep what `--color` says for `choice`, by the variables that rich reads as well."""
    if value in ("always", "never"):
        os.environ.pop("NO_COLOR", None)
        os.environ.pop("FORCE_COLOR", None)
        os.environ["FORCE_COLOR" if value == "always" else "NO_COLOR"] = "1"


def choice() -> Choice:
    """What holds for this process. An empty variable says nothing (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return "never"
    return "always" if os.environ.get("FORCE_COLOR", "0") not in ("", "0") else "auto"


def option(*, hidden: bool = False) -> click.Option:
    """`--color`, for the command line as a whole and, hidden, for each command."""
    return click.Option(
        ["--color"],
        type=click.Choice(CHOICES),
        metavar="WHEN",
        help="Colours: always, never or auto (the default: on a terminal, as NO_COLOR and "
        "FORCE_COLOR say).",
        callback=choose,
        expose_value=False,
        is_eager=True,
        hidden=hidden,
    )
