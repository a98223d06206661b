"""How engines, times and values are written on a command line: each way."""

from __future__ import annotations

import json
import resource

import pytest

from iomodels.base.errors import EngineError
from iomodels.engines.ability import ability
from iomodels.engines.kinds.groups import GROUPS
from iomodels.engines.sources import CORE_ENGINES, DESCRIPTORS
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


@pytest.mark.parametrize("name", ["libaio", "uring", "kqueue", "psync", "LIBAIO", "asyncio"])
def test_an_engine_of_another_tool_is_explained(name) -> None:
    with pytest.raises(EngineError) as refused:
        parse(name)
    assert ELSEWHERE[name.casefold()] in str(refused.value)
    assert not set(ELSEWHERE) & set(DESCRIPTORS)


# Groups of engines


def test_a_group_stands_for_its_engines_and_each_counts_once() -> None:
    article = [*GROUPS["article"].members]
    assert [spec.canonical for spec in parse_list(["article"])] == article
    assert [spec.canonical for spec in parse_list(["aio, article", "select"])][:1] == ["aio"]
    both = {spec.canonical for spec in parse_list(["article,today"])}
    assert both == {spec.canonical for spec in parse_list(["all"])} == set(CORE_ENGINES) - {"null"}
    assert not set(GROUPS) & set(DESCRIPTORS)


@pytest.mark.parametrize("text", ["all", "all:threads=4", "today:handoff=none"])
def test_a_group_is_no_engine_and_has_no_options(text) -> None:
    with pytest.raises(EngineError, match=f"'{text}' names a group \\(.*here it must be one"):
        parse(text)
    if ":" in text:
        with pytest.raises(EngineError, match="names a group"):
            parse_list([text])


def test_a_group_is_named_where_an_engine_is_not_known() -> None:
    with pytest.raises(EngineError, match=r"did you mean 'article'\?.*groups are all, article"):
        parse_list(["artcle"])


@pytest.mark.parametrize("command", [("bench", "-r", "1", "-d", "0.01"), ("scenarios",)])
def test_a_scenario_can_name_a_group(cli, tmp_path, command) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('question = "Q?"\nengines = ["article", "threads"]\n[channel]\nkind = "file"\n')
    done = cli(*command, str(path), "--json")
    found = json.loads(done.stdout)
    engines = found.get("engines") or [cell["engine"] for cell in found["cells"]]
    assert [name for name in engines if name != "null"] == [*GROUPS["article"].members, "threads"]


# What an engine cannot do


def test_descriptors_beyond_an_engines_limit_are_na_and_never_failed(cli) -> None:
    asked = ("many-descriptors", "-s", "load.descriptors=8,2000", "-e", "select")
    done = cli("bench", *asked, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    assert "1 trial (1 cell × 1 round)" in done.stderr  # at 8 descriptors
    assert "n/a: select supports descriptors 0 to 1023; this point has 2000" in done.stdout


def test_more_connections_than_descriptors_are_na_with_the_limit(monkeypatch) -> None:
    points = scenario.points(scenario.load("many-descriptors"))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    reasons = [ability(parse("epoll"), point).na_reason for point in points]
    assert reasons[:-1] == [None] * (len(points) - 1)
    assert "may have 4096 descriptors here (ulimit -Hn); this point needs 8003" in reasons[-1]


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


# Times, sizes and rates


@pytest.mark.parametrize("written", ["0.05", "50ms", "50 ms", "0.05s", "50000 us"])
def test_a_time_is_seconds_or_has_a_unit(cli, written) -> None:
    asked = ("slow-device", "-e", "blocking", "-r", "1", "--json")
    done = cli("bench", *asked, "-d", written, "--warmup", "1ms")
    settings = json.loads(done.stdout)["settings"]
    assert settings["duration_s"] == pytest.approx(0.05)
    assert settings["warmup_s"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("key", "toml", "text", "value"),
    [
        ("load.rate", "20000", "20000", 20000.0),
        ("load.rate", '"20k/s"', "20k/s", 20000.0),
        ("load.rate", '"1.5 M/s"', "1.5 M", 1_500_000.0),
        ("load.block", "4096", "4096", 4096),
        ("load.block", '"4 KiB"', "4KiB", 4096),
        ("load.compute", "0", "0", 0),
        ("load.compute", '"1.5 ms"', "1.5ms", 1_500_000),
        ("load.depth", "4", "4", 4),
        ("load.verify", "true", "true", True),
        ("load.read_share", "0.25", "0.25", 0.25),
    ],
)
def test_a_file_and_the_command_line_read_the_same(tmp_path, key, toml, text, value) -> None:
    last = key.partition(".")[2]
    more = {"rate": 'arrivals = "poisson"\n', "read_share": 'operation = "mixed"\n'}.get(last, "")
    head = 'question = "Q?"\n[channel]\nkind = "file"\n[load]\n' + more
    written, plain = tmp_path / "written.toml", tmp_path / "plain.toml"
    written.write_text(f"{head}{last} = {toml}\n")
    plain.write_text(head)
    (one,) = scenario.points(scenario.load(written))
    (other,) = scenario.points(scenario.load(plain, {key: [text]}))
    assert one.parameters[key] == other.parameters[key] == value


def test_a_scenario_without_a_title_has_its_files_name(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('question = "Q?"\n[channel]\nkind = "file"\n')
    assert scenario.load(path).title == "mine"
