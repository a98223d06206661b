"""`load.block` as several sizes with shares: what is read, its canonical text, what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base.errors import ScenarioError
from iomodels.workload import scenario
from iomodels.workload.block import MAX_SIZES, WHOLE, block_of, block_of_counts, read_block
from iomodels.workload.key import all_keys
from iomodels.workload.point import point_from_parameters
from iomodels.workload.writing import WrittenScenario, as_file

from .scenario_texts import FILE, TIMER

KEY = all_keys()["load.block"]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("4 KiB/70:64 KiB/30", "4 KiB/70:64 KiB/30"),
        ("64KiB/30:4KiB/70", "4 KiB/70:64 KiB/30"),
        (" 4096/70 : 64 KiB / 30 ", "4 KiB/70:64 KiB/30"),
        ("4 KiB/7:64 KiB/3", "4 KiB/70:64 KiB/30"),  # counts are as good as percent
        ("4 KiB/1:8 KiB/1:16 KiB/1", "4 KiB/33.34:8 KiB/33.33:16 KiB/33.33"),
        ("1000 B/99.99:4100 B/0.01", "1000 B/99.99:4100 B/0.01"),
        ("4 KiB/5", 4096),  # one size is a fixed one
    ],
)
def test_a_distribution_has_one_canonical_text(text, canonical):
    assert KEY.read(text) == canonical
    assert KEY.read(canonical, canonical=True) == canonical
    assert KEY.show(canonical) == (canonical if isinstance(canonical, str) else "4 KiB")


@given(
    st.dictionaries(st.integers(1, 64 << 20), st.integers(1, 1000), min_size=1, max_size=MAX_SIZES)
)
def test_reading_the_canonical_text_again_changes_nothing(counts):
    block = block_of_counts(counts)
    assert sum(block.shares) == WHOLE
    assert list(block.sizes) == sorted(counts)
    assert min(block.shares) >= 1
    assert block_of(block.value) == block
    for size, share in zip(block.sizes, block.shares, strict=True):
        assert share == pytest.approx(WHOLE * counts[size] / sum(counts.values()), abs=1)


@given(st.text(alphabet="0123456789./: KiBe-_\u0661\x1b", max_size=40))
def test_any_text_is_a_block_or_a_refusal(text):
    with suppress(ScenarioError):
        assert sum(read_block(text).shares) == WHOLE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4 KiB/70:64 KiB", "'64 KiB' is not a size with its share"),
        ("4 KiB:64 KiB", "'4 KiB' is not a size with its share: write for example '4 KiB/70:64 K"),
        ("4 KiB/70:", "'' is not a size with its share"),
        ("4 KiB/-1:8 KiB/2", "'4 KiB/-1' is not a size with its share"),
        ("4 KiB/nan:8 KiB/2", "'4 KiB/nan' is not a size with its share"),
        ("4 KiB/1e9:8 KiB/2", "'4 KiB/1e9' is not a size with its share"),
        ("4 KiB/0:8 KiB/2", "the share of 4 KiB is below 0.01 %: leave that size out"),
        ("4 KiB/1:8 KiB/99999", "the share of 4 KiB is below 0.01 %"),
        ("4 KiB/0:8 KiB/0", "the share of 4 KiB is below 0.01 %"),
        ("4 KiB/50:4096 B/50", "it has 4 KiB twice: give each size once"),
        ("4k/50:64k/50", "'4k' has an unknown unit 'k' (did you mean '4 KiB'?)"),
        ("0/50:4 KiB/50", "it must be a size from 1 B to 64 MiB"),
        ("4 KiB/50:65 MiB/50", "it must be a size from 1 B to 64 MiB"),
        (":".join(f"{n} B/1" for n in range(1, 18)), "it has 17 sizes: give at most 16"),
    ],
)
def test_what_is_no_distribution_is_refused_in_a_sentence(text, words):
    with pytest.raises(ScenarioError) as caught:
        KEY.read(text)
    assert words in str(caught.value)


def test_files_settings_sweeps_and_results_have_it_as_one_value(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE + '[load]\nblock = "64 KiB/1:4 KiB/3"\n')
    (point,) = scenario.points(scenario.load(path))
    assert point.parameters["load.block"] == "4 KiB/75:64 KiB/25"
    assert point_from_parameters("mine", point.parameters).load == point.load
    swept = scenario.load(path, {"load.block": ["4KiB/50:8KiB/50", "4KiB"]})
    assert [p.label for p in scenario.points(swept)] == [
        "block 4 KiB/50:8 KiB/50",
        "block 4 KiB",
    ]
    settings = {"channel.kind": "file", "load.block": point.parameters["load.block"]}
    path.write_text(as_file([WrittenScenario("mine", "Mine", settings)], "Mine"))
    assert scenario.points(scenario.load(path))[0].load.block == point.load.block


def test_a_fixed_block_is_a_number_as_it_always_was():
    (point,) = scenario.points(scenario.load("cached-read"))
    assert type(point.parameters["load.block"]) is int


@pytest.mark.parametrize(
    ("channel", "load", "words"),
    [
        ("", 'block = "4 KiB/50:128 MiB/50"', "it must be a size from 1 B to 64 MiB"),
        ("size = '1 MiB'\n", 'block = "4 KiB/50:2 MiB/50"', "(2 MiB) must not be larger than"),
        (
            "cache = 'direct'\n",
            'block = "1000 B/50:4 KiB/50"',
            "load.block (1000 B/50:4 KiB/50) must have only multiples of 512 B",
        ),
        (
            "size = '1 MiB'\n",
            'operation = "mixed"\nblock = "4 KiB/50:1 MiB/50"',
            "channel.size (1 MiB) must hold two blocks",
        ),
    ],
)
def test_the_limits_of_a_fixed_block_hold_for_each_size(channel, load, words, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE + channel + "[load]\n" + load + "\n")
    with pytest.raises(ScenarioError) as caught:
        scenario.load(path)
    assert words in str(caught.value)


def test_a_timer_refuses_several_sizes_as_it_refuses_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TIMER + '[load]\nblock = "4 KiB/50:8 KiB/50"\n')
    with pytest.raises(ScenarioError, match=r"load\.block contradicts channel\.kind = 'timer'"):
        scenario.load(path)


def test_a_file_need_not_be_a_multiple_of_each_size(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(FILE + 'size = "1 MiB"\n[load]\nblock = "4 KiB/50:12 KiB/50"\n')
    (point,) = scenario.points(scenario.load(path))
    assert point.load.block.largest == 12 << 10


def test_the_sizes_of_a_block():
    block = read_block("4 KiB/75:12 KiB/25")
    assert (block.smallest, block.largest, block.granule) == (4096, 12288, 4096)
    assert block.mean == pytest.approx(6144)
    assert read_block("1 B/1").is_fixed
