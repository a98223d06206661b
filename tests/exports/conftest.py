"""What several test files of exports share."""

from __future__ import annotations

import pytest

from ..factory import make_cell, make_run, make_trial


@pytest.fixture
def run():
    """One cell of each kind: measured, not applicable, failed half-way."""
    trials = [make_trial(n, throughput_ops=1000.0 + n, latency_ns=100_000 + n) for n in range(7)]
    return make_run(
        [
            make_cell("blocking", trials),
            make_cell("null", trials),
            make_cell("aio", [], status="n/a", reason="no aio here", summary=None),
            make_cell("select", trials[:2], status="failed", reason="it broke"),
        ]
    )
