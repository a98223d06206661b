"""Pictures in one page do not disturb each other, and nothing in them loads or runs."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import pytest

from iomodels.report.svg import Inliner


def drawn() -> bytes:
    """A figure with what charts are made of: clipped lines, a hatch, text, markers."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([1, 2, 3], [1, 4, 9], marker="o", label="a < b & c")
    axes.bar([1, 2], [3, 4], hatch="//")
    axes.legend()
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "same"}):
        figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def svg(content: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg">{content}</svg>'.encode()


def test_two_equal_pictures_share_no_identifier():
    inliner = Inliner()
    texts = [inliner.inline(drawn(), "title", "words") for _ in range(2)]
    identifiers = [set(re.findall(r' id="([^"]+)"', text)) for text in texts]
    assert len(identifiers[0]) == len(identifiers[1]) > 3
    assert not identifiers[0] & identifiers[1]


def test_every_reference_leads_to_something_in_the_same_picture():
    inliner = Inliner()
    text = inliner.inline(drawn(), "title", "words")
    names = set(re.findall(r' id="([^"]+)"', text))
    used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    used += re.findall(r"url\(#([^)]+)\)", inliner.css())
    assert len(used) > 3
    assert set(used) <= names


def test_styles_are_in_the_style_sheet_and_nowhere_else():
    inliner = Inliner()
    text = inliner.inline(drawn(), "title", "words")
    assert "style" not in text
    classes = set(re.findall(r'class="([^"]+)"', text))
    assert classes == set(re.findall(r"^\.(\w+)\{", inliner.css(), re.MULTILINE))


def test_it_is_named_and_described_and_its_text_is_escaped():
    text = Inliner().inline(drawn(), "<b>title", "words & more")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    by_id = {element.get("id"): element.text for element in root}
    assert by_id[root.get("aria-labelledby")] == "<b>title"
    assert by_id[root.get("aria-describedby")] == "words & more"
    assert "a &lt; b &amp; c" in text


@pytest.mark.parametrize(
    "harm",
    [
        "<script>1</script>",
        "<foreignObject><p/></foreignObject>",
        '<image href="http://example.invalid/x.png"/>',
        '<use href="http://example.invalid/x.svg#a"/>',
        '<g onload="1"/>',
        '<g style="fill: url(http://example.invalid/)"/>',
        '<g style="}*{color:red"/>',
        '<g style="&lt;/style&gt;"/>',
        '<g fill="url(http://example.invalid/)"/>',
        "<a href='#x'/>",
        "<g",
    ],
)
def test_what_no_chart_has_is_refused(harm):
    with pytest.raises(ValueError, match="SVG"):
        Inliner().inline(svg(harm), "title", "words")


def test_what_is_no_svg_is_refused():
    with pytest.raises(ValueError, match="root"):
        Inliner().inline(b"<g/>", "title", "words")
