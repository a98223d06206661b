"""`iomodels check --self-test`: what it shows, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager
from importlib import import_module

import pytest

from iomodels.base import signals
from iomodels.check import selftest
from iomodels.check.selftest import Decisions, KindResult


@contextmanager
def at_the_command_line():
    """The handlers that `iomodels` begins with, in this process."""
    before = {number: signal.getsignal(number) for number in signals.ENDING}
    signals.leave_at_once()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_terminated_self_test_keeps_the_suites_that_are_done(monkeypatch, capsys) -> None:
    """A CI that cancels a job sends SIGTERM; it ended the process on the spot."""
    shown = import_module("iomodels.cli.show.selftest")
    result = KindResult(
        selftest.KINDS[0], Decisions(3, 0, 3), noise=0.03, detectable=0.06, seen=0.9
    )

    def run(**_):
        yield selftest.Report(0.1, 0.05, 3, 60.0, (result,))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(selftest, "run_self_test", run)
    with at_the_command_line():
        code = shown.show(budget_s=60, threshold=0.05, as_json=False)
    assert code == 128 + signal.SIGTERM
    out, err = capsys.readouterr()
    assert "3 suites in 1.0 minutes" in out
    assert "at most 60 s (--budget); " in err


@pytest.mark.parametrize(
    ("decisions", "elapsed_s", "code", "said"),
    [
        (0, 60.0, 3, "Nothing was decided in this time: use --budget 5m or more."),
        (
            3, 120.0, 0,
            "3 decisions: the false-alarm rate lies between 0 and 56 %; to show 10 % or less takes "
            "about 23 min: --budget 26m",
        ),
        (40, 1200.0, 0, ""),
    ],
)  # fmt: skip
def test_a_self_test_says_what_so_few_decisions_leave_open(
    monkeypatch, capsys, decisions, elapsed_s, code, said
) -> None:
    shown = import_module("iomodels.cli.show.selftest")
    kind = KindResult(
        selftest.KINDS[0], Decisions(decisions, 0, 0), noise=0.03, detectable=0.06, seen=0.9
    )
    report = selftest.Report(0.1, 0.05, decisions, elapsed_s, (kind,))
    monkeypatch.setattr(selftest, "run_self_test", lambda **_: iter([report]))
    assert shown.show(budget_s=300, threshold=0.05, as_json=False) == code
    out = " ".join(capsys.readouterr().out.split())
    assert said in out
    assert ("--budget" in out) == bool(said)


def test_the_self_test_prints_rates_with_their_intervals(monkeypatch, capsys) -> None:
    shown = import_module("iomodels.cli.show.selftest")
    kinds = (
        KindResult(
            selftest.KINDS[0], Decisions(20, 0, 19), noise=0.03, detectable=0.06, seen=0.909
        ),
        KindResult(
            selftest.KINDS[1], Decisions(20, 1, 20), noise=0.12, detectable=0.25, seen=0.913
        ),
        KindResult(selftest.KINDS[2], error="hung: no answer"),
        KindResult(selftest.KINDS[3]),
    )
    report = selftest.Report(0.1, 0.05, 20, 1200.0, kinds)
    monkeypatch.setattr(selftest, "run_self_test", lambda **_: iter([report]))
    assert shown.show(budget_s=1200, threshold=0.05, as_json=False) == 1
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "95 % (76–99 %)" in out
    (pooled,) = (line for line in out.splitlines() if line.startswith("all kinds"))
    assert pooled.split() == [
        "all",
        "kinds",
        "40",
        "2",
        "%",
        "(0–13",
        "%)",
        "98",
        "%",
        "(87–100",
        "%)",
    ]
    assert "20 suites in 20.0 minutes" in out
    assert "no time for the kinds without decisions" in out
    assert "hung: no answer" in out
    assert shown.show(budget_s=1200, threshold=0.05, as_json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["kinds"][0]["power"]["median"] == pytest.approx(0.95)
    assert document["kinds"][2]["power"] is None
    assert document["all_kinds"]["decisions"] == 40
