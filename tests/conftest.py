"""What several test files share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# Some tests run the core in this process. A thread of numpy's would get some of the AIO engines'
# signals, and could still be in their handler when the engine is closed. (A trial's process has no
# such threads.)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


# A shell starts what is to run in the background (`pytest &`, nohup) with SIGINT ignored, and all
# processes that the tests start and interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a scenario file of this text, and gives its path."""

    def write_file(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file
