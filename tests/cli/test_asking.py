"""How engines, times and values are written on a command line: each way."""

from __future__ import annotations

import pytest

from iomodels.base.errors import EngineError
from iomodels.engines.ability import ability
from iomodels.engines.catalog import DESCRIPTORS
from iomodels.engines.spec import ELSEWHERE, parse, parse_list
from iomodels.workload import scenario

from .running import QUICK, cli

__all__ = ["cli"]


# Engines


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["blocking,aio"], ["blocking", "aio"]),
        (["blocking, aio", "select"], ["blocking", "aio", "select"]),
        (["aio:notify=signal,threads=4"], ["aio:notify=signal,threads=4"]),
        (["aio:notify=signal,threads=4,select"], ["aio:notify=signal,threads=4", "select"]),
        (
            ["aio:threads=4,threads:handoff=none,aio"],
            ["aio:threads=4", "threads:handoff=none", "aio"],
        ),
        (["aio:threads=4,threads"], ["aio:threads=4", "threads"]),
        (["aio:threads=4, notify=poll"], ["aio:notify=poll,threads=4"]),
        (["aio,aio", "aio:notify=suspend"], ["aio"]),
        ([], []),
    ],
)
def test_a_comma_starts_an_engine_unless_an_option_follows(texts, meant) -> None:
    assert [spec.canonical for spec in parse_list(texts)] == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blocking,selct", "did you mean 'select'?"),
        ("aio:notify=poll,selct", "unknown engine 'selct'"),
        ("aio:threads=4,notify", "notify needs a value"),
        ("blocking,", "unknown engine ''"),
        ("blocking,threads=4", "options follow a colon"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(text, said) -> None:
    with pytest.raises(EngineError) as refused:
        parse_list([text])
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["libaio", "uring", "io_uring", "epoll", "psync", "LIBAIO"])
def test_an_engine_of_another_tool_is_explained(name) -> None:
    with pytest.raises(EngineError) as refused:
        parse(name)
    assert ELSEWHERE[name.casefold()] in str(refused.value)
    assert not set(ELSEWHERE) & set(DESCRIPTORS)


# What an engine cannot do


def test_descriptors_beyond_an_engines_limit_are_na_and_never_failed(cli) -> None:
    asked = ("many-descriptors", "-s", "load.descriptors=8,2000", "-e", "select")
    done = cli("bench", *asked, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    assert "(2 cells × 1 round)" in done.stderr  # one of select's points, and the harness
    assert "n/a: select supports descriptors 0 to 1023; this point has 2000" in done.stdout


@pytest.mark.parametrize(
    ("name", "settings", "descriptors"),
    [
        ("slow-device", {}, 1),
        ("slow-devices", {"load.depth": ["16"]}, 16),
        ("cached-read", {"channel.opens": ["1"], "load.depth": ["8"]}, 1),
        ("pipe-stream", {}, 1),
        ("echo", {"load.descriptors": ["600"]}, 600),
        ("server", {"load.descriptors": ["900"]}, 900),
    ],
)
def test_a_point_knows_how_many_descriptors_it_takes(name, settings, descriptors) -> None:
    point = scenario.points(scenario.load(name, settings))[0]
    assert point.descriptors == descriptors
    assert ability(parse("select"), point).na_reason is None


def test_a_pipe_has_two_descriptors_for_each_conversation(tmp_path) -> None:
    text = 'title = "T"\nquestion = "Q?"\n[channel]\nkind = "pipe"\n[load]\ndescriptors = 600\n'
    path = tmp_path / "pipes.toml"
    path.write_text(text)
    (point,) = scenario.points(scenario.load(path))
    assert point.descriptors == 1200
    assert "0 to 1023" in (ability(parse("select"), point).na_reason or "")
