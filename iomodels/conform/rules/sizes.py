"""Rules about how many bytes a transfer has."""

from __future__ import annotations

from iomodels.conform.role import FILE_BLOCK
from iomodels.conform.rule import Rule, unless_moves_data
from iomodels.conform.subject import FEW, SLICE_S, Subject

LARGE_MESSAGE = 100_001
LARGE_BLOCK = 300_007
"""More than pipes and sockets take at once, and a multiple of nothing."""


def _unless_sized(subject: Subject) -> str | None:
    if subject.role.channel == "timer":
        return "a timer has one size"
    return unless_moves_data(subject)


def _several_sizes(subject: Subject) -> str | None:
    on_file = subject.role.channel == "file"
    small, large = (FILE_BLOCK, 4 * FILE_BLOCK) if on_file else (700, 5100)
    few = FEW // 4 if subject.role.appends else 0
    with subject.opened(load__block=f"{small}/60:{large}/40") as trial:
        for _ in range(2):
            trial.run(SLICE_S / 2, few)
        trial.child.close()
    return None


def _unless_short(subject: Subject) -> str | None:
    return unless_moves_data(subject) if subject.role.has_peer else "its transfers are never short"


def _continues(subject: Subject) -> str | None:
    block = LARGE_BLOCK if subject.role.streams else LARGE_MESSAGE
    with subject.opened(load__block=block) as trial:
        for _ in range(2):
            trial.run(SLICE_S / 2)
        trial.child.close()
    return None


SIZE_RULES = (
    Rule(
        "several-sizes",
        "Each transfer has its own length, also where lengths change.",
        _unless_sized,
        _several_sizes,
        where="files, pipes, sockets",
    ),
    Rule(
        "short-transfers",
        "A short transfer is reported as it was, and the rest follows.",
        _unless_short,
        _continues,
        where="pipes, sockets",
    ),
)
