"""A machine's files, made up: what the probes read below a `root`."""

from __future__ import annotations

from pathlib import Path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
