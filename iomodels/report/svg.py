"""Turns an SVG file into markup that can stand in an HTML page beside others.

A page with a strict Content-Security-Policy takes no style attributes, and two files in one page
must not use the same identifiers. So identifiers get a prefix, styles become classes of one style
sheet, and every element and attribute that could load or run something is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "use"})
ELEMENTS = SHAPES | {"svg", "g", "defs", "clipPath", "pattern", "marker", "text", "tspan"}
DROPPED = frozenset({"metadata", "style", "title", "desc"})
_STYLE = re.compile(r"[\w\s.,:;#%'\"+-]*")
_REFERENCE = re.compile(r"url\(#([\w-]*)\)")
_NAMESPACE = re.compile(r"\{[^}]*\}")


@dataclass
class Inliner:
    """Makes SVG files fit for one page. `css()` is what the page's style sheet must then hold."""

    _classes: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def inline(self, svg: bytes, title: str, description: str) -> str:
        """The file's `svg` element, named and described for screen readers.

        Raises `ValueError` for what is not an SVG that our charts could have made.
        """
        try:
            root = ElementTree.fromstring(svg)
        except ElementTree.ParseError as error:
            raise ValueError(f"not an SVG: {error}") from error
        self._count += 1
        prefix = f"picture-{self._count}-"
        self._clean(root, prefix)
        if root.tag != "svg":
            raise ValueError(f"not an SVG: its root is {root.tag}")
        for name in ("width", "height", "version", "aria-label"):
            root.attrib.pop(name, None)
        names = {"title": title, "desc": description}
        for position, (tag, text) in enumerate(names.items()):
            element = ElementTree.Element(tag, {"id": prefix + tag})
            element.text = text
            root.insert(position, element)
        root.set("role", "img")
        root.set("aria-labelledby", f"{prefix}title")
        root.set("aria-describedby", f"{prefix}desc")
        return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)

    def css(self) -> str:
        """The rules for all classes given so far."""
        return "\n".join(f".{name}{{{style}}}" for style, name in self._classes.items())

    def _clean(self, element: ElementTree.Element, prefix: str) -> None:
        element.tag = _NAMESPACE.sub("", element.tag)
        if element.tag not in ELEMENTS:
            raise ValueError(f"an SVG with an element <{element.tag}>, which no chart has")
        attributes = dict(element.attrib)
        element.attrib.clear()
        for name, value in attributes.items():
            self._attribute(element, _NAMESPACE.sub("", name), value, prefix)
        for child in list(element):
            if _NAMESPACE.sub("", str(child.tag)) in DROPPED:
                element.remove(child)
            else:
                self._clean(child, prefix)

    def _attribute(self, element: ElementTree.Element, name: str, value: str, prefix: str) -> None:
        if name == "style":
            element.set("class", self._class(_REFERENCE.sub(rf"url(#{prefix}\1)", value)))
        elif name == "id":
            element.set("id", prefix + value)
        elif name == "href":
            if not value.startswith("#"):
                raise ValueError("an SVG that refers to something outside itself")
            element.set("href", f"#{prefix}{value[1:]}")
        elif name.startswith("on"):
            raise ValueError(f"an SVG with a script ({name})")
        elif "url(" in value:
            if not _REFERENCE.fullmatch(value):
                raise ValueError("an SVG that refers to something outside itself")
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}\1)", value))
        elif name != "class":
            element.set(name, value)

    def _class(self, style: str) -> str:
        if not _STYLE.fullmatch(_REFERENCE.sub("", style)):
            raise ValueError(f"an SVG with the style {style!r}, which no chart has")
        return self._classes.setdefault(style, f"s{len(self._classes)}")
