"""How files are called in what we write."""

from __future__ import annotations

import os

import pytest

from iomodels.base.names import apart, text_of


def test_bytes_that_are_no_text_are_written_out():
    assert text_of(os.fsdecode(b"r\xe9s.json")) == r"r\xe9s.json"
    assert text_of("é.json") == "é.json"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.json", "y/b.json"], ["a.json", "b.json"]),
        (["a/r.json", "b/r.json"], ["a/r.json", "b/r.json"]),
        (["r.json", "b/r.json"], ["r.json", "b/r.json"]),
        (["./r.json", "b/r.json"], ["r.json", "b/r.json"]),
        (["x/a/r.json", "y/a/r.json"], ["x/a/r.json", "y/a/r.json"]),
        (["x/a/r.json", "x/b/r.json", "c.json"], ["a/r.json", "b/r.json", "c.json"]),
        (["x/r.json", "x/r.json"], ["r.json", "r.json"]),
        (["/r.json", "/a/r.json"], ["/r.json", "a/r.json"]),
        (["."], ["."]),
    ],
)
def test_names_are_as_short_as_tells_them_apart(paths, names):
    assert apart(paths) == names
