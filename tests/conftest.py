"""What several test files share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from iomodels.measure import alongside

from .hurry import hurry

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

hurry()

# Some tests run the core in this process. A thread of numpy's, or the one by which a worker of
# pytest-xdist hears what to do, would get some of the AIO engines' signals. SIGIO is not queued, so
# an engine that is closed cannot know how many to wait for: a late one would end the process. (A
# trial's process has no such threads.) Threads, and workers, inherit what is blocked.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
AIO_SIGNALS = {signal.SIGIO, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)}
signal.pthread_sigmask(signal.SIG_BLOCK, AIO_SIGNALS)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Once the plug-ins have started their threads."""
    config = session.config
    runs_tests = hasattr(config, "workerinput") or not config.getoption("tx", None)
    if runs_tests:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AIO_SIGNALS)


# A shell starts what is to run in the background with SIGINT ignored (`pytest &`), and nohup with
# SIGHUP; all processes that the tests start and interrupt would inherit that.
for number, handler in {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
}.items():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked as long, too")
    parser.addoption(
        "--longest", action="store_true", help="run those marked as long or longest, too"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.option.long |= config.option.longest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if any(map(item.get_closest_marker, unasked(config)))]
    if left_out:
        without = set(left_out)
        items[:] = [item for item in items if item not in without]
        config.hook.pytest_deselected(items=left_out)


def pytest_report_header(config: pytest.Config) -> str:
    return "; ".join(f"without the tests marked as {mark}: --{mark}" for mark in unasked(config))


def unasked(config: pytest.Config) -> list[str]:
    """The marks of the tests that this run leaves out."""
    if config.getoption("--long"):
        return [] if config.getoption("--longest") else ["longest"]
    return ["long", "longest"]


@pytest.fixture(autouse=True)
def unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test measures in this process meets those of other tests: that is no news."""
    monkeypatch.setattr(alongside, "ADDRESSES", ())


@pytest.fixture
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of an A/B with fewer pairs."""
    monkeypatch.setattr("iomodels.statistics.screen_confirm.FIRST_PAIRS", 10)
    monkeypatch.setattr("iomodels.statistics.screen_confirm.EXTRA_PAIRS", 4)
    monkeypatch.setattr("iomodels.statistics.screen_confirm.FRESH_PAIRS", (12,))
    monkeypatch.setattr("iomodels.check.selftest.SIZING_PAIRS", 6)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a scenario file of this text, and gives its path."""

    def write_file(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file
