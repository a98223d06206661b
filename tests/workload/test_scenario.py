"""Scenario files, suites and `--set`: what they mean, and what is refused with which words."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base.errors import ScenarioError
from iomodels.workload import reference, scenario
from iomodels.workload.channels import Channel, Constant, Exponential, Lognormal, Uniform
from iomodels.workload.key import SYNONYMS, all_keys
from iomodels.workload.scenario import FileChannel, TimerChannel

from .scenario_texts import FILE, HEAD, TIMER

# --- What a scenario means


def test_defaults_fill_what_a_file_leaves_out(write):
    (point,) = scenario.points(scenario.load(write(FILE)))
    assert point.parameters == {
        "channel.kind": "file",
        "channel.size": 64 << 20,
        "channel.cache": "warm",
        "channel.nowait": False,
        "channel.opens": "per-request",
        "load.operation": "read",
        "load.depth": 1,
        "load.batch": 0,
        "load.deadline": 0,
        "load.block": 4096,
        "load.pattern": "random",
        "load.verify": False,
        "load.compute": 0,
        "load.arrivals": "closed",
    }
    assert isinstance(point.channel, FileChannel)
    assert point.channel.folder == "/var/tmp"
    assert point.label == ""


def test_a_timer_moves_eight_bytes_and_has_no_block_or_pattern(write):
    (point,) = scenario.points(scenario.load(write(TIMER)))
    assert point.load.block.largest == 8
    assert point.parameters == {
        "channel.kind": "timer",
        "channel.service": 100_000,
        "channel.opens": "per-request",
        "load.operation": "read",
        "load.depth": 1,
        "load.batch": 0,
        "load.deadline": 0,
        "load.compute": 0,
        "load.arrivals": "closed",
    }


@pytest.mark.parametrize(
    ("service", "expected", "parameters"),
    [
        ('"1 ms"', Constant(mean_ns=1_000_000), {"": 1_000_000}),
        (
            '{ distribution = "constant", mean = "1 ms" }',
            Constant(mean_ns=1_000_000),
            {"": 1_000_000},
        ),
        (
            '{ distribution = "exponential", mean = "1 ms" }',
            Exponential(mean_ns=1_000_000),
            {".distribution": "exponential", ".mean": 1_000_000},
        ),
        (
            '{ distribution = "uniform", low = "1 us", high = "3 us" }',
            Uniform(low_ns=1_000, high_ns=3_000),
            {".distribution": "uniform", ".low": 1_000, ".high": 3_000},
        ),
        (
            '{ distribution = "lognormal", mean = "1 ms", sigma = 1 }',
            Lognormal(mean_ns=1_000_000, sigma=1.0),
            {".distribution": "lognormal", ".mean": 1_000_000, ".sigma": 1.0},
        ),
    ],
)
def test_every_distribution_is_read_and_stored(write, service, expected, parameters):
    path = write(HEAD + f'[channel]\nkind = "timer"\nservice = {service}\n')
    (point,) = scenario.points(scenario.load(path))
    assert isinstance(point.channel, TimerChannel)
    assert point.channel.service == expected
    stored = {k: v for k, v in point.parameters.items() if k.startswith("channel.service")}
    assert stored == {f"channel.service{key}": value for key, value in parameters.items()}


def test_what_a_distribution_lacks_is_zero():
    assert Constant(mean_ns=5).distribution == "constant"
    assert (Constant(mean_ns=5).low_ns, Constant(mean_ns=5).sigma) == (0, 0.0)
    assert Uniform(low_ns=2, high_ns=4).mean_ns == 3


def test_a_sweep_is_the_product_in_file_order_with_the_last_key_fastest(write):
    path = write(FILE + '[sweep]\n"load.block" = ["4 KiB", "1 MiB"]\n"load.depth" = [1, 16]\n')
    points = scenario.points(scenario.load(path))
    assert [point.label for point in points] == [
        "block 4 KiB, depth 1",
        "block 4 KiB, depth 16",
        "block 1 MiB, depth 1",
        "block 1 MiB, depth 16",
    ]
    assert [(point.load.block.largest, point.load.depth) for point in points] == [
        (4096, 1),
        (4096, 16),
        (1 << 20, 1),
        (1 << 20, 16),
    ]


def test_labels_tell_apart_values_that_three_digits_would_not(write):
    path = write(TIMER + '[sweep]\n"channel.service" = ["100 us", "100.001 us"]\n')
    labels = [point.label for point in scenario.points(scenario.load(path))]
    assert labels == ["service 100 µs", "service 100001 ns"]


def test_a_sweep_with_one_value_varies_nothing(write):
    path = write(TIMER + '[sweep]\n"load.depth" = [16]\n')
    (point,) = scenario.points(scenario.load(path))
    assert (point.load.depth, point.label) == (16, "")


def test_a_required_key_may_come_from_the_sweep_alone(write):
    path = write(HEAD + '[channel]\nkind="timer"\n[sweep]\n"channel.service" = ["1 us", "2 us"]\n')
    assert len(scenario.points(scenario.load(path))) == 2


# --- --set


def test_one_value_sets_and_several_sweep(write):
    path = write(TIMER + '[sweep]\n"load.depth" = [1, 4, 16]\n')
    (point,) = scenario.points(scenario.load(path, {"load.depth": ["2"]}))
    assert point.load.depth == 2
    points = scenario.points(scenario.load(path, {"load.depth": ["3", "5"]}))
    assert [point.load.depth for point in points] == [3, 5]


@pytest.mark.parametrize(
    ("key", "text", "stored"),
    [
        ("channel.service", "50us", 50_000),
        ("channel.opens", "1", 1),
        ("channel.opens", "per-request", "per-request"),
        ("load.depth", "1", 1),
    ],
)
def test_a_setting_is_read_by_the_keys_type(write, key, text, stored):
    (point,) = scenario.points(scenario.load(write(TIMER), {key: [text]}))
    assert point.parameters[key] == stored
    assert type(point.parameters[key]) is type(stored)


def test_a_setting_can_change_the_distribution(write):
    chosen = {"channel.service.distribution": ["exponential"]}
    (point,) = scenario.points(scenario.load(write(TIMER), chosen))
    assert point.channel.service == Exponential(mean_ns=100_000)
    chosen = {
        "channel.service.distribution": ["uniform"],
        "channel.service.low": ["1 us"],
        "channel.service.high": ["2 us"],
    }
    (point,) = scenario.points(scenario.load(write(TIMER), chosen))
    assert point.channel.service == Uniform(low_ns=1_000, high_ns=2_000)
    chosen = {"channel.service.distribution": ["constant", "exponential"]}
    labels = [point.label for point in scenario.points(scenario.load(write(TIMER), chosen))]
    assert labels == ["service distribution constant", "service distribution exponential"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("load.connections", "load.descriptors"),
        ("connections", "load.descriptors"),
        ("load.iodepth", "load.depth"),
        ("bs", "load.block"),
        ("descriptors", "load.descriptors"),
    ],
)
def test_a_word_of_another_tool_or_without_its_table_leads_to_the_key(name, meant):
    with pytest.raises(ScenarioError) as refused:
        scenario.load("server", {name: ["4"]})
    assert str(refused.value).endswith(f"there is no key {name} (did you mean '{meant}'?)")


def test_every_synonym_is_of_a_key():
    assert set(SYNONYMS.values()) <= set(all_keys())


def test_settings_that_fit_only_another_scenario_are_said_to_apply_to_all():
    chosen = {"load.descriptors": ["200"]}
    with pytest.raises(ScenarioError, match="apply to every scenario that is named: run this one"):
        scenario.resolve(["server", "direct-read"], chosen)
    with pytest.raises(ScenarioError, match=r"it needs channel\.kind = 'pipe' or 'socket'\)$"):
        scenario.resolve(["direct-read"], chosen)
    with pytest.raises(ScenarioError, match=r"'load\.depth'\?\)$"):
        scenario.resolve(["server", "direct-read"], {"load.dept": ["2"]})


def test_a_name_that_is_nearly_a_scenarios_gives_that_one_alone():
    with pytest.raises(ScenarioError) as refused:
        scenario.resolve(["servers"])
    assert "(did you mean 'server'?)" in str(refused.value)
    assert "slow-device" not in str(refused.value)
    with pytest.raises(ScenarioError, match="'latest' is a result, no scenario"):
        scenario.resolve(["latest"])


@pytest.mark.parametrize(
    ("key", "texts", "words"),
    [
        (
            "load.dept",
            ["4"],
            "setting load.dept=4: there is no key load.dept (did you mean 'load.dep",
        ),
        ("load.depth", ["four"], "load.depth is 'four': it must be a whole number from 1 to 1024"),
        ("load.depth", ["0"], "load.depth is 0: it must be a whole number from 1 to 1024"),
        ("load.depth", ["1_0"], "load.depth is '1_0'"),
        ("load.depth", ["9" * 5000], "it must be a whole number from 1 to 1024"),
        ("load.depth", [], "has 0 values"),
        ("load.depth", ["1"] * 65, "has 65 values"),
        ("load.depth", ["4", "4"], "the value 4 twice"),
        ("channel.service", ["100us", "0.1 ms"], "the value 100 µs twice"),
        ("channel.service", ["100"], "'100' has no unit: write for example '100 us'"),
        ("channel.service", ["0 ns"], "from 1 ns to 60 min"),
        ("channel.kind", ["file"], "channel.kind cannot change"),
        ("channel.size", ["1 MiB"], "channel.size contradicts channel.kind = 'timer'"),
        ("load.block", ["4 KiB"], "load.block contradicts channel.kind = 'timer'"),
    ],
)
def test_a_wrong_setting_is_refused(write, key, texts, words):
    path = write(TIMER)
    with pytest.raises(ScenarioError) as caught:
        scenario.load(path, {key: texts})
    assert words in str(caught.value)
    assert "setting" in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_folder_can_be_set_but_not_swept(write):
    (point,) = scenario.points(scenario.load(write(FILE), {"channel.folder": ["/data"]}))
    assert point.channel.folder == "/data"
    with pytest.raises(ScenarioError, match=r"channel\.folder cannot change"):
        scenario.load(write(FILE), {"channel.folder": ["/a", "/b"]})


# --- Parameters, the other way round


def test_parameters_give_the_point_back():
    for name in scenario.shipped():
        for point in scenario.points(scenario.load(name)):
            stored = msgspec.json.decode(msgspec.json.encode(point.parameters))
            again = scenario.point_from_parameters(name, stored)
            assert (again.channel, again.load) == (point.channel, point.load)
            assert again.parameters == point.parameters


@given(
    st.sampled_from(["uniform", "exponential", "lognormal", "constant"]),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.floats(0.01, 3),
    st.integers(1, 1024),
)
def test_parameters_of_any_timer_give_the_point_back(kind, low, more, sigma, depth):
    service = {
        "uniform": {"low": low, "high": low + more},
        "exponential": {"mean": low},
        "lognormal": {"mean": low, "sigma": sigma},
        "constant": {"mean": low},
    }[kind]
    given = {"channel.kind": "timer", "channel.service.distribution": kind, "load.depth": depth}
    given |= {f"channel.service.{key}": value for key, value in service.items()}
    point = scenario.point_from_parameters("x", given)
    assert scenario.point_from_parameters("x", point.parameters) == point


GOOD = {"channel.kind": "timer", "channel.service": 100_000}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "channel.kind is missing"),
        (GOOD | {"channel.folder": "/etc"}, "channel.folder can only be given on the command line"),
        (GOOD | {"load.dept": 1}, "did you mean 'load.depth'"),
        (
            GOOD | {"load.depth": 10**9},
            "load.depth is 1000000000: it must be a whole number from 1",
        ),
        (GOOD | {"load.depth": 10**6000}, "a number far too large"),
        (GOOD | {"load.depth": None}, "load.depth is nothing"),
        (GOOD | {"load.depth": [1]}, "load.depth is a list"),
        (GOOD | {"load.block": 4096}, "load.block contradicts channel.kind = 'timer'"),
        (GOOD | {"channel.service": 1.5}, "channel.service is 1.5: it must be a duration"),
        (GOOD | {"channel.service": 0}, "channel.service is 0"),
        (GOOD | {"channel.kind": {}}, "channel.kind is a table"),
        (GOOD | {"channel.opens": 1, "load.depth": 2}, "one timer serves one request at a time"),
    ],
)
def test_parameters_from_a_stranger_pass_the_same_rules(parameters, words):
    with pytest.raises(ScenarioError) as caught:
        scenario.point_from_parameters("x", parameters)
    assert words in str(caught.value)
    assert str(caught.value).startswith("the parameters of 'x': ")


def test_the_folder_is_never_stored(write):
    path = write(FILE + 'folder = "/home/somebody"\n')
    (point,) = scenario.points(scenario.load(path))
    assert "somebody" not in str(point.parameters)
    assert scenario.point_from_parameters("mine", point.parameters).channel.folder == "/var/tmp"


# --- The keys


def test_every_key_says_what_it_means_and_what_is_allowed():
    for key in all_keys().values():
        assert key.meaning
        assert key.limits
        assert "None" not in key.allowed


def test_a_key_has_one_type_and_one_default_in_every_kind_of_channel():
    seen = {}
    for kind in Channel.__args__:
        for field in msgspec.structs.fields(kind):
            assert seen.setdefault(field.name, (field.type, field.default)) == (
                field.type,
                field.default,
            )


def test_the_reference_table_has_every_key_once():
    rows = reference.reference_table().splitlines()
    names = [re.match(r"\| `([^`]+)` \|", row)[1] for row in rows[2:]]
    assert len(names) == len(set(names))
    assert set(all_keys()) | {"title", "question", "expect", "engines", "sweep", "today"} == set(
        names
    )
    assert {row.count("|") for row in rows} == {7}


def test_the_folder_of_the_shipped_scenarios_holds_only_files_that_load():
    for path in Path(scenario.scenario_folder()).glob("*.toml"):
        assert scenario.resolve([str(path)])
