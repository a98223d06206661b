"""JUnit XML, which nearly every CI shows as a list of tests: one test case per cell and metric.

Elements as in the schema of Jenkins' xUnit plug-in (junit-10.xsd) and GitLab's "Unit test reports",
which ignores a second case of the same name: names are unique. Slower is a failure, and so
is a suspect, which never passes; vanished and failed are errors; what is inconclusive is skipped,
with the reason.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from iomodels.base.escape import visible
from iomodels.comparison.schema import Change, Comparison
from iomodels.comparison.wording import cell_name, counts, sentence, share, verdict
from iomodels.exports.content.cells import unique

SUITE = "iomodels"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped (section 2.2, "Char")."""

_ELEMENT = {
    "slower": ("failure", "regression"),
    "suspect": ("failure", "suspect"),
    "vanished": ("error", "vanished"),
    "failed": ("error", "failed"),
    "inconclusive": ("skipped", "inconclusive"),
    "varies": ("skipped", "varies"),
}


def of_comparison(comparison: Comparison) -> str:
    """One suite. Where the two cannot be compared at all, a case of its own says so."""
    root = ET.Element("testsuites", name=SUITE)
    suite = ET.SubElement(root, "testsuite", name=SUITE, timestamp=text(comparison.created_utc))
    _properties(suite, comparison)
    if comparison.outcome == "not comparable":
        _incomparable(suite, comparison)
    taken: set[str] = set()
    for change in comparison.changes:
        _case(suite, change, taken)
    if comparison.warnings:
        told = "\n".join(notice.in_words for notice in comparison.warnings)
        ET.SubElement(suite, "system-out").text = text(told)
    found = list(suite.iter("testcase"))
    for element, attribute in (
        ("failure", "failures"),
        ("error", "errors"),
        ("skipped", "skipped"),
    ):
        number = sum(case.find(element) is not None for case in found)
        suite.set(attribute, str(number))
        if element != "skipped":  # which the schema has no place for up there
            root.set(attribute, str(number))
    for each in (suite, root):
        each.set("tests", str(len(found)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def text(value: str) -> str:
    """`value` without what XML cannot hold; ElementTree escapes the rest."""
    return _NOT_XML.sub("\ufffd", visible(value))


def _properties(suite: ET.Element, comparison: Comparison) -> None:
    properties = ET.SubElement(suite, "properties")
    told = {
        "base": comparison.base_name,
        "new": comparison.new_name,
        "base version": comparison.base_tool.version,
        "new version": comparison.new_tool.version,
        "threshold": share(comparison.threshold),
        "outcome": comparison.outcome,
        "undecided": comparison.undecided,
        "verdicts": counts(comparison),
    }
    told |= {"allowed": ", ".join(comparison.allowed)} if comparison.allowed else {}
    told |= {f"differs: {d.name}": f"{d.base}, now {d.new}" for d in comparison.differences}
    for name, value in told.items():
        ET.SubElement(properties, "property", name=text(name), value=text(value))


def _incomparable(suite: ET.Element, comparison: Comparison) -> None:
    case = ET.SubElement(suite, "testcase", classname=SUITE, name="comparable")
    differ = ", ".join(difference.name for difference in comparison.differences)
    message = f"the two cannot be compared; they differ in: {differ or 'what was measured'}"
    error = ET.SubElement(case, "error", type="not comparable", message=text(message))
    error.text = text("; ".join(notice.message for notice in comparison.warnings) or message)


def _case(suite: ET.Element, change: Change, taken: set[str]) -> None:
    name = text(f"{cell_name(change)}: {change.metric}")
    scenario = text(change.scenario)
    case = ET.SubElement(suite, "testcase", classname=scenario, name=unique(name, taken))
    said = text(sentence(change))
    if (word := verdict(change)) in _ELEMENT:
        element, kind = _ELEMENT[word]
        ET.SubElement(case, element, type=kind, message=said)
    ET.SubElement(case, "system-out").text = said
