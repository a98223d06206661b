"""A Python of its own, with this iomodels in it and packages that offer engines."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from .fresh import run_iomodels


class Environment:
    """Made in a moment: what the tests' own Python has is there, too, and packages are installed by
    writing their files."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.folder = folder
        (self._packages,) = folder.glob("lib/python*/site-packages")
        ours = sysconfig.get_paths()["purelib"]
        (self._packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(
        self,
        package: str,
        engines: Mapping[str, str],
        modules: Mapping[str, str],
        version: str = "1.0",
    ) -> None:
        """`engines` are the entry points, `MODULE:NAME` by the engine's name, and `modules` the
        texts of the modules."""
        for name, text in modules.items():
            (self._packages / f"{name}.py").write_text(text)
        about = self._packages / f"{package.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        lines = "".join(f"{name} = {value}\n" for name, value in engines.items())
        (about / "entry_points.txt").write_text(f"[iomodels.engines]\n{lines}")

    def iomodels(
        self, *words: str | Path, cwd: Path | None = None, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command with its output and its exit code."""
        arguments = map(str, words)
        folder = cwd or self.folder
        return run_iomodels(*arguments, cwd=folder, timeout_s=timeout_s, python=str(self.python))

    def runs(self, program: str, *words: str | Path) -> str:
        """What a Python program prints; it must succeed."""
        done = subprocess.run(
            [self.python, "-c", program, *words], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
