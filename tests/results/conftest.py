"""The fixtures that several test files of result files share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ..factory import make_run


@pytest.fixture
def run():
    return make_run()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.json"


@pytest.fixture
def shared_folder():
    """A folder that others may enter too, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)
