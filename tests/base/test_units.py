"""Units: what is read, what is refused and why, and that nothing is lost on the way back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomodels.base import units
from iomodels.base.errors import ScenarioError
from iomodels.base.units import (
    MAX_DURATION,
    MAX_SIZE,
    Duration,
    Size,
    counted,
    exact_duration,
    exact_size,
    format_count,
    format_duration,
    format_size,
    parse_duration_ns,
    parse_size_bytes,
)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("100 us", 100_000),
        ("100us", 100_000),
        ("  100   us ", 100_000),
        ("0.5 µs", 500),  # U+00B5
        ("0.5 μs", 500),  # U+03BC
        ("1 ms", 1_000_000),
        ("1.5 s", 1_500_000_000),
        ("0 ns", 0),
        ("2 min", 120_000_000_000),
        ("60 min", 3_600_000_000_000),
        # A binary float would miss this one, and a 28-digit decimal the next.
        ("0.000000003 s", 3),
        ("0.100000000000000000000000 s", 100_000_000),
    ],
)
def test_a_duration_is_read_exactly(text, ns):
    duration = parse_duration_ns(text)
    assert duration == ns
    assert type(duration) is Duration


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512 B", 512),
        ("4 KiB", 4096),
        ("64MiB", 64 << 20),
        ("1.5 KiB", 1536),
        ("1 GiB", 1 << 30),
        ("1 TiB", 1 << 40),
    ],
)
def test_a_size_is_read_exactly(text, size):
    parsed = parse_size_bytes(text)
    assert parsed == size
    assert type(parsed) is Size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("100", "has no unit"),
        ("1.5", "has no unit"),
        ("", "is not a duration"),
        ("us", "is not a duration"),
        ("-1 us", "is not a duration"),
        ("+1 us", "is not a duration"),
        ("nan us", "is not a duration"),
        ("inf s", "is not a duration"),
        ("1e3 us", "is not a duration"),
        ("1_000 us", "is not a duration"),
        ("1 us 2 us", "is not a duration"),
        ("1,5 s", "is not a duration"),
        (".5 ms", "is not a duration"),
        ("٣ us", "is not a duration"),
        ("1 us\n2", "is not a duration"),
        ("9" * 100 + " s", "is not a duration"),
        ("0.5 ns", "not a whole number of ns"),
        ("1.0001 us", "not a whole number of ns"),
        ("61 min", "at most 60 min"),
        ("3600.000000001 s", "at most 60 min"),
        ("4 KiB", "unknown unit 'KiB': a duration is in ns, us, ms, s, min"),
        ("1 sec", "did you mean '1 s'?"),
        ("1 MS", "did you mean '1 ms'?"),
        ("5 m", "did you mean '5 min'?"),
        ("1 h", "unknown unit 'h'"),
    ],
)
def test_a_wrong_duration_is_refused_with_the_reason(text, why):
    with pytest.raises(ScenarioError, match=r"\A[^\n]*\Z") as caught:
        parse_duration_ns(text)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("4096", "has no unit"),
        ("4k", "did you mean '4 KiB'?"),
        ("4 K", "did you mean '4 KiB'?"),
        ("4 kB", "did you mean '4 KiB'?"),
        ("64 MB", "did you mean '64 MiB'?"),
        ("64 mib", "did you mean '64 MiB'?"),
        ("1G", "did you mean '1 GiB'?"),
        ("512 b", "did you mean '512 B'?"),
        ("4 us", "unknown unit 'us': a size is in B, KiB, MiB, GiB, TiB"),
        ("0.5 B", "not a whole number of B"),
        ("-4 KiB", "is not a size"),
        ("1.5 TiB", "at most 1 TiB"),
    ],
)
def test_a_wrong_size_is_refused_with_the_reason(text, why):
    with pytest.raises(ScenarioError) as caught:
        parse_size_bytes(text)
    assert why in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    for parse in (parse_duration_ns, parse_size_bytes):
        try:
            value = parse(text)
        except ScenarioError:
            continue
        assert value >= 0


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (1, "1 ns"),
        (0.25, "0.25 ns"),
        (100_000, "100 µs"),
        (1_234_567, "1.23 ms"),
        (999_499, "999 µs"),
        (999_999, "1 ms"),
        (1_500_000_000, "1.5 s"),
        (59_999_999_999, "1 min"),
        (90_000_000_000, "1.5 min"),
        (7_200_000_000_000, "120 min"),
        (-1_500, "-1.5 µs"),
        (math.nan, "nan ns"),
    ],
)
def test_durations_show_three_significant_digits(ns, text):
    assert format_duration(ns) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (4096, "4 KiB"), (1536, "1.5 KiB"), (64 << 20, "64 MiB")],
)
def test_sizes_show_powers_of_1024(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (0.0625, "0.0625"),
        (12, "12"),
        (8_123, "8.12k"),
        (8_100, "8.1k"),
        (999_999, "1M"),
        (1_500_000, "1.5M"),
        (2_500_000_000, "2.5G"),
    ],
)
def test_counts_show_si_prefixes(count, text):
    assert format_count(count) == text


@given(
    st.integers(min_value=1, max_value=999),
    st.integers(min_value=-2, max_value=0),
    st.sampled_from([10**3, 10**6, 10**7]),
)
def test_a_duration_of_three_digits_comes_back_unchanged(mantissa, exponent, factor):
    ns = mantissa * factor // 10**-exponent
    assert parse_duration_ns(format_duration(ns)) == ns


@given(st.integers(min_value=1, max_value=999), st.sampled_from([0, 10, 20, 30]))
def test_a_size_of_three_digits_comes_back_unchanged(mantissa, shift):
    size = mantissa << shift
    assert parse_size_bytes(format_size(size)) == size


@given(st.integers(min_value=0, max_value=MAX_DURATION))
def test_the_exact_form_of_any_duration_comes_back_unchanged(ns):
    assert parse_duration_ns(exact_duration(ns)) == ns


@given(st.integers(min_value=0, max_value=MAX_SIZE))
def test_the_exact_form_of_any_size_comes_back_unchanged(size):
    assert parse_size_bytes(exact_size(size)) == size


@given(st.floats(min_value=0.001, max_value=1e11))
def test_the_rounded_form_is_within_half_a_percent(value):
    text = format_count(value)
    prefixes = {"k": 1e3, "M": 1e6, "G": 1e9}
    shown = float(text[:-1]) * prefixes[text[-1]] if text[-1] in prefixes else float(text)
    assert shown == pytest.approx(value, rel=0.00501)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 rounds"), (1, "1 round"), (1.0, "1 round"), (1.5, "1.5 rounds"), (1000, "1000 rounds")],
)
def test_one_is_not_many(count, said):
    assert counted(count, "round") == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ("1.09 ms", "1.31 ms", "1.09 – 1.31 ms"),
        ("999 µs", "1.01 ms", "999 µs – 1.01 ms"),
        ("99 %", "100 %", "99 – 100 %"),
        ("8.7k", "9.09k", "8.7k – 9.09k"),
    ],
)
def test_an_interval_has_its_unit_once(low, high, said):
    assert units.from_to(low, high) == said
