"""What a rule is tried on: an engine in one role of a channel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from iomodels import _core
from iomodels.base.errors import NotApplicable, TrialError
from iomodels.conform.looking import Left
from iomodels.conform.role import DEPTH, Role
from iomodels.conform.session import Session, SliceSeen, session
from iomodels.engines.ability import Ability, ability
from iomodels.engines.spec import EngineSpec
from iomodels.trials.launch import Launch
from iomodels.trials.planned import Command, PlannedCell, PlannedTrial
from iomodels.trials.preparation import Preparation, Unavailable
from iomodels.workload.channels import FileChannel
from iomodels.workload.point import Parameters, Point, point_from_parameters

SLICE_S = 0.1
FEW = 64
"""Operations of a slice where more would fill the file."""
Changes = Mapping[str, str | int | float | bool]


@dataclass
class Conducted:
    """A whole trial of two slices, as far as it got. `phase` is where it failed."""

    phase: str = "open"
    failure: TrialError | None = None
    stage: str = "none"
    peer_status: int = 0
    slices: list[SliceSeen] = field(default_factory=list)
    file_bytes: int | None = None
    """The size of its file afterwards."""
    close_s: float = 0.0
    left: Left | None = None
    said: str = ""
    """What the process wrote to standard error."""


@dataclass(frozen=True)
class Subject:
    """An engine in a role, and what its trials need."""

    spec: EngineSpec
    role: Role
    preparation: Preparation
    launch: Launch | None = None

    @property
    def caps(self) -> _core.Caps:
        """The engine's capabilities."""
        return self.spec.caps

    @property
    def depth(self) -> int:
        """Requests in flight, unless a rule says otherwise."""
        most = self.caps["max_depth"]
        return 1 if self.role.appends else min(DEPTH, most or DEPTH)

    def point(self, **changes: str | int | float | bool) -> Point:
        """The role's point, with other values for some keys (`__` for the dot)."""
        depth = int(changes.get("load__depth", self.depth))
        parameters: Parameters = {**self.role.parameters, "load.depth": depth}
        if self.role.idle:
            parameters["load.descriptors"] = depth + self.role.idle
        parameters |= {key.replace("__", "."): value for key, value in changes.items()}
        return point_from_parameters("conformance", parameters)

    @cached_property
    def _ability(self) -> Ability:
        return ability(self.spec, self.point())

    @property
    def is_degenerate(self) -> bool:
        """Whether it does there what blocking does."""
        return self._ability.is_degenerate

    @cached_property
    def why_not(self) -> str | None:
        """Why the engine cannot be tried in this role at all, or None."""
        try:
            return self._ability.na_reason or self.preparation.why_not(self.point())
        except Unavailable as unavailable:
            return str(unavailable)

    @contextmanager
    def opened(
        self, *, launch: Launch | None = None, own_file: bool = False, **changes: str | int | float
    ) -> Iterator[Session]:
        """A trial that is open. Raises `NotApplicable` where the engine cannot do that."""
        with self.started(launch=launch, own_file=own_file, **changes) as trial:
            trial.child.open()
            yield trial

    @contextmanager
    def started(
        self, *, launch: Launch | None = None, own_file: bool = False, **changes: str | int | float
    ) -> Iterator[Session]:
        """The same, not opened yet. With its `own_file`, reads have one that is nobody else's."""
        point = self.point(**changes)
        reason = ability(self.spec, point).na_reason
        if reason is not None:
            raise NotApplicable(reason)
        planned = PlannedTrial(0, 0, PlannedCell(0, point, self.spec), SLICE_S, 0.0)
        with ExitStack() as stack:
            command = stack.enter_context(self.preparation.command(planned))
            if own_file:
                command = _with_own_file(command, stack)
            command = replace(command, settings={**command.settings, "verify": 1})
            yield stack.enter_context(session(command, launch or self.launch))

    @cached_property
    def conducted(self) -> Conducted:
        """A trial as `bench` would make it, from the start of its process to the end of it: what
        most rules judge."""
        seen = Conducted()
        with self.started() as trial:
            try:
                self._conduct(trial, seen)
            except TrialError as error:
                seen.failure = error
            seen.stage = trial.record.stage
            seen.peer_status = trial.record.field("peer_status")
            seen.said = trial.child.said
        return seen

    def _conduct(self, trial: Session, seen: Conducted) -> None:
        trial.child.open()
        few = FEW if self.role.appends else 0
        for seen.phase in ("warm-up", "window"):
            seen.slices.append(trial.run(SLICE_S, few))
        if trial.command.descriptors:
            seen.file_bytes = os.fstat(trial.command.descriptors[0]).st_size
        seen.phase = "close"
        started_s = time.monotonic()
        trial.child.close(stays=True)
        seen.phase = "end"
        trial.child.await_over()
        seen.close_s = time.monotonic() - started_s
        seen.left = trial.left()


def _with_own_file(command: Command, stack: ExitStack) -> Command:
    size, seed = command.settings["file_size"], command.settings["file_seed"]
    fd = _core.make_file(str(FileChannel().folder), size, seed)
    stack.callback(os.close, fd)
    return replace(command, settings={**command.settings, "file_fd": fd}, descriptors=(fd,))
