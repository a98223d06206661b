"""What the loop lends an engine: descriptors, buffers, counters; and what an engine lends it."""

from __future__ import annotations

import subprocess

import pytest

from iomodels import _core

from .. import core_build


@pytest.mark.parametrize("channel", _core.channels())
@pytest.mark.parametrize("variant", ["plain", pytest.param("address", marks=pytest.mark.long)])
def test_an_engine_that_uses_all_that_is_lent(variant: str, channel: str) -> None:
    """It checks descriptors and buffers itself, and brings buffers of its own."""
    program = core_build.program(variant, "loop_lends")
    done = subprocess.run(
        [program, channel], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
