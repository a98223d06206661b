"""What `check` keeps is a comparison: where it is, and what `chart` and `report` make of it."""

from __future__ import annotations

import json
import re

from iomodels.comparison import document, verdict

from .running import QUICK, cli

__all__ = ["cli"]


def test_a_check_against_a_real_baseline_keeps_the_comparison(cli, tmp_path) -> None:
    made = cli("bench", "slow-device", "-e", "blocking", *QUICK, "-r", "6", "-o", "base.json")
    assert made.returncode == 0, made.stderr
    done = cli("check", "--baseline", "base.json", "-o", "check.json", "--export", "json=v.json")
    assert done.returncode in (0, 1, 4), done.stderr
    kept = document.load(tmp_path / "check.json")
    assert (kept.base_name, verdict.EXIT_CODES[kept.outcome]) == ("base.json", done.returncode)
    assert "comparison: check.json" in done.stderr
    assert (tmp_path / "v.json").read_bytes() == (tmp_path / "check.json").read_bytes()
    assert not (tmp_path / "results").exists()
    # The same cells again, by default, and the comparisons in the folder are no runs.
    (tmp_path / "results").mkdir()
    (tmp_path / "base.json").rename(tmp_path / "results" / "base.json")
    (tmp_path / "check.json").rename(tmp_path / "results" / "before.json")
    again = cli("check", "--baseline", "results")
    assert again.returncode in (0, 1, 4), again.stderr
    said = re.search(r"comparison: (results/check-\S+\.json)", again.stderr)
    assert said, again.stderr
    assert document.load(tmp_path / said[1]).base_name == "base.json"


def test_a_check_that_cannot_keep_its_comparison_unasked_ends_as_it_would(cli, tmp_path) -> None:
    made = cli("bench", "slow-device", "-e", "blocking", *QUICK, "-r", "6", "-o", "base.json")
    assert made.returncode == 0, made.stderr
    (tmp_path / "results").write_text("no folder")
    done = cli("check", "--baseline", "base.json")
    assert done.returncode in (0, 1, 4), done.stderr
    assert "note: the comparison is not kept: " in done.stderr
    assert "Traceback" not in done.stderr
    with_json = cli("check", "--baseline", "base.json", "--json")
    assert "comparison:" not in with_json.stderr
    assert json.loads(with_json.stdout)["base_name"] == "base.json"
