"""For the tests of exports: writes one, and reads it back as the program it is for would."""

from __future__ import annotations

import csv
import io
import itertools

from hypothesis import settings
from markdown_it import MarkdownIt
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from iomodels import exports

few = settings(max_examples=40)

# The rules of https://bencher.dev/bmf.json, and its limits on names.
BENCHER = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": 1024},
    "additionalProperties": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9-]{1,64}$"},
        "additionalProperties": {
            "type": "object",
            "required": ["value"],
            "additionalProperties": False,
            "properties": {
                key: {"type": "number"} for key in ("value", "lower_value", "upper_value")
            },
        },
    },
}


def render(name: str, run) -> str:
    return exports.render(exports.parse(f"{name}=-", "measurements"), run)


def spreadsheet(text: str) -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def families(text: str) -> dict[str, list]:
    assert text.endswith("# EOF\n")
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


def parsed(text: str):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def table_cells(text: str) -> list[list[str]]:
    """The rows of all tables, each cell as a reader sees it; it must be plain text."""
    rows: list[list[str]] = []
    tokens = parsed(text)
    for token, following in itertools.pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "td_open":
            assert {child.type for child in following.children} <= {"text"}, following.content
            rows[-1].append("".join(child.content for child in following.children))
    return [row for row in rows if row]


def html_in(text: str) -> set[str]:
    """The lines of HTML in it; everything else must be plain text in the blocks that we write."""
    tokens = parsed(text)
    types = {child.type for token in tokens for child in token.children or []}
    assert types <= {"text", "softbreak"}
    blocks = {token.type for token in tokens if token.nesting >= 0}
    lists = {token.level for token in tokens if token.type == "bullet_list_open"}
    ours = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td"}
    known = {f"{name}_open" for name in (*ours, "bullet_list", "list_item")}
    assert blocks <= known | {"inline", "html_block"}
    assert lists <= {0}
    return {token.content.strip() for token in tokens if token.type == "html_block"}
