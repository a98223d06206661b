"""The packages that offer engines (entry point `iomodels.engines`), looked up by a name.

What a result, a baseline or a page names never comes here: `named` is called for the words of a
command line, of a scenario file that the user names, and of a program that uses the library.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from iomodels.base.errors import EngineError
from iomodels.base.toml import printable
from iomodels.base.units import listed
from iomodels.engines import engine_text
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.plugins.first_import import what_ends_it
from iomodels.engines.plugins.python_engine import checked
from iomodels.engines.plugins.shared_object import PluginSource
from iomodels.engines.plugins.strangers import limited, said
from iomodels.engines.sources import SOURCES, EngineSource, Origin, PythonSource, add_plugin
from iomodels.plugin import SharedObject
from iomodels.python.contract import PythonEngine

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "iomodels.engines"
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII)
_LONGEST_NAME = 40
IMPORT_LIMIT_S = 30.0
"""For the import of a package's module: a heavy one takes seconds."""
_CODE = (".py", ".so")


@dataclass(frozen=True)
class Offered:
    """An engine that an installed package says it has; nothing of it has been imported."""

    name: str
    package: str
    version: str
    point: EntryPoint

    def __str__(self) -> str:
        return f"engine '{printable(self.name)}' of {self.package} {self.version}"


def is_name(name: str) -> bool:
    """Whether a plug-in may be called so: a slug."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def named(text: str) -> None:
    """The user has named this engine: if it is a plug-in, it can be parsed from now on.

    Raises `EngineError` for one that is installed and cannot be used.
    """
    name = text.partition(":")[0].strip()
    ours = name in SOURCES or engine_text.name_of(text.strip()) in SOURCES
    if ours or not is_name(name):
        return
    source = find(name)
    if source is not None:
        add_plugin(name, source)


def offered() -> list[Offered]:
    """What is installed, by name; of two packages that offer one name, both."""
    from importlib.metadata import entry_points  # takes as long as the rest of a command's start

    found = [
        Offered(point.name, point.dist.name, point.dist.version, point)
        for point in entry_points(group=GROUP)
        if point.dist is not None
    ]
    return sorted(found, key=lambda each: (each.name, each.package))


def installed() -> dict[str, list[str]]:
    """Of every engine that is offered here: what it does, and of which package it is; or why it
    cannot be used."""
    found = {}
    for offer in offered():
        try:
            source = find(offer.name)
        except EngineError as error:
            found[offer.name] = [str(error)]
        else:
            assert source is not None, offer
            found[offer.name] = [source.descriptor.summary, f"package: {source.origin}"]
    return found


def find(name: str) -> EngineSource | None:
    """The plug-in of this name, or None where no package offers one.

    Raises `EngineError`: why the one that is offered cannot be used.
    """
    there = [each for each in offered() if each.name == name]
    if not there:
        return None
    if len(there) > 1:
        packages = listed([each.package for each in there])
        raise EngineError(f"{packages} both offer an engine '{name}': uninstall all but one")
    return load(there[0])


def load(offer: Offered) -> EngineSource:
    """Raises `EngineError`: what is wrong with it."""
    why = _misnamed(offer.name)
    if why is not None:
        raise EngineError(f"{offer} cannot be used: {why}")
    value = _imported(offer)
    if isinstance(value, PythonEngine):
        return _in_python(offer, value)
    if isinstance(value, SharedObject):
        path = Path(value.path)
        origin = _origin(offer, path.parent, [path])
        return PluginSource(offer.name, str(path.absolute()), origin)
    raise EngineError(
        f"{offer}: {printable(offer.point.value)} is no engine but a {type(value).__name__}: it "
        "must be a PythonEngine or a SharedObject (iomodels.plugin)"
    )


def _misnamed(name: str) -> str | None:
    if not is_name(name):
        return (
            f"a name has small letters, digits and . _ -, and at most {_LONGEST_NAME} of them "
            "(and no colon)"
        )
    known = SOURCES.get(name)
    if name in GROUPS or (known is not None and known.origin is None):
        return "iomodels itself has something of that name"
    return None


def _imported(offer: Offered) -> object:
    """Only the package's Python: a shared object is not loaded here. What it prints is no output of
    the command's."""
    try:
        ended = what_ends_it(offer.point.module, IMPORT_LIMIT_S)
    except OSError as error:
        raise EngineError(f"{offer} cannot be imported: {error.strerror}: try again") from None
    if ended is not None:
        raise EngineError(f"{offer} cannot be imported: {ended}")
    try:
        with limited(IMPORT_LIMIT_S), redirect_stdout(sys.stderr):
            value: object = offer.point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's module raises
        raise EngineError(f"{offer} cannot be imported: {said(error)}") from None
    return value


def _in_python(offer: Offered, engine: PythonEngine) -> PythonSource:
    module, attribute = offer.point.module, offer.point.attr
    if not attribute.isidentifier():
        raise EngineError(
            f"{offer}: the entry point must be MODULE:NAME, and is {printable(offer.point.value)}"
        )
    if engine.name != offer.name:
        raise EngineError(
            f"{offer}: the engine calls itself '{printable(engine.name)}': name both alike"
        )
    origin = _origin(offer, *_code(offer))
    engine = checked(engine, str(offer))
    return PythonSource(offer.name, f"{module}:{attribute}", engine, origin)


def _code(offer: Offered) -> tuple[Path, list[Path]]:
    """The folder and the files of the package that has the imported module: from the top one on
    that is of this distribution alone (a namespace has no file). Of a module in none, its own."""
    parents = accumulate(offer.point.module.split("."), "{}.{}".format)
    found = (getattr(sys.modules.get(name), "__file__", None) for name in parents)
    file = next((Path(each) for each in found if each is not None), None)
    if file is None:
        raise EngineError(f"{offer}: the module {printable(offer.point.module)} comes from no file")
    if file.stem != "__init__":
        return file.parent, [file]
    code = [each for each in file.parent.rglob("*") if each.suffix in _CODE and each.is_file()]
    return file.parent, code


def _origin(offer: Offered, folder: Path, files: Sequence[Path]) -> Origin:
    """With the hash of the file; of several, of what sha256sum would print of them in order."""
    hashes = {}
    for file in sorted(files):
        try:
            hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise EngineError(
                f"{offer}: {printable(str(file))} cannot be read ({error.strerror}): install it "
                "again"
            ) from None
    lines = "".join(f"{each}  {file.relative_to(folder)}\n" for file, each in hashes.items())
    whole = hashlib.sha256(lines.encode()).hexdigest()
    return Origin(offer.package, offer.version, whole if len(hashes) > 1 else hashes[files[0]])
