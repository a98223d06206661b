"""A trial on an event loop: slots are handed over to what makes their transfers, until all is over.

What makes them depends on the channel: files go to the executor, timers are waited for, and
connections have the API that was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from iomodels.python.contract import Options, Setup
from iomodels.python.event_loops.files import Files
from iomodels.python.event_loops.protocol import Protocols
from iomodels.python.event_loops.slots import Slots
from iomodels.python.event_loops.sock import Sockets
from iomodels.python.event_loops.streams import Streams
from iomodels.python.event_loops.timers import Timers

_APIS: dict[str, type[Slots]] = {"streams": Streams, "sock": Sockets, "protocol": Protocols}
_TIMER_BYTES = 8


def _slots_of(options: Options, setup: Setup) -> type[Slots]:
    if setup.on_files:
        return Files
    if setup.on_devices:
        return Timers
    return _APIS[options["api"]]


def driver(
    options: Options, new_event_loop: Callable[[], asyncio.AbstractEventLoop]
) -> Callable[[Setup], None]:
    """What drives a trial on such an event loop."""

    def run(setup: Setup) -> None:
        # Not in debug mode, whatever the environment says: that is another, slower loop.
        with asyncio.Runner(debug=False, loop_factory=new_event_loop) as runner:
            runner.run(_work(setup, _slots_of(options, setup)))

    return run


async def _work(setup: Setup, slots_type: type[Slots]) -> None:
    loop = asyncio.get_running_loop()
    work = setup.work
    over: asyncio.Future[None] = loop.create_future()

    def fail(error: BaseException) -> None:
        if not over.done():
            over.set_exception(error)

    def on_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fail(context.get("exception") or RuntimeError(context["message"]))

    def look() -> None:
        while (transfer := work.take()) is not None:
            slots.begin(transfer)
        if work.is_over() and not over.done():
            over.set_result(None)

    loop.set_exception_handler(on_exception)
    slots = slots_type(setup, fail)
    loop.add_reader(work.fileno(), look)
    try:
        await over
    finally:
        loop.remove_reader(work.fileno())
        await slots.close()
