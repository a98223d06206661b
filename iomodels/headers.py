"""`python -m iomodels.headers` prints the folder of the headers that an engine in C is built with
(docs/plugin/)."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """For `include_dirs`: it holds `plugin.h`."""
    return Path(__file__).resolve().parent / "core"


if __name__ == "__main__":
    print(folder())
