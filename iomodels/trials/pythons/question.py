"""What a Python says of itself before it measures, started as its trials are (`python -I`).

    argv:    PYTHON_WORKER CORE ENGINE…

Runs in any Python from 3.11 on, with or without iomodels in it, and prints one line of JSON
(`asking.Answer`). It loads CORE, or where it cannot, the core of the iomodels that it has.
ENGINE is `module:attribute`; each says what it lacks here, for every combination of its options.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import re
import runpy
import sys
import sysconfig
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from iomodels.python.contract import PythonEngine

_LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc", "final": ""}
_ANY = ".so"
"""Every Python takes this ending, whatever the file was made for."""


def _version() -> str:
    now = sys.version_info
    level = _LEVELS[now.releaselevel]
    return f"{now.major}.{now.minor}.{now.micro}{level}{now.serial if level else ''}"


def _is_free_threaded() -> bool:
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _is_debug() -> bool:
    return hasattr(sys, "gettotalrefcount")


def _optimisation() -> str:
    """Of the flags only what says how fast it is: the others hold paths."""
    flags = str(sysconfig.get_config_var("PY_CFLAGS") or "")
    asked = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    levels = re.findall(r"(?<!\S)-O\w*(?!\S)", flags)
    parts = [
        levels[-1] if levels else "",
        "PGO" if "--enable-optimizations" in asked else "",
        "LTO" if "--with-lto" in asked else "",
    ]
    return ", ".join(filter(None, parts))


def _jit() -> bool | None:
    jit = getattr(sys, "_jit", None)  # from 3.14 on
    return bool(jit.is_enabled()) if jit is not None else None


def _switches() -> list[str]:
    """`-I` itself, with which each trial is started, is left out."""
    optimize = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return optimize + [
        f"-X {name}={value}" if re.fullmatch(r"[a-z0-9]{1,8}", str(value)) else f"-X {name}"
        for name, value in sys._xoptions.items()  # a longer value may be a path
    ]


def _own_core() -> tuple[str | None, str | None]:
    """Of the iomodels that is installed here: the path, and its version."""
    try:
        spec = importlib.util.find_spec("iomodels._core")
        version = importlib.metadata.version("iomodels")
    except (ImportError, ValueError):
        return None, None
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "iomodels"]:
            del sys.modules[name]
    return (spec.origin if spec else None), version


def _suits(core: str) -> bool:
    """Whether it is made for such a Python, by its name. A free-threaded one takes the ending of
    the stable ABI, whose objects are laid out otherwise there: it would crash."""
    endings = [ending for ending in EXTENSION_SUFFIXES if ending != _ANY]
    if _is_free_threaded():
        endings = [ending for ending in endings if not ending.startswith(".abi3")]
    return core.endswith(tuple(endings))


def _core(worker: dict[str, Any], given: str) -> tuple[dict[str, Any], bool]:
    """What there is to say of the core that measures, and whether it is here."""
    path: str | None = given
    version: str | None = None
    if not _suits(given):
        path, version = _own_core()
    if path is None:
        return {
            "core": None,
            "installed": version,
            "why": "a build like this one needs its own",
        }, False
    try:
        core = worker["load_core"](path)
        layout = core.record_layout() | {"histogram_lower": core.histogram_lower()}
    except (ImportError, OSError, AttributeError) as error:
        return {"core": None, "installed": version, "why": str(error)}, False
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    found = {"core": path, "installed": version, "why": None}
    return found | {"core_hash": digest, "layout": layout}, True


def _lacking(worker: dict[str, Any], where: str) -> dict[str, Any]:
    """What one engine lacks here, and the versions of what it needs."""
    try:
        return _asked(worker["load_engine"](where))
    except BaseException as error:  # noqa: BLE001 - it may be a stranger's module
        why = f"it cannot be used there ({type(error).__name__}: {error})"
        return {"missing": [[None, why]], "packages": {}}


def _asked(engine: PythonEngine) -> dict[str, Any]:
    names = [option.name for option in engine.options]
    missing = []
    for values in itertools.product(*(option.choices for option in engine.options)):
        options = dict(zip(names, values, strict=True))
        reason = engine.missing(options)
        if reason is not None:
            missing.append([options, reason])
    packages = {}
    for name in engine.packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {"missing": missing, "packages": packages}


def _libc() -> str | None:
    with suppress(ValueError, OSError):
        return os.confstr("CS_GNU_LIBC_VERSION")
    return None


def _build() -> dict[str, Any]:
    """`PythonBuild`, after the core has been loaded: one that does not say that it needs no GIL
    turns it on."""
    return {
        "version": _version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "optimisation": _optimisation(),
        "free_threaded": _is_free_threaded(),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "debug": _is_debug(),
        "jit": _jit(),
        "switches": _switches(),
        "architecture": platform.machine(),
        "libc": _libc(),
        "core_hash": "",
    }


def of_installation() -> dict[str, Any]:
    """The engines in Python of the iomodels that has been imported here, for an arm of an A/B
    (`starting/asking.py`): where its worker is, and what each engine lacks in this Python."""
    from iomodels.python.registry import ENGINES
    from iomodels.trials import python_worker

    worker = vars(python_worker)
    return {
        "worker": python_worker.__file__,
        "build": _build(),
        "engines": {
            name: {
                "where": where,
                "options": [[option.name, option.choices] for option in engine.options],
                **_lacking(worker, where),
            }
            for name, (where, engine) in ENGINES.items()
        },
    }


def _own_output() -> TextIO:
    """Standard output, for the answer alone: what a module prints goes with the errors."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def main(arguments: list[str]) -> None:
    output = _own_output()
    path, given, *engines = arguments
    worker = runpy.run_path(path)
    found, loaded = _core(worker, given)
    worker["offer_package"]()
    label = _version() + "t" * _is_free_threaded() + "d" * _is_debug()
    answer = {
        "label": label,
        "pid": os.getpid(),
        "identity": [str(Path(path).resolve()) for path in (sys.executable, sys.prefix)],
        **found,
        "build": _build(),
        "engines": {where: _lacking(worker, where) for where in engines} if loaded else {},
    }
    print(json.dumps(answer), file=output, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
