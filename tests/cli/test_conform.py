"""`iomodels conform`: its lines, its data, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .running import ESCAPE, cli, on_terminal

__all__ = ["cli"]


def test_an_engine_that_keeps_the_rules(cli) -> None:
    done = cli("conform", "poll", "-c", "timer", "--rule", "runs", "--rule", "ends-once")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.strip() for line in done.stdout.splitlines()] == [
        "poll",
        "timer  2 of 2 rules kept",
        "poll keeps all rules (2 checks)",
    ]


def test_json_has_every_ruling(cli) -> None:
    done = cli("conform", "python:null", "-c", "file:read", "--rule", "runs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (engine,) = json.loads(done.stdout)["engines"]
    assert engine["tried"] == 1
    assert engine["rulings"][0] == {
        "engine": "python:null",
        "role": "file:read",
        "rule": "runs",
        "status": "kept",
        "said": "",
        "suite": "trials",
    }


def test_nothing_that_applies_is_said_and_is_3(cli) -> None:
    done = cli("conform", "epoll", "-c", "file:read")
    assert done.returncode == 3
    assert "n/a: epoll does not support regular files" in done.stdout
    assert "epoll: no rule could be tried" in done.stdout


def test_the_rules_are_listed_with_their_sentences(cli) -> None:
    plain, data = cli("conform", "--list"), cli("conform", "--list", "--json")
    rules = json.loads(data.stdout)["rules"]
    assert len(rules) > 15
    for rule in rules:
        assert rule["rule"] in plain.stdout
        assert rule["sentence"].endswith(".")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["conform"], "name an engine"),
        (["conform", "epoll", "--rule", "run"], "did you mean 'runs'?"),
        (["conform", "epoll", "-c", "tape"], "no channel or role 'tape'"),
        (["conform", "nope"], "unknown engine 'nope'"),
    ],
)
def test_a_mistake_is_one_sentence(cli, arguments: list[str], said: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_terminal_shows_what_is_tried(tmp_path: Path) -> None:
    shown = on_terminal(["conform", "null", "-c", "timer", "--rule", "runs"], tmp_path)
    assert "timer: runs" in ESCAPE.sub("", shown)
