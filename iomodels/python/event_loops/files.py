"""Files: each transfer is a call in the loop's default executor; no loop can wait for a file.

The executor is as asyncio makes it: CPUs + 4 threads, at most 32. So of more transfers than that
some wait for a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from errno import ECANCELED

from iomodels.python.contract import Setup, SlotTransfer
from iomodels.python.event_loops.slots import TaskPerSlot
from iomodels.python.making import make


class Files(TaskPerSlot):
    """Transfers in the executor. The one that a deadline ends must not have begun: a thread in a
    call cannot be stopped."""

    def __init__(self, setup: Setup, fail: Callable[[BaseException], None]) -> None:
        super().__init__(setup, fail)
        self._deadline_s = setup.deadline_s
        self._executor = ThreadPoolExecutor(thread_name_prefix="asyncio")  # as the default one
        self.loop.set_default_executor(self._executor)

    async def make_all(self, transfer: SlotTransfer | None) -> None:
        run = self.loop.run_in_executor
        while transfer is not None:
            if self._deadline_s is None:
                result = await run(None, make, transfer)
            else:
                result = await self._make_within(transfer, self._deadline_s)
            transfer = self.next(transfer, result)

    async def _make_within(self, transfer: SlotTransfer, deadline_s: float) -> int | bytes:
        begun = self._executor.submit(make, transfer)  # run_in_executor cannot tell what has begun
        ended = asyncio.wrap_future(begun)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(ended)
        except TimeoutError:
            return -ECANCELED if begun.cancel() else await ended

    async def close(self) -> None:
        """The loop's end is the executor's."""
