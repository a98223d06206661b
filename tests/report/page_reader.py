"""Reads an HTML page as tests need it: its tables, its headings, its texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "link", "img", "input", "hr"}


@dataclass
class Field:
    """One th or td: its own text, the interval below it, and the number it is sorted by."""

    text: str = ""
    interval: str = ""
    sort: str | None = None


@dataclass
class Table:
    caption: str = ""
    rows: list[list[Field]] = field(default_factory=list)


class Page(HTMLParser):
    """A parsed page. Raises `AssertionError` where an element is closed that is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.headings: list[tuple[int, str]] = []
        self.meta: dict[str, str] = {}
        self.content: dict[str, str] = {"style": "", "script": "", "code": "", "main": ""}
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and "http-equiv" in given:
            self.meta[given["http-equiv"]] = given["content"]
        if tag in VOID:
            return
        self._open.append((tag, given.get("class", "")))
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("th", "td"):
            self.tables[-1].rows[-1].append(Field(sort=given.get("data-sort")))
        elif tag in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        for name in self.content.keys() & set(tags):
            self.content[name] += data
        if tags and tags[-1].startswith("h") and tags[-1][1:].isdigit():
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        if "caption" in tags:
            self.tables[-1].caption += data
        elif "th" in tags or "td" in tags:
            target = self.tables[-1].rows[-1][-1]
            if self._open[-1][1] == "interval":
                target.interval += data
            elif self._open[-1][0] in ("th", "td"):
                target.text += data.strip()
