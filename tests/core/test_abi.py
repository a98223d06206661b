"""The contract that a plug-in is built for has a number (`core/plugin.h`): both change together."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

from iomodels import _core, headers

from ..core_build import CORE, ROOT, compiler

CONTRACTS = {
    1: "3738163354f1a643",
}
"""By the number: what the contract's headers hash to, without comments and white space."""
MEANT_FOR_PLUGINS = ("plugin.h", "engines/transfer.h", "timespec.h")


def included(name: str, found: dict[str, Path] | None = None) -> dict[str, Path]:
    """A header and those of ours that it includes, by their names in the folder of headers."""
    found = {} if found is None else found
    path = CORE / name
    found[name] = path
    for other in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
        if other not in found:
            included(other, found)
    return found


def contract() -> str:
    """The hash of all that a shared object and the core have to agree about."""
    digest = hashlib.sha256()
    for name, path in sorted(included("plugin.h").items()):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        digest.update(f"{name}\n{' '.join(text.split())}\n".encode())
    return digest.hexdigest()[:16]


def test_the_number_is_raised_with_the_contract():
    assert CONTRACTS[_core.ABI] == contract(), (
        "the headers that plug-ins are built with have changed: if a release had the old ones, "
        "raise IOMODELS_ABI (core/plugin.h), and put the new hash under its number here"
    )
    assert len(set(CONTRACTS.values())) == len(CONTRACTS)
    assert max(CONTRACTS) == _core.ABI


def test_a_changed_struct_changes_the_hash_and_a_comment_does_not(monkeypatch, tmp_path):
    before = contract()
    texts = {path: path.read_text() for path in included("plugin.h").values()}

    def changed(name: str, old: str, new: str) -> str:
        assert old in texts[CORE / name]
        with monkeypatch.context() as context:
            context.setattr(
                Path,
                "read_text",
                lambda path: texts[path].replace(old, new) if path == CORE / name else texts[path],
            )
            return contract()

    assert changed("engine.h", "ssize_t result;", "ssize_t result, more;") != before
    assert changed("calls.h", "X(sched_yield, NUMBER)", "X(sched_yield, BYTES)") != before
    assert changed("engine.h", "/* One transfer.", "/* A  transfer.") == before


def test_what_plug_ins_include_is_installed():
    """And compiles by itself, as an author's compiler sees it."""
    assert headers.folder() == CORE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["package-data"]["iomodels"]
    installed = {path for pattern in globs for path in CORE.parent.glob(pattern)}
    for name in MEANT_FOR_PLUGINS:
        assert set(included(name).values()) <= installed
        text = f'#include "{name}"\nint main(void) {{ return 0; }}\n'
        flags = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        words = [*compiler(), *flags, f"-I{headers.folder()}", "-xc", "-"]
        done = subprocess.run(words, input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
