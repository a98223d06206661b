"""Ctrl-C, SIGTERM and SIGHUP: raised where it may be, held where something would be lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from iomodels.base import signals


@pytest.fixture(autouse=True)
def handlers():
    """Those that `iomodels` begins with; pytest's own come back."""
    before = {number: signal.getsignal(number) for number in signals.ENDING}
    signals.leave_at_once()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", signals.ENDING)
def test_a_signal_waits_and_can_be_taken(number):
    with signals.held() as held:
        send(number)
        send(signal.SIGTERM)
        assert held.take() == number
        assert held.take() is None


@pytest.mark.parametrize("number", signals.ENDING)
def test_it_is_raised_where_it_is_let_through_and_once(number):
    with signals.held() as held:
        with pytest.raises(signals.Interrupted) as raised, held.let_through():
            send(number)
        assert raised.value.number == number
        send(number)  # a second one does not meet the handling of the first
        assert held.take() == number


def test_one_that_waits_already_is_raised_at_once():
    with signals.held() as held:
        send(signal.SIGHUP)
        with pytest.raises(signals.Interrupted), held.let_through():
            pytest.fail("it was let through")


def test_a_nested_use_shares_the_outer_one():
    with signals.held() as outer:
        with signals.held() as inner:
            assert inner is outer
            send(signal.SIGINT)
        assert outer.take() == signal.SIGINT


def test_what_waited_within_is_raised_when_the_outer_one_lets_through():
    reached = []

    def work(held):
        with held.let_through():
            with signals.held():
                send(signal.SIGINT)
                reached.append("the end of what must not be interrupted")
            reached.append("too far")

    with signals.held() as held:
        with pytest.raises(signals.Interrupted):
            work(held)
        assert reached == ["the end of what must not be interrupted"]
        assert held.take() is None


def test_what_is_ignored_stays_ignored():
    """As `nohup` asks for it, and a shell for what it starts in the background."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.leave_at_once()
    with signals.held() as held:
        send(signal.SIGHUP)
        assert held.take() is None
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_handler_of_another_program_is_left_to_it():
    came = []
    signal.signal(signal.SIGTERM, lambda *_: came.append("its own"))
    with signals.held() as held:
        send(signal.SIGTERM)
        assert held.take() is None
    assert came == ["its own"]


def test_in_another_thread_nothing_is_changed():
    found = []

    def work():
        with signals.held() as held, held.let_through():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_the_handlers_come_back_and_what_waited_is_delivered():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), signals.held():
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


@pytest.mark.parametrize("number", signals.ENDING)
def test_where_nothing_is_at_stake_the_process_ends_with_one_line(number):
    script = (
        "import os, sys; from iomodels.base import signals; signals.leave_at_once()\n"
        f"os.kill(os.getpid(), {int(number)}); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    said = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert done.stderr == f"iomodels: {said}\n"
