"""What several test files of result files share: fewer rights, and what a message is."""

from __future__ import annotations

import contextlib
import os

NOBODY = 65534


@contextlib.contextmanager
def unprivileged():
    """The superuser may read and write everything, so as that one step down for a moment."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


def is_one_sentence(message):
    """Says what and where, and after a colon what to do, all in one line."""
    return "\n" not in message and ": " in message and len(message) < 500
