"""Other Pythons than the one that runs the tests, and processes in which nobody has named one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iomodels.trials.pythons import named

PYENV = Path.home() / ".pyenv" / "versions"
SHORT: Mapping[str, Any] = {"rounds": 1, "duration_s": 0.02, "warmup_s": 0.0, "seed": 5}
GIVEN = os.environ.get("IOMODELS_TEST_PYTHONS", "")
"""More of them: paths with `:` between them."""


def version_of(path: Path) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)$", path.parents[1].name)
    return tuple(map(int, found.groups())) if found else ()


INSTALLED = sorted(PYENV.glob("*/bin/python3"), key=version_of)
OTHERS = [str(path) for path in INSTALLED if version_of(path) >= (3, 11)]
OTHERS += [path for path in GIVEN.split(":") if path]
OTHERS = [path for path in OTHERS if Path(path).resolve() != Path(sys.executable).resolve()]
TOO_OLD = [str(path) for path in INSTALLED if (2,) < version_of(path) < (3, 11)]
an_other = pytest.mark.skipif(not OTHERS, reason=f"no other Python in {PYENV}")


@pytest.fixture(autouse=True)
def nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process knows the interpreters that its user has named; each test is one."""
    monkeypatch.setattr(named, "_NAMED", named._Named())


def environment(folder: Path, *, has_iomodels: bool = False) -> Path:
    """A virtual environment of this Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    if has_iomodels:
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "iomodels.pth").write_text(f"{Path(named.__file__).parents[3]}\n")
    return folder / "bin" / "python"
