"""`iomodels engines`: both matrices, the list, and all of one engine."""

from __future__ import annotations

import json

import pytest

from iomodels import _core
from iomodels.engines.kinds import models
from iomodels.engines.kinds.complexity import LEVELS, STEP, complexity
from iomodels.engines.sources import DESCRIPTORS
from iomodels.engines.spec import EngineSpec, parse, variants

from .running import cli

__all__ = ["cli"]

WIDTHS = (80, 200)
PYTHON = [name for name in DESCRIPTORS if parse(name).in_python]


def table_of(text: str, first_header: str) -> dict[tuple[str, str], list[str]]:
    """What the fields of a drawn table hold, by the heading of their row and of their column."""
    lines = text.splitlines()
    top = next(n for n, line in enumerate(lines) if f" {first_header} " in line)
    left = lines[top].rindex("│", 0, lines[top].index(first_header))
    start = lines[top].rindex("│", 0, left)
    end = min(n for n in range(top, len(lines)) if lines[n][start : start + 1] == "╰")
    rows: list[list[list[str]]] = [[]]
    for line in lines[top:end]:
        fields = [field.strip() for field in line[start:].strip("│").split("│")]
        if "─" in line[start:]:
            rows.append([])
        else:
            rows[-1].append(fields)
    (headers,), *body = rows
    found = {}
    for row in body:
        columns = [[text for text in column if text] for column in zip(*row, strict=True)]
        for header, entries in zip(headers[1:], columns[1:], strict=True):
            found[" ".join(columns[0]), header] = entries
    return found


def test_engines_draws_the_articles_matrix(cli):
    shown = table_of(cli("engines", COLUMNS="80").stdout, "Blocking")
    assert {place: entries[0] for place, entries in shown.items()} == {
        ("Synchronous", "Blocking"): "blocking",
        ("Synchronous", "Non-blocking"): "nonblocking",
        ("Asynchronous", "Blocking"): "select",
        ("Asynchronous", "Non-blocking"): "aio",
    }


def waiting(spec: EngineSpec) -> str:
    return "spins" if spec.caps["spins"] or spec.caps["kernel_polls"] else "sleeps"


def test_each_engine_is_in_the_field_of_its_model(cli):
    """Those that transfer nothing are in none; an option is there if it makes another model."""
    shown = table_of(cli("engines", COLUMNS="80").stdout, "Caller")
    fields = {name: place for place, entries in shown.items() for name in entries}
    assert len(shown) == len(models.MODELS)
    for name in DESCRIPTORS:
        spec = EngineSpec(name)
        if spec.in_python or not spec.caps["moves_data"]:
            assert name not in fields
            continue
        assert fields.pop(name) == (f"{spec.news}, {waiting(spec)}", spec.worker.capitalize())
    for name, place in fields.items():
        spec = parse(name)
        assert len(spec.options) == 1
        assert place == (f"{spec.news}, {waiting(spec)}", spec.worker.capitalize())
        assert models.model_of(spec) != models.model_of(EngineSpec(spec.name))
    assert "aio:notify=poll" in fields


@pytest.mark.parametrize("width", WIDTHS)
def test_the_matrices_are_beside_each_other_where_there_is_room(cli, width):
    lines = cli("engines", COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.count("╭") == 2 for line in lines) == (width == 200)


def test_the_list_has_a_few_lines_for_each_engine(cli):
    shown = cli("engines", COLUMNS="80").stdout
    of_c, of_python = shown[shown.rindex("╯") :].split("\n\n")[1:3]
    listed = of_c + of_python.replace("Engines that are measured in Python", "")
    assert all(f"  {name} " in (of_python if name in PYTHON else of_c) for name in DESCRIPTORS)
    for name, descriptor in DESCRIPTORS.items():
        (entry,) = [part for part in listed.split("\n  ") if part.strip().startswith(f"{name} ")]
        assert descriptor.summary.split()[0] in entry
    assert len(listed.splitlines()) <= 7 * len(DESCRIPTORS)
    for limit in ("n/a", "only at"):
        assert limit not in listed


@pytest.mark.parametrize("engine", DESCRIPTORS)
def test_one_engine_is_shown_in_full(cli, engine):
    shown = " ".join(cli("engines", engine).stdout.split())
    spec, descriptor = EngineSpec(engine), DESCRIPTORS[engine]
    assert shown.startswith(f"{engine}: {descriptor.summary} ")
    assert f" threads {spec.threads or 'none'} " in shown
    for option in descriptor.options:
        assert f" {option.name} {option.meaning} " in shown
        assert f"default {option.default}" in shown
        for choice in option.choices:
            assert choice in shown


def test_options_may_be_given(cli):
    shown = " ".join(cli("engines", "aio:notify=poll", "select").stdout.split())
    assert shown.startswith("aio:notify=poll: ")
    assert "uses a CPU while it waits" in shown.partition("Options")[0]
    assert " select: one call sleeps" in shown


def test_an_unknown_engine_is_a_mistake(cli):
    done = cli("engines", "selct")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown engine 'selct'" in done.stderr


def test_json_has_what_the_core_says(cli):
    data = json.loads(cli("engines", "--json").stdout)
    assert [engine["name"] for engine in data] == list(DESCRIPTORS)
    for engine in data[: len(_core.engines())]:
        told = _core.engine(engine["name"], {})
        assert engine["caps"] == told["caps"]
        assert engine["threads"] == told["threads"]
        assert engine["summary"] == _core.engines()[engine["name"]]["summary"]
        if told["caps"]["moves_data"]:
            assert engine["model"]["news"] == told["news"]
            assert engine["model"]["worker"] == told["worker"]
        else:
            assert engine["model"] is None
    (aio,) = [engine for engine in data if engine["name"] == "aio"]
    assert aio["other_models"]["aio:notify=poll"]["waiting"] == "spins"


def test_the_order_of_simplicity_is_that_of_the_levels_and_then_of_the_options(cli):
    plain = [EngineSpec(name) for name in DESCRIPTORS]
    simplest_first = sorted(plain, key=complexity)
    assert {spec.name for spec in simplest_first[:4]} == {
        *("blocking", "null", "python:blocking", "python:null")
    }
    assert simplest_first[-1].name == "io_uring"
    spins = [spec.name for spec in plain if spec.caps["spins"] and spec.caps["moves_data"]]
    for name in spins:  # a busy CPU is no detail that a tie may decide for
        assert complexity(EngineSpec("epoll")) < complexity(EngineSpec(name))
    assert complexity(EngineSpec("select")) == complexity(EngineSpec("poll"))
    for spec in plain:
        for other in variants(spec.name):
            added = len(other.options)
            assert complexity(other) == complexity(spec) + added
            assert complexity(other) // STEP == complexity(spec) // STEP, "within its level"
            assert len(DESCRIPTORS[spec.name].options) < STEP, "numbers count as options, too"
    (ring,) = json.loads(cli("engines", "io_uring:sqpoll=on,wait=spin", "--json").stdout)
    assert ring["complexity"] == complexity(EngineSpec("io_uring")) + 2
    assert ring["complexity_level"]["name"] == LEVELS[-1].name
    shown = " ".join(cli("engines", "io_uring:sqpoll=on,wait=spin").stdout.split())
    assert f"complexity {ring['complexity']} ({LEVELS[-1].name}: {LEVELS[-1].meaning})" in shown


def test_json_of_some_has_only_those(cli):
    data = json.loads(cli("engines", "aio:notify=poll", "--json").stdout)
    assert [engine["name"] for engine in data] == ["aio:notify=poll"]
    assert data[0]["caps"]["spins"]


def test_what_is_not_available_and_why(cli):
    data = {e["name"]: e for e in json.loads(cli("engines", "--json").stdout)}
    reasons = data["blocking"]["unavailable"]
    assert any("slow-devices" in line and "one request in flight" in line for line in reasons)
    assert data["aio"]["unavailable"] == []


def test_at_which_points_a_scenario_runs_all_the_same(cli):
    limits = cli("engines", "blocking", COLUMNS="200").stdout.partition("cannot run")[2]
    lines = [line.split("  ", 2) for line in limits.splitlines()[1:]]
    by_limit: dict[str, str] = {}
    for _, how_far, scenarios in lines:
        by_limit[how_far] = by_limit.get(how_far, "") + scenarios
    assert "slow-devices" in by_limit["only at depth 1"]
    assert "slow-devices" not in by_limit["n/a"]
    assert "many-descriptors: " in by_limit["n/a"]
