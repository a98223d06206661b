"""What kind of call it is, whether it can put its caller to sleep, and what its engine can do: as
the engine says it.

A long call is not a blocked one: `aio_read` of 8 µs starts a thread, and a `pread` of a cached file
copies. A trace or a result may come from another version, whose engines nobody knows here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from iomodels import _core
from iomodels.base.errors import EngineError
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse


@cache
def _parsed(engine: str, named: int) -> EngineSpec | None:
    try:
        return parse(engine)
    except EngineError:
        return None


def _known(engine: str) -> EngineSpec | None:
    """Whom nobody knows may become known: with each plug-in that the user names."""
    return _parsed(engine, len(DESCRIPTORS.named))


def _calls_of(engine: str) -> Mapping[str, tuple[str, int]]:
    spec = _known(engine)
    return spec.calls if spec else {}


def call_class(call: str, engine: str) -> str:
    """`transfer`, `submit`, `wait`, `query`, `sync`, `wake` or `setup`; "" where nobody knows."""
    return _calls_of(engine).get(call, ("", 0))[0]


def calls_of_class(kind: str, engine: str) -> frozenset[str]:
    """The calls of this class that the engine can make; none where nobody knows."""
    return frozenset(call for call, (each, _) in _calls_of(engine).items() if each == kind)


def may_sleep(call: str, engine: str, parameters: Mapping[str, object]) -> bool:
    """Whether the call can block its thread. `engine` is canonical, `parameters` as in a result."""
    sleeps = _calls_of(engine).get(call, ("", 0))[1]
    # No call that streams need is for files.
    if sleeps & (_core.SLEEPS_ANYWHERE | _core.SLEEPS_ON_STREAMS):
        return True
    answers = parameters.get("channel.cache") in ("cold", "direct")
    return bool(sleeps & _core.SLEEPS_ON_STORAGE) and answers


def has_cap(engine: str, cap: str) -> bool:
    """Whether it says so of itself (`ENGINE_FLAGS`, `core/engine.h`); False where nobody knows."""
    spec = _known(engine)
    return bool(dict(spec.caps).get(cap)) if spec else False


@cache
def result_kind(call: str) -> str:
    """What the call's result is: `bytes`, `ready` (how many), `errno`, `signal`, or a `number`."""
    layout = _core.record_layout()
    return dict(zip(layout["calls"], layout["call_results"], strict=True)).get(call, "number")
