"""Where a cell that cannot get narrow must not take the time of a check."""

from __future__ import annotations

from iomodels.measure.precision import Precision

from .test_precision import gauss, simulate, two_modes


def test_a_cell_that_would_need_far_too_many_rounds_has_none_where_patience_ends() -> None:
    noise = {"blocking": two_modes, "select": gauss(0.05)}
    run = simulate(noise, Precision(0.03, 600, patience=9.0))
    assert run.counts()["blocking"] <= 13
    assert run.half_width("select") <= 0.03
    assert run.elapsed_s < 600
    assert run.notice is not None
    assert "within ±3 % since that would take too many rounds: slow-device" in run.notice.message
    assert simulate(noise, Precision(0.03, 60)).counts()["blocking"] > 13
