"""I/O models, by what the application learns of, how it waits, and who makes the transfer.

The article's Figure 1 has four places, for the models of its time (`Descriptor.synchronous` and
`.blocking`). Today's differ in more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse

NEWS = ("readiness", "completion")
WAITING = ("sleeps", "spins")
WORKERS = ("caller", "kernel", "helper threads")


@dataclass(frozen=True)
class Model:
    """An I/O model: one of `NEWS`, one of `WAITING`, one of `WORKERS`."""

    news: str
    waiting: str
    worker: str


MODELS = tuple(Model(n, w, worker) for n in NEWS for w in WAITING for worker in WORKERS)
"""All that there could be, those of a row of the matrix after each other."""


def model_of(spec: EngineSpec) -> Model | None:
    """That of the engine with these options; None for one that does no I/O.

    It spins, too, where a thread of the kernel's does while the application sleeps: a CPU is used.
    """
    if not spec.caps["moves_data"]:
        return None
    caps = spec.caps
    return Model(spec.news, WAITING[caps["spins"] or caps["kernel_polls"]], spec.worker)


@cache
def engines_by_model() -> Mapping[Model, tuple[EngineSpec, ...]]:
    """Every engine in C, and every option of one that makes another model of it. Those in Python
    have the places of their twins."""
    found: dict[Model, list[EngineSpec]] = {}
    for name in CORE_ENGINES:
        plain = EngineSpec(name)
        for spec in (plain, *changed_models(name)):
            model = model_of(spec)
            if model is not None:
                found.setdefault(model, []).append(spec)
    return {model: tuple(specs) for model, specs in found.items()}


def changed_models(name: str) -> Mapping[EngineSpec, Model]:
    """The engine with each option that makes another model of it. Options that need another one
    are left out."""
    usual = model_of(EngineSpec(name))
    single = (
        parse(f"{name}:{option.name}={choice}")
        for option in DESCRIPTORS[name].options
        if option.only is None
        for choice in option.choices
        if choice != option.default
    )
    pairs = ((spec, model_of(spec)) for spec in single)
    return {spec: model for spec, model in pairs if model not in (None, usual)}
