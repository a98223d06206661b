"""What a job becomes, while it is put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from iomodels.base.units import Size, exact_size
from iomodels.fio.job import Job
from iomodels.workload.block import Block
from iomodels.workload.channels import Value

DEFAULT_BLOCK = Block((Size(4096),))


@dataclass
class Translation:
    """The settings of a scenario by `table.key`, its notes, and the engine that the job uses.

    The functions of `access.py`, `requests.py` and `sockets.py` fill it, in the order of
    `importing.py`: each may read what those before it have set. `memory_bytes` is this machine's.
    """

    memory_bytes: int
    settings: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    today: str = ""
    block: Block = DEFAULT_BLOCK

    @property
    def reads(self) -> bool:
        """Whether requests read."""
        return self.settings["load.operation"] != "write"

    @property
    def writes(self) -> bool:
        """Whether requests write."""
        return self.settings["load.operation"] != "read"

    @property
    def is_mixed(self) -> bool:
        """Whether they do both."""
        return self.reads and self.writes

    def said(self, job: Job, option: str, key: str, value: Value, more: str = "") -> None:
        """Set a key, which is what became of the option."""
        self.settings[key] = value
        shown = exact_size(value) if isinstance(value, Size) else value
        shown = str(shown).lower() if isinstance(shown, bool) else shown
        job.translated(option, f"{key} = {shown}{f', {more}' if more else ''}")
