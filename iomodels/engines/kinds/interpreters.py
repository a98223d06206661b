"""Which Python measures an engine in Python: the option `python`, and the labels that it has.

On the command line the option takes a path. Everywhere else it is a *label*, the version of that
interpreter: `3.13.0`, `3.14.0t` for a free-threaded build, `3.13.0d` for a debug build, `3.13.0-2`
for a second one with the version of the first. A label starts nothing (`trials/pythons`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from iomodels.base.names import PYTHON_LABEL
from iomodels.engines.catalog import FreeText, Option

NAME = "python"


def option(place: int) -> Option:
    """For the table of an engine in Python."""
    return Option(
        name=NAME,
        meaning="the interpreter that measures (3.11 or newer); in results its version stands for "
        "it",
        default="",
        place=place,
        text=FreeText(
            placeholder="PATH",
            pattern=PYTHON_LABEL,
            usual="the Python that runs iomodels",
            wanted="a version such as 3.13.0 (a path only on the command line: "
            "-e NAME:python=PATH, or --interpreter PATH)",
        ),
    )


def is_label(text: str) -> bool:
    """Whether it is one that a result could have."""
    return re.fullmatch(PYTHON_LABEL, text) is not None


def label_of(options: Mapping[str, str]) -> str:
    """The label of what measures with these options; empty for the Python that runs iomodels."""
    return options.get(NAME, "")


def is_free_threaded(label: str) -> bool:
    """Whether that Python has no GIL, so that several threads compute at once."""
    return "t" in (label or sys.abiflags)
