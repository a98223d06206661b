"""The example of docs/plugin, as its reader has it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from iomodels.base.exit_codes import Exit

from ..core_build import build_plugin
from ..plugged import Environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "plugin"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """With the example in it, as an installation would have put it there."""
    made = Environment(tmp_path_factory.mktemp("example") / "venv")
    shared = made.folder / "engine.abi3.so"
    build_plugin(EXAMPLE / "iomodels_mmap" / "engine.c", shared)
    module = (EXAMPLE / "iomodels_mmap" / "__init__.py").read_text()
    module = module.replace('Path(__file__).with_name("engine.abi3.so")', repr(str(shared)))
    made.install("iomodels-mmap", {"mmap": "iomodels_mmap:ENGINE"}, {"iomodels_mmap": module})
    return made


def test_it_keeps_the_rules(environment):
    done = environment.iomodels("conform", "mmap", "-c", "file:read")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert "mmap keeps all rules" in done.stdout


def test_it_reads_the_right_bytes_without_a_call(environment, tmp_path):
    words = ("-s", "verify=true", "-s", f"channel.folder={tmp_path}", "-s", "channel.size=1MiB")
    words = tuple(word.replace("verify", "load.verify") for word in words)
    engines = ("-e", "mmap,mmap:advice=random", "-r", "1", "-d", "20ms", "--json")
    done = environment.iomodels("bench", "cached-read", *words, *engines)
    assert done.returncode == Exit.DONE, done.stderr
    run = json.loads(done.stdout)
    assert run["plugins"]["mmap"]["package"] == "iomodels-mmap"
    cells = [cell for cell in run["cells"] if cell["engine"].startswith("mmap")]
    assert [cell["status"] for cell in cells] == ["ok", "ok"]
    assert all(not trial["calls_per_op"] for cell in cells for trial in cell["trials"])


def test_what_it_cannot_do_it_says(environment):
    done = environment.iomodels("engines", "mmap")
    text = " ".join(done.stdout.split())
    assert "package iomodels-mmap 1.0" in text
    assert "mmap reads only" in text
    assert "normal, random, sequential, populate; default normal" in text


@pytest.mark.long
def test_its_author_follows_the_readme(tmp_path):
    """In an environment of its own, with an iomodels that was installed from these sources."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    # What iomodels depends on; that venv's own packages come first.
    ours = sysconfig.get_paths()["purelib"]
    (packages / "zz-dependencies.pth").write_text(f"{ours}\n")
    sources = tmp_path / "iomodels-sources"
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "*.so", "__pycache__")
    shutil.copytree(ROOT, sources, ignore=left_out)

    def runs(*words: str | Path, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            [venv / "bin" / words[0], *words[1:]], cwd=cwd, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    assert "pip install 'setuptools>=77'" in (EXAMPLE / "README.md").read_text()
    setuptools = [venv / "bin" / "pip", "install", "-q", "setuptools>=77"]
    if subprocess.run(setuptools, capture_output=True).returncode:
        pytest.skip("setuptools, which builds both, cannot be installed here")
    runs("pip", "install", "-q", "--no-deps", "--no-build-isolation", sources)
    headers = Path(runs("python", "-m", "iomodels.headers").strip())
    assert packages in headers.parents, "the headers that were installed"
    example = tmp_path / "example"
    shutil.copytree(EXAMPLE, example, ignore=left_out)
    runs("pip", "install", "-q", "--no-deps", "--no-build-isolation", ".", cwd=example)
    shutil.rmtree(example)
    shutil.rmtree(sources)
    assert "mmap" in runs("iomodels", "engines")
    runs("iomodels", "engines", "mmap")
    assert "mmap keeps all rules" in runs("iomodels", "conform", "mmap")
    engines = ("-e", "mmap,mmap:advice=populate,blocking", "--quick", "-o", "run.json")
    runs("iomodels", "bench", "cached-read", *engines)
    run = json.loads((tmp_path / "run.json").read_text())
    assert {cell["status"] for cell in run["cells"]} == {"ok"}
    assert run["plugins"]["mmap"]["version"] == "1.0"
