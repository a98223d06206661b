"""Builds with setuptools, and makes editable installs that type checkers understand.

The folders `cli` and `scenarios` are installed as packages of `iomodels`, so setuptools finds an
editable install's modules by an import hook. Type checkers run no hooks: they read the folders that
.pth files name, and would say that there is no `iomodels`. (setuptools' own remedy, the mode
"strict", has no file that was added later, and `iomodels` cannot be imported in the project's
folder.) So an editable install gets one more .pth file, which names a folder that has `iomodels`
in it, and nothing else that could be imported by accident.

A Python without a GIL has no limited API before 3.15. There the core is built for this one version.
"""

from __future__ import annotations

import base64
import hashlib
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

HAS_LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")
LIMITED_API = "Py_LIMITED_API"


class BuildCore(build_ext):
    """`build_ext`, with the limited API where there is one."""

    def finalize_options(self) -> None:
        super().finalize_options()
        for extension in self.extensions if not HAS_LIMITED_API else ():
            extension.py_limited_api = False
            extension.define_macros = [m for m in extension.define_macros if m[0] != LIMITED_API]


class Wheel(bdist_wheel):
    """`bdist_wheel`, named for the Pythons that can load the core."""

    def finalize_options(self) -> None:
        if not HAS_LIMITED_API:
            self.py_limited_api = False
        super().finalize_options()


PTH = "__typed__.iomodels.pth"


def build_editable(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """PEP 660: the name of an editable wheel in `wheel_directory`."""
    name: str = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    add_file(Path(wheel_directory, name), PTH, f"{_typed_folder(Path.cwd())}\n".encode())
    return name


def _typed_folder(project: Path) -> Path:
    """The folder that .pth names: `iomodels` in it is a link to the project's."""
    folder = project / "build" / "typed"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "iomodels"
    link.unlink(missing_ok=True)
    link.symlink_to(project / "iomodels")
    return folder


def add_file(wheel: Path, name: str, content: bytes) -> None:
    """Put one more file into a wheel, and its line into the wheel's RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    line = f"{name},sha256={digest},{len(content)}\n".encode()
    old = wheel.rename(wheel.with_suffix(".old"))
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(wheel, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            is_record = item.filename.endswith(".dist-info/RECORD")
            target.writestr(item, line + data if is_record else data, zipfile.ZIP_DEFLATED)
        target.writestr(name, content)
    old.unlink()
