"""docs/ci.md, "When the machine is what changes": each recipe runs, as far as this machine can be
changed. What is elsewhere (an old kernel, another runtime) is planted in the recorded file."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iomodels.machine import storage

from ..fresh import run_iomodels
from .test_ci_page import TEXT

SECTION = TEXT.partition("## When the machine is what changes\n")[2].partition("\n## ")[0]
TINY_BENCH = ("-r", "6", "-d", "0.02", "--warmup", "0", "-e", "blocking")
TINY_AB = ("-r", "10", "-e", "blocking", "--threshold", "50%", "--set", "load.depth=1")
SCENARIO = "slow-device"


def recipe(heading: str) -> list[list[str]]:
    """The arguments of each `iomodels …` below a heading, also of those in a container."""
    part = SECTION.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
        for line in block.splitlines()
    ]
    found = [
        line[line.index("iomodels ") :].removesuffix("; done")
        for line in lines
        if "iomodels " in line
    ]
    return [shlex.split(line, comments=True)[1:] for line in found]


def run(
    arguments: list[str], folder: Path, *more: str, scenario: str = SCENARIO
) -> subprocess.CompletedProcess[str]:
    words = [scenario if word == "default" else word for word in arguments]
    return run_iomodels(*words, *more, cwd=folder)


def plant(folder: Path, **facts: object) -> None:
    """The machine that the history is of, in its files."""
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text())
        document["environment"] |= facts
        path.write_text(json.dumps(document))


def test_the_recipes_are_found_and_swallow_no_exit_code() -> None:
    headings = re.findall(r"^### (.*)$", SECTION, re.MULTILINE)
    assert headings == ["Two kernels", "Two C libraries", "Two container runtimes", "File systems"]
    assert all(recipe(heading) for heading in headings)
    assert "||" not in SECTION
    assert "test $?" not in SECTION


@pytest.mark.parametrize(
    ("heading", "facts", "named"),
    [
        ("Two kernels", {"kernel": "5.4.0", "mitigations": "vulnerable: all"}, "kernel 5.4.0 → "),
        (
            "Two container runtimes",
            {"container": "planted", "seccomp": "strict"},
            "container planted → ",
        ),
    ],
)
def test_what_cannot_be_here_at_once_is_compared_by_history(
    heading: str, facts: dict[str, object], named: str, tmp_path: Path
) -> None:
    bench, check, *_ = recipe(heading)
    for _ in range(2):
        done = run(bench, tmp_path, *TINY_BENCH)
        assert done.returncode == 0, done.stderr
    plant(tmp_path / bench[bench.index("--append") + 1], **facts)
    allowed = check.index("--allow")
    refused = run([*check[:allowed], *check[allowed + 2 :]], tmp_path)
    assert refused.returncode == 3, refused.stdout
    judged = run(check, tmp_path, "--export", "json=check.json")
    document = json.loads((tmp_path / "check.json").read_text())
    assert judged.returncode in (0, 1, 4), judged.stderr  # by how busy this machine is
    assert document["outcome"] != "not comparable"
    assert any(said.startswith(named) for said in document["allowed"]), document["allowed"]


def test_file_systems_by_history(tmp_path: Path) -> None:
    """One in memory, and one that is not."""
    _, bench, check = recipe("File systems")
    kinds = {storage.file_system_of(Path(folder)) for folder in ("/dev/shm", "/var/tmp")}
    if len(kinds) == 1:
        pytest.skip("/dev/shm and /var/tmp are one file system here")
    small = ("--set", "channel.size=64KiB")

    def on(arguments: list[str], folder: str) -> list[str]:
        return [word.replace("/mnt/data", folder) for word in arguments]

    done = run(on(bench, "/dev/shm"), tmp_path, *TINY_BENCH, *small, scenario="cached-read")
    assert done.returncode == 0, done.stderr
    check = on(check, "/var/tmp")
    allowed = check.index("--allow")
    refused = run([*check[:allowed], *check[allowed + 2 :]], tmp_path)
    assert refused.returncode == 3, refused.stdout
    judged = run(check, tmp_path, "--export", "json=check.json")
    document = json.loads((tmp_path / "check.json").read_text())
    assert judged.returncode in (0, 1, 4), judged.stderr
    assert document["outcome"] != "not comparable"
    assert any(said.startswith("file system tmpfs → ") for said in document["allowed"])


LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


def measured(arguments: list[str], folder: Path) -> None:
    """An A/B that reaches a verdict, each arm with trials of its own."""
    done = run(arguments, folder, *TINY_AB, "--export", "json=ab.json")
    document = json.loads((folder / "ab.json").read_text())
    assert done.returncode in (0, 1, 4), done.stderr
    assert [c["rounds"] >= 10 for c in document["changes"] if c["metric"] == "throughput_ops"] == [
        True
    ]


def test_another_loader_is_another_c_library(tmp_path: Path) -> None:
    """Here it is the same one twice; the way is the same."""
    arguments = recipe("Two C libraries")[0]
    loader = LOADERS.get(platform.machine(), "")
    if not os.access(loader, os.X_OK):
        pytest.skip("the dynamic loader of this machine is somewhere else")
    arguments = [f"prefix={loader}" if "prefix=" in word else word for word in arguments]
    measured(arguments, tmp_path)


def test_a_wrapper_is_preloaded_or_refused(tmp_path: Path) -> None:
    arguments = recipe("Two C libraries")[1]
    arguments = [word.replace("$PWD", str(tmp_path)) for word in arguments]
    done = run(arguments, tmp_path, *TINY_AB)
    assert done.returncode == 2
    assert "libwrapper.so' is not loaded into the trial's Python" in done.stderr
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build a wrapper with")
    source = tmp_path / "wrapper.c"
    source.write_text("int wrapper_is_here = 1;\n")
    library = tmp_path / "libwrapper.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    measured(arguments, tmp_path)


def test_namespaces_of_a_runtime_are_an_arm(tmp_path: Path) -> None:
    arguments = recipe("Two container runtimes")[2]
    prefix = shlex.split(arguments[arguments.index("--b") + 1].removeprefix("prefix="))
    allowed = subprocess.run([*prefix, sys.executable, "-c", ""], capture_output=True, text=True)
    if allowed.returncode:
        pytest.skip(f"{shlex.join(prefix)} is not allowed here: {allowed.stderr.strip()}")
    measured(arguments, tmp_path)
