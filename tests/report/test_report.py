"""The page says what is in the file, all of it, and nothing that the file could not back."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from itertools import pairwise

import pytest

from iomodels.analysis import findings
from iomodels.analysis.cells import title
from iomodels.analysis.claims import article, sets
from iomodels.base.units import format_count, format_duration, format_per_operation
from iomodels.report.page import command, page
from iomodels.results.schema import Asked, Notice

from ..factory import make_cell, make_run, make_trial
from .page_reader import Page

bench = import_module("iomodels.cli.bench")


def swept():
    """Two scenarios, one of them swept; every number of every cell differs from the others."""
    cells = []
    for scenario, depth, engine, scale in (
        ("first", 1, "blocking", 10),
        ("first", 1, "select", 23),
        ("first", 16, "blocking", 41),
        ("first", 16, "select", 59),
        ("second", 1, "aio", 83),
    ):
        trials = [
            make_trial(
                number,
                latency_ns=[scale * 100 * (1000 + 10 * number + n) for n in range(1000)],
                throughput_ops=scale * 1000.0 + 10 * number,
                cpu_ns_per_op=scale * 100.0 + number,
                calls={"read": scale / 10, "select": 1.0},
                eagain_per_op=scale / 7,
            )
            for number in range(7)
        ]
        cells.append(make_cell(engine, trials, scenario=scenario, parameters={"load.depth": depth}))
    return make_run(cells)


def test_findings_come_first_and_then_the_scenarios_folded():
    shown = page(swept())
    headings = [text for level, text in Page(shown).headings if level == 2]
    assert headings[:2] == ["Findings", "Scenarios"]
    assert shown.count('<details class="section">') == 3  # two scenarios, and the machine
    assert '<details class="section" open>' in page(make_run())  # a single one is open


def test_the_page_explains_what_its_tables_say():
    """What stands for no number, too."""
    _, _, reading = page(swept()).partition('<h2 id="reading">')
    for sign in ("n/a", "–"):
        assert f"<dt>{sign}</dt>" in reading


def test_the_overview_has_the_answer_of_each_scenario():
    overview, _, _ = page(swept()).partition('<h2 id="scenarios">')
    for name in ("First", "Second"):
        assert f'">{name}</a></dt>' in overview
    (first, second) = overview.split("<dt>")[1:]
    assert "select" in first  # the better one
    assert "<li>" not in second  # a single engine, at a single point
    cells = [
        make_cell(engine, [make_trial(n, latency_ns=ns) for n in range(7)])
        for engine, ns in (("blocking", 100), ("select", 300), ("aio", 900))
    ]
    answer, *others = findings.sentences(cells)
    alone, _, _ = page(make_run(cells)).partition('<h2 id="scenarios">')
    assert others
    assert [sentence.replace(" %", "\u00a0%") in alone for sentence in (answer, *others)] == [
        True,
        *(False for _ in others),
    ]


def test_of_a_sweep_the_overview_has_each_answer_and_then_the_sweep_line_by_line():
    overview, _, _ = page(swept()).partition('<h2 id="scenarios">')
    first = overview.split("<dt>")[1]
    lines = [part.partition("</li>")[0] for part in first.split("<li>")[1:]]
    assert [line.partition(":")[0] for line in lines[:2]] == ["depth 1", "depth 16"]
    assert len(lines) == 4
    assert all("depth 16 against 1:" in line for line in lines[2:])


def test_a_command_in_a_sentence_is_code_and_has_no_backticks():
    notice = Notice("busy-machine", "see `iomodels doctor <b>` about it")
    text = page(make_run(warnings=[notice]))
    assert "<strong>busy machine:</strong> see <code>iomodels doctor &lt;b&gt;</code>" in text
    assert "`" not in Page(text).content["main"]


def test_a_point_of_a_shipped_sweep_is_told_by_what_it_sweeps():
    """Alone, too: "which keeps 1, 4 and 16 busy" was measured at 16 here."""
    cells = [
        make_cell(name, scenario="slow-devices", parameters={"load.depth": 16, "load.batch": 0})
        for name in ("select", "aio")
    ]
    shown = page(make_run(cells))
    table = Page(shown).tables[0]
    assert [field.text for field in table.rows[0]][:2] == ["engine", "depth"]
    assert [row[1].text for row in table.rows[1:]] == ["16", "16"]
    assert "<strong>depth 16:</strong>" in shown


def test_what_all_cells_share_is_told_but_for_defaults():
    cells = [
        make_cell(name, scenario="mine", parameters={"load.depth": depth, "load.batch": 4})
        for name in ("select", "aio")
        for depth in (4, 16)
    ]
    assert "All with channel timer, batch 4." in page(make_run(cells))


def shown_range(interval, shown):
    """A unit of both ends is said once."""
    low, high = shown(interval.low), shown(interval.high)
    same = low.partition(" ")[2] == high.partition(" ")[2]
    return f"{low.partition(' ')[0] if same else low} – {high}"


def tables(run):
    """By the scenario's name: a page has titles of shipped ones, and the others' names in words."""
    found = {table.caption.partition(":")[0]: table for table in Page(page(run)).tables}
    return {cell.scenario: found[title(cell.scenario)] for cell in run.cells}


def test_every_number_in_a_table_is_the_one_in_the_file():
    run = swept()
    found = tables(run)
    for cell in run.cells:
        headers, *rows = found[cell.scenario].rows
        names = [header.text for header in headers]
        depth = cell.parameters["load.depth"]
        (row,) = (
            dict(zip(names, row, strict=True))
            for row in rows
            if row[0].text == cell.engine
            and ("depth" not in names or row[names.index("depth")].sort == str(float(depth)))
        )
        summary = cell.summary
        for name, interval, shown in (
            ("ops/s", summary.throughput_ops, format_count),
            ("p50", summary.latency_ns.p50, format_duration),
            ("p99", summary.latency_ns.p99, format_duration),
            ("p99.9", summary.latency_ns.p999, format_duration),
            ("CPU/op", summary.cpu_ns_per_op, format_duration),
            ("EAGAIN/op", summary.eagain_per_op, format_per_operation),
        ):
            assert row[name].sort == str(interval.median)
            assert row[name].text == shown(interval.median)
            if interval.low != interval.high:
                ends = row[name].interval.replace("\u00a0", " ")
                assert ends == shown_range(interval, shown)
        calls = sum(cell.trials[0].calls_per_op.values())
        assert row["calls/op"].text == format_per_operation(calls)


@pytest.mark.parametrize(
    ("operations", "p99", "p999"),
    [(99, False, False), (100, True, False), (999, True, False), (1000, True, True)],
)
def test_a_percentile_of_too_few_operations_is_a_dash(operations, p99, p999):
    short = [make_trial(number, operations=operations) for number in range(7)]
    headers, _, row = tables(make_run([make_cell("blocking"), make_cell("aio", short)]))[
        "slow-device"
    ].rows
    by_name = dict(zip([header.text for header in headers], row, strict=True))
    assert [by_name[name].text != "–" for name in ("p50", "p99", "p99.9")] == [True, p99, p999]


def test_every_cell_has_a_row_and_every_row_all_columns():
    found = tables(swept())
    assert [len(found[name].rows) for name in ("first", "second")] == [5, 2]
    assert all(len({len(row) for row in table.rows}) == 1 for table in found.values())


def test_the_ratio_is_paired_by_round_with_the_base_of_the_same_point():
    headers, *rows = tables(swept())["first"].rows
    column = [header.text for header in headers].index("throughput × blocking")
    by_depth = {(row[1].text, row[0].text): float(row[column].sort) for row in rows}
    assert by_depth["1", "blocking"] == by_depth["16", "blocking"] == 1
    assert by_depth["1", "select"] == pytest.approx(2.3, abs=0.01)
    assert by_depth["16", "select"] == pytest.approx(59 / 41, abs=0.01)


def test_what_was_not_measured_is_named_with_its_reason():
    cells = [
        make_cell("blocking"),
        make_cell("aio", [], status="n/a", reason="needs more than it has"),
        make_cell("select", [], status="failed", reason="broke in round 3"),
        make_cell("threads", status="partial", reason="interrupted after 2 of 7 rounds"),
    ]
    text = page(make_run(cells))
    assert "needs more than it has" in text
    assert "broke in round 3" in text
    assert "1 cell failed, 1 cell interrupted;" in text
    assert [len(row) for row in Page(text).tables[0].rows] == [9] * 5


def test_the_harness_has_no_row_but_a_sentence():
    null = make_cell("null", [make_trial(n, throughput_ops=1e9 / 123) for n in range(7)])
    text = page(make_run([make_cell("blocking"), null]))
    assert "costs 123 ns per operation" in text
    assert [row[0].text for row in Page(text).tables[0].rows] == ["engine", "blocking"]


def test_claims_are_those_of_the_run_and_of_no_other():
    (place,) = article.CLAIMS[1].conditions[0].places
    trials = [make_trial(n, calls={"read": 300.0}) for n in range(7)]
    parameters = dict(place.expected)
    run = make_run(
        [make_cell(place.engine, trials, scenario=place.scenario, parameters=parameters)]
    )
    found = sets.verdicts(run, article.CLAIMS)
    (verdict, *_) = found
    text = page(run)
    assert f"{verdict.claim.says}" in text
    assert verdict.lines[0] in text
    assert len(re.findall(r"<strong>A\d+</strong>", text)) == len(found)
    assert "The article" not in page(make_run([make_cell(scenario="else")]))


def test_few_rounds_are_no_verdict_and_the_page_says_so():
    trials = [make_trial(number) for number in range(3)]
    few = page(make_run([make_cell("blocking", trials), make_cell("select", trials)]))
    assert "3 rounds are too few for verdicts" in few
    assert "the interval that holds" not in few
    assert "too few" not in page(make_run())


def test_headings_descend_one_by_one():
    levels = [level for level, _ in Page(page(swept())).headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_warnings_environment_and_questions_are_all_there():
    run = make_run(
        warnings=[Notice("busy", "a warning of its own"), Notice("other", "and another")],
        environment={"memory_bytes": 1 << 34, "timer_slack_ns": 50_000, "smt": False, "x": None},
    )
    text = page(run)
    for part in (
        "a warning of its own",
        "and another",
        "2 warnings",
        "What does the waiting cost?",
    ):
        assert part in text
    facts = {row[0].text: row[1].text for row in Page(text).tables[-1].rows}
    assert facts["memory"] == "16 GiB"
    assert facts["timer slack"] == "50 µs"
    assert (facts["SMT"], facts["x"]) == ("no", "unknown")


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ((7, 7), "their 95\u00a0% intervals"),
        ((7, 3), "their 95\u00a0% intervals (the range where there are fewer than 6 rounds)"),
        ((3, 3), "the range"),
    ],
)
def test_a_table_says_what_stands_below_its_numbers(rounds, said):
    cells = [
        make_cell(engine, [make_trial(n) for n in range(count)])
        for engine, count in zip(("blocking", "select"), rounds, strict=True)
    ]
    (caption,) = [t.caption for t in Page(page(make_run(cells))).tables if "medians" in t.caption]
    assert caption.startswith(f"A slow device: medians over rounds, and {said} (column")


def test_no_line_ends_between_a_number_and_its_percent_sign():
    html = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page(swept()), flags=re.DOTALL)
    assert re.search(r"\d(\u00a0|&nbsp;)%", html)
    assert not re.search(r"\d %", html)


# The command


ASKED = (
    Asked(["slow-device"], [], {}),
    Asked(["a", "mine and yours.toml"], ["blocking", "aio:notify=list,mode=nowait"], {}),
    Asked(["slow-devices"], ["select"], {"load.depth": ["1", "16"], "channel.service": ["10 us"]}),
    Asked(["--seed=3", "-h", "$(id)", "a'b\"c", "; id"], ["--force"], {"-o": ["x"], "k": ["`id`"]}),
)


@pytest.mark.parametrize("asked", ASKED)
def test_bench_understands_the_command_as_it_was_asked(asked):
    run = make_run(asked=asked, seed=77)
    program, name, *words = shlex.split(command(run))
    assert (program, name) == ("iomodels", "bench")
    given = bench.command.make_context("bench", words).params
    assert list(given["scenarios"]) == asked.scenarios
    assert list(given["engines"]) == asked.engines
    settings = [f"{key}={','.join(values)}" for key, values in asked.settings.items()]
    assert list(given["settings"]) == settings
    assert (given["rounds"], given["duration"], given["warmup"]) == (7, 0.3, 0.1)
    assert given["seed"] == 77
    assert Page(page(run)).content["code"].startswith(command(run))


def test_a_file_without_the_command_says_so():
    text = page(make_run(asked=None))
    assert "did not keep the command" in text
    assert "iomodels bench" in Page(text).content["code"]
    assert "did not keep the command" not in page(make_run(asked=ASKED[0]))


def test_a_scenario_of_ones_own_is_named():
    assert "It needs mine.toml" in page(make_run(asked=Asked(["mine.toml"], [], {})))
