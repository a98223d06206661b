"""What the tables show: they fit, they cut no number, and nothing in them acts."""

from __future__ import annotations

import io
import re
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomodels.base import escape
from iomodels.results.schema import Notice

from ..factory import histogram_of, make_cell, make_run, make_trial

console = import_module("iomodels.cli.show.console")
progress = import_module("iomodels.cli.show.progress")
table = import_module("iomodels.cli.show.table")

ENGINES = (
    "blocking",
    "nonblocking",
    "select",
    "aio",
    "aio:notify=poll",
    "aio:notify=poll,threads=1024",
)
HOSTILE = (
    "\x1b[31mred\x1b[0m [bold]b[/bold] [link=x]l[/link] \x07\r\x9b5m \u202egnp.exe\u2066 :smile:"
)


def timer_trial(number, *, ops=8000.0, p50_ns=124_000, added_ns=24_000, cpu_ns=14_000.0, **others):
    """A trial on a timer, where latency beyond the device is known."""
    return make_trial(
        number,
        throughput_ops=ops,
        latency_ns=p50_ns,
        added_ns=None if added_ns is None else histogram_of([added_ns]),
        cpu_ns_per_op=cpu_ns,
        **others,
    )


def seven(**values):
    return [timer_trial(number, **values) for number in range(7)]


def without_trials(engine, status, reason, **others):
    return make_cell(engine, [], status=status, reason=reason, **others)


def rendered(run, width=80, *, explain=False):
    file = io.StringIO()
    output = console.QuietConsole(
        file=file, width=width, force_terminal=False, markup=False, highlight=False, emoji=False
    )
    for part in table.report(run, width=width, explain=explain):
        output.print(part)
    return file.getvalue()


def row(text, engine):
    (found,) = re.findall(rf"^{re.escape(engine)} +(\d.*?|n/a|failed) *$", text, re.MULTILINE)
    return found


# It fits, and cuts no number

numbers = st.fixed_dictionaries(
    {
        "ops": st.floats(1e-3, 1e10),
        "p50_ns": st.integers(1, 3_600_000_000_000),
        "added_ns": st.none() | st.integers(0, 3_600_000_000_000),
        "cpu_ns": st.floats(0.01, 1e12),
        "calls": st.dictionaries(st.sampled_from(["read", "select"]), st.floats(0, 1e7)),
        "eagain_per_op": st.floats(0, 1e7),
    }
)


def rows_of(text):
    """The lines of the table, after its rule, without those that have only a name's beginning."""
    below = text.split("───\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return [line for line in below if not re.fullmatch(r"aio: *| notify=poll *|\* .*", line)]


@settings(max_examples=60)
@given(
    st.lists(numbers, min_size=len(ENGINES), max_size=len(ENGINES)),
    st.sampled_from([40, 50, 60, 80]),
    st.sampled_from(["closed", "poisson"]),
    st.data(),
)
def test_one_line_per_row_never_too_wide_and_never_cut(values, width, arrivals, data):
    cells = [
        make_cell(
            engine,
            [
                timer_trial(r, **{**v, "ops": v["ops"] * data.draw(st.floats(0.5, 2))})
                for r in range(3)
            ],
            note=data.draw(st.sampled_from([None, "degenerate: same as blocking"])),
            parameters={"load.arrivals": arrivals},
        )
        for engine, v in zip(ENGINES, values, strict=True)
    ]
    text = rendered(make_run(cells), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    names = ("blocking", "nonblocking", "select", "aio", " notify=poll", " threads=1024")
    for name, line in zip(names, rows_of(text), strict=True):
        assert re.fullmatch(rf"{name}\*? +[\d.]+[kMGT]? .*", line), line


def test_the_usual_table_has_one_line_per_engine():
    cells = [
        make_cell("blocking", seven()),
        make_cell(
            "nonblocking",
            seven(ops=8001, cpu_ns=113_000, calls={"read": 351.0}, eagain_per_op=350.0),
        ),
        make_cell("select", seven(ops=7870, calls={"read": 2.0, "select": 1.0}, eagain_per_op=1.0)),
        make_cell("aio", seven(ops=7870, p50_ns=129_000)),
    ]
    text = rendered(make_run(cells))
    assert row(text, "blocking").split() == [
        "8k",
        "124µs",
        "124µs",
        "24µs",
        "11%",
        "14µs",
        "1.00",
        "1",
    ]
    assert row(text, "nonblocking").endswith("351    350 =1.00 (1.00–1.00)")
    assert row(text, "aio").split()[1] == "129µs"


def test_what_there_is_no_room_for_is_left_out_of_all_points_alike_and_told():
    """The most important stays longest: the engine, how much it did, and how it compares."""
    cells = [
        make_cell(engine, seven(eagain_per_op=eagain), parameters={"load.depth": depth})
        for depth, eagain in ((1, 0.5), (4, 12_345.0))
        for engine in ("blocking", "nonblocking")
    ]
    wide = rendered(make_run(cells), 101)
    assert wide.count("EAGAIN") == 2  # in two headings
    assert "No room" not in wide
    narrow = rendered(make_run(cells), 60)
    left_out = "No room in 60 columns: p99.9, CPU/op, calls/op, EAGAIN/op."
    assert left_out in " ".join(narrow.split())
    assert narrow.count("EAGAIN") == 1
    narrowest = rendered(make_run(cells), 40)
    assert re.search(r"^nonblocking +8k .* =1.00 *$", narrowest, re.MULTILINE)
    assert "interval." in narrowest


def test_an_interval_has_no_more_digits_than_its_bounds_need():
    odd = [timer_trial(r, ops=8000.0 * (20.0 if r % 2 else 1.4)) for r in range(7)]
    text = rendered(make_run([make_cell("blocking", seven()), make_cell("aio", odd)]))
    assert row(text, "aio").endswith("1.40 (1.40–20.0)")


# What it says


def test_ratio_is_paired_by_round_and_marked_where_it_may_be_one():
    base = [timer_trial(r, ops=1000.0 * (r + 1)) for r in range(7)]
    faster = [timer_trial(r, ops=1080.0 * (r + 1)) for r in range(7)]
    same = [timer_trial(r, ops=1000.0 * (r + 1) * (0.98 if r % 2 else 1.02)) for r in range(7)]
    wide = [timer_trial(r, ops=1000.0 * (r + 1) * (0.89 if r % 2 else 2.05)) for r in range(7)]
    engines = {"blocking": base, "aio": faster, "select": same, "threads": wide}
    text = rendered(make_run([make_cell(engine, each) for engine, each in engines.items()]))
    assert row(text, "aio").endswith(" 1.08 (1.08–1.08)")
    assert row(text, "select").endswith(" =1.02 (0.98–1.02)")
    assert row(text, "threads").endswith(" ?2.05 (0.89–2.05)")
    assert "Marks: = the same within 5 %; ? no difference shown." in " ".join(text.split())
    assert row(text, "blocking").endswith(" 1")


def test_without_blocking_the_ratio_is_to_the_first_that_was_measured():
    reason = "blocking supports one request in flight"
    cells = [
        without_trials("blocking", "n/a", reason),
        make_cell("nonblocking", seven()),
        make_cell("aio", seven(ops=16000.0)),
    ]
    text = rendered(make_run(cells))
    assert "× nonblocking" in text
    assert row(text, "aio").endswith("2.00 (2.00–2.00)")
    assert row(text, "blocking*") == "n/a"
    assert f"* n/a: {reason}" in text


def test_few_rounds_have_a_range_and_neither_the_sign_nor_its_absence_means_anything():
    same = [timer_trial(r, ops=8000.0 * (0.98 if r % 2 else 1.02)) for r in range(7)]
    few = rendered(make_run([make_cell("blocking", seven()[:5]), make_cell("aio", same[:5])]))
    assert row(few, "aio").endswith(" 1.02 (0.98–1.02)")
    assert "Marks" not in few
    assert "give no verdict" in few
    enough = rendered(make_run([make_cell("blocking", seven()), make_cell("aio", same)]))
    assert row(enough, "aio").endswith(" =1.02 (0.98–1.02)")


def test_the_digits_show_that_an_interval_excludes_1():
    """Its lower end is 1.002, which two decimals would show as 1.00."""
    more = [timer_trial(r, ops=8000.0 * (2.7 if r else 1.002)) for r in range(7)]
    text = rendered(make_run([make_cell("blocking", seven()), make_cell("aio", more)]))
    assert row(text, "aio").endswith(" 2.70 (1.002–2.70)")
    assert "(1.002 to 2.70 times)" in " ".join(text.split())


def test_the_legend_explains_why_percentages_need_not_be_those_of_the_medians():
    run = make_run([make_cell("blocking", seven()), make_cell("aio", seven())])
    assert "sentences compare round by round" in " ".join(rendered(run, explain=True).split())


def test_the_legend_is_of_three_lines_and_explains_each_column_only_when_asked():
    cells = [make_cell(engine, seven(operations=99)) for engine in ("blocking", "aio")]
    run = make_run([*cells, make_cell("null", seven())])
    short = rendered(run).rstrip().rpartition("\n\n")[2]
    assert short.count("\n") <= 3
    assert "--legend explains the columns." in " ".join(short.split())
    long = rendered(run, explain=True)
    assert "100 % is one full core" not in short
    for meaning in ("ops/s", "p50", "CPU/op", "× (throughput)", "harness"):
        assert re.search(rf"^{re.escape(meaning)}  +\w", long, re.MULTILINE), meaning
    assert "100 % is one full core" in " ".join(long.split())


@pytest.mark.parametrize(("operations", "p99"), [(99, "–"), (100, "124µs")])
def test_a_99th_percentile_needs_a_hundred_operations(operations, p99):
    cell = make_cell("blocking", seven(operations=operations))
    text = rendered(make_run([cell]))
    assert row(text, "blocking").split()[2] == p99
    # p99.9 has no value in either case.
    assert " ".join(text.split()).count("– too few operations per trial for this percentile") == 1


def test_a_column_without_an_entry_is_left_out():
    cells = [make_cell(e, seven(added_ns=None)) for e in ("blocking", "aio")]
    text = rendered(make_run(cells))
    assert "EAGAIN" not in text
    assert "beyond" not in text
    with_both = rendered(make_run([make_cell("nonblocking", seven(eagain_per_op=0.5)), *cells]))
    assert "EAGAIN" in with_both
    assert "beyond" in with_both


def test_degenerate_failed_and_partial_cells_are_marked_with_the_reason():
    note = "degenerate: same as blocking"
    cells = [
        make_cell("blocking", seven()),
        make_cell("nonblocking", seven(), note=note),
        make_cell("select", seven(), note=note),
        without_trials("aio", "failed", "killed by SIGSEGV"),
        make_cell("aio:notify=poll", seven()[:2], status="partial", reason="interrupted"),
    ]
    text = rendered(make_run(cells))
    assert row(text, "nonblocking*").split()[0] == "8k"
    assert row(text, "select*").split()[0] == "8k"
    assert row(text, "aio†") == "failed"
    assert text.count(f"* {note}") == 1
    assert "† failed: killed by SIGSEGV" in text
    assert "‡ partial: interrupted" in text


def test_the_harness_is_a_line_and_not_a_row():
    null = make_cell("null", seven(ops=32_000_000.0, p50_ns=31))
    text = rendered(make_run([make_cell("blocking", seven()), null]))
    assert "harness: 31.2 ns per operation" in text
    assert not re.search("^null", text, re.MULTILINE)


def test_a_foreign_harness_without_throughput_costs_nothing_that_is_known():
    null = make_cell("null", seven(ops=0.0))
    text = rendered(make_run([make_cell("blocking", seven()), null]))
    assert "harness: ok: no reason recorded" in text


def test_a_sweep_has_a_table_per_point_named_by_what_varies():
    cells = [
        make_cell("aio", seven(), parameters={"load.depth": depth, "load.block": block, "x": 1})
        for depth, block in ((1, 4096), (4, 4096), (4, 65536))
    ]
    lines = [line.strip() for line in rendered(make_run(cells)).splitlines()]
    assert [line for line in lines if line.startswith("depth")] == [
        "depth 1, block 4 KiB",
        "depth 4, block 4 KiB",
        "depth 4, block 64 KiB",
    ]


def test_few_rounds_are_said_to_give_no_verdict():
    few = rendered(make_run([make_cell("blocking", seven()[:3])]))
    assert "Medians over 3 rounds" in few
    assert "Medians over 1 round of" in rendered(make_run([make_cell("blocking", seven()[:1])]))
    assert "no verdict" in few.replace("\n", " ")
    assert "no verdict" not in rendered(make_run([make_cell("blocking", seven())]))


def test_warnings_come_once_and_questions_head_the_tables():
    run = make_run(
        [
            make_cell(e, seven(), parameters={"load.depth": d})
            for d in (1, 4)
            for e in ("aio", "select")
        ],
        warnings=[Notice("load", "the machine is busy")],
        questions={"slow-device": "What does it cost?"},
    )
    text = rendered(run)
    assert text.count("warning: the machine is busy") == 1
    assert text.lstrip().startswith("slow-device: What does it cost?")


def test_a_warning_is_said_where_it_is_read():
    """On a screen with a table below only what the table will not repeat, elsewhere all."""
    at_once, at_the_end = Notice("busy", "busy just now"), Notice("busy", "busy meanwhile")
    for table_below, expected in ((False, "busy meanwhile"), (True, "busy just now")):
        file = io.StringIO()
        display = progress.PlainDisplay(
            console.QuietConsole(file=file, width=80), table_below=table_below
        )
        display.notice(at_once)
        display.trial_started(None)
        display.notice(at_the_end)
        assert file.getvalue().splitlines()[-1] == f"warning: {expected}"
        assert display.before == [at_once]
    run = make_run(warnings=[at_once, at_the_end])
    shown = " ".join(str(part) for part in table.report(run, said=[at_once]))
    assert "busy meanwhile" in shown
    assert "busy just now" not in shown


# Nothing in it acts


@pytest.mark.parametrize("terminal", [False, True])
def test_hostile_text_is_shown_and_not_obeyed(terminal):
    run = make_run(
        [
            make_cell(
                HOSTILE, seven(), scenario=HOSTILE, note=HOSTILE, parameters={HOSTILE: HOSTILE}
            ),
            without_trials("a:" + HOSTILE, "failed", HOSTILE, scenario=HOSTILE),
            without_trials("null", "failed", HOSTILE, scenario=HOSTILE),
        ],
        warnings=[Notice(HOSTILE, HOSTILE)],
        questions={HOSTILE: HOSTILE},
    )
    file = io.StringIO()
    output = console.QuietConsole(
        file=file, width=200, force_terminal=terminal, color_system=None, no_color=True,
        markup=False, highlight=False, emoji=False,
    )  # fmt: skip
    for part in table.report(run):
        output.print(part)
    text = file.getvalue()
    own = re.compile(r"\x1b\[[0-9;]*m") if terminal else re.compile("$^")
    assert not set(own.sub("", text)) & set("\x1b\x07\r\x9b\u202e\u2066")
    assert r"\x1b[31mred\x1b[0m [bold]b[/bold] [link=x]l[/link]" in own.sub("", text)
    assert ":smile:" in text
    assert "\x1b[31m" not in text


@given(st.text())
def test_visible_text_acts_on_nothing_and_keeps_what_is_plain(text):
    shown = escape.visible(text)
    assert all(escape.visible(c) == c for c in shown)
    assert "".join(c for c in text if c.isascii() and c.isprintable()) == "".join(
        c for c in text if c.isascii() and c.isprintable() and c in shown
    )
    if text.isascii() and text.isprintable():
        assert shown == text


def test_hostile_text_in_messages_while_it_runs():
    file = io.StringIO()
    display = progress.PlainDisplay(console.QuietConsole(file=file, width=300, markup=False))
    display.notice(Notice("x", HOSTILE))
    assert "\x1b" not in file.getvalue()
    assert "[bold]b[/bold]" in file.getvalue()
