"""What a shell offers, asked for as shells ask: in a process of its own, by click's protocol."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..fresh import run_iomodels
from .running import cli, environment

__all__ = ["cli"]


def offered(line: str, folder: Path) -> list[str]:
    """The words that bash would show for this line, of which the cursor is at the end."""
    asked = environment(_IOMODELS_COMPLETE="bash_complete", COMP_WORDS=line)
    done = run_iomodels(cwd=folder, env=asked)
    assert done.stderr == ""
    return [each.removeprefix("plain,") for each in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "some", "never"),
    [
        ("iomodels ", {"bench", "chart", "completion"}, {"latest"}),
        ("iomodels be", {"bench"}, {"chart"}),
        ("iomodels bench --", {"--engine", "--set", "--quick"}, set()),
        ("iomodels bench ", {"slow-device", "article", "mine.toml", "sub/"}, {"run.json"}),
        ("iomodels bench slow-device ec", {"echo"}, {"slow-device"}),
        ("iomodels bench -e ", {"blocking", "aio", "aio:notify=signal"}, set()),
        ("iomodels bench -e aio:no", {"notify=poll", "notify=callback"}, {"mode=wait"}),
        ("iomodels bench -e aio:notify=", {"poll", "signal"}, set()),
        ("iomodels bench -e al", {"all"}, {"aio"}),
        ("iomodels bench -e blocking,to", {"blocking,today"}, {"today"}),
        ("iomodels check --a engine=a", {"aio"}, {"all", "article"}),
        ("iomodels bench -e blocking,se", {"blocking,select"}, {"select"}),
        ("iomodels bench -e blocking,aio:no", {"notify=poll"}, set()),
        ("iomodels bench -e aio:notify=list,mo", {"list,mode=nowait"}, set()),
        ("iomodels bench -e python:thr", {"threads", "threads:run=each"}, set()),
        ("iomodels bench -e python:selectors:selector=poll,se", {"poll,selector=poll"}, set()),
        ("iomodels bench -s load.", {"load.depth=", "load.rate="}, {"channel.size="}),
        ("iomodels bench -s channel.cache=", {"warm", "direct"}, set()),
        ("iomodels bench -s channel.cache=warm,", {"warm,direct"}, {"warm,warm"}),
        ("iomodels bench --set load.verify=", {"true", "false"}, set()),
        ("iomodels bench --export ", {"csv=", "bencher="}, {"junit="}),
        ("iomodels check --export ", {"junit=", "csv="}, {"bencher="}),
        ("iomodels bench --export csv=", {"-", "mine.toml", "sub/"}, set()),
        ("iomodels compare -m ", {"throughput_ops", "cpu_ns_per_op"}, set()),
        ("iomodels compare --format m", {"markdown"}, set()),
        ("iomodels report ", {"latest", "results/run.json", "results/"}, {"mine.toml"}),
        ("iomodels report results/", {"results/run.json"}, {"results/run.json.partial"}),
        ("iomodels bench --resume ", {"results/run.json.partial"}, {"mine.toml"}),
        ("iomodels chart ", {"latest", "results/run.json"}, set()),
        ("iomodels check --baseline ", {"latest", "results/run.json"}, set()),
        ("iomodels check --a ", {"engine=", "env.", "load.depth="}, set()),
        ("iomodels check --a engine=aio:notify=", {"poll"}, set()),
        ("iomodels trace ", {"select", "aio:notify=signal"}, {"run.json"}),
        ("iomodels trace --scenario ", {"server", "mine.toml"}, set()),
        ("iomodels scenarios ", {"echo", "default"}, {"load.depth"}),
        ("iomodels scenarios --keys load.d", {"load.depth", "load.deadline"}, {"echo"}),
        ("iomodels help ", {"bench", "man"}, set()),
        ("iomodels completion ", {"bash", "zsh", "fish"}, set()),
        ("iomodels nonsense ", set(), {"latest"}),
    ],
)
def test_a_shell_offers_what_fits(tmp_path, line, some, never) -> None:
    (tmp_path / "mine.toml").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run.json").touch()
    (tmp_path / "results" / "run.json.partial").touch()
    found = offered(line, tmp_path)
    assert some <= set(found)
    assert not never & set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("line", ["bench -e ", "bench -s load.", "compare -m ", "report "])
def test_it_imports_nothing_slow(tmp_path, line) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "iomodels"],
        cwd=tmp_path,
        env=environment(_IOMODELS_COMPLETE="bash_complete", COMP_WORDS=f"iomodels {line}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {text.rpartition("|")[2].strip() for text in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {"numpy", "rich.console", "matplotlib", "jinja2"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_by_the_protocol(cli, shell) -> None:
    done = cli("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_IOMODELS_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("iomodels bench -e aio:notify=p", ["poll"]),
        ("iomodels bench -s channel.cache=w", ["warm"]),
        ("iomodels scen", ["scenarios"]),
        ("iomodels completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes_what_it_splits_at_colons(cli, tmp_path, line, replies) -> None:
    """A real bash runs the script, with words cut as it cuts them."""
    program = tmp_path / "iomodels"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m iomodels "$@"\n')
    program.chmod(0o755)
    script = cli("completion", "bash").stdout
    name = re.search(r"-F (\S+) iomodels", script)
    assert name is not None
    ask = f"compopt() {{ :; }}; COMP_LINE={line!r} COMP_POINT={len(line)}\n{name[1]} {program}\n"
    shown = 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{ask}{shown}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=True,
    )
    assert done.stdout.splitlines() == replies, json.dumps(done.stderr)
