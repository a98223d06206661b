"""Makes text from elsewhere harmless to show: on a terminal, and wherever else people read it.

Alone, so that an error message can be shown without importing rich.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that act instead of being seen: controls (C0 and C1), format characters
(bidirectional overrides, zero-width joiners), lone surrogates, line and paragraph separators."""


def visible(text: str) -> str:
    """`text` with every character that would act on the terminal written out, as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
