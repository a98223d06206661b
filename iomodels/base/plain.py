"""Signs that a terminal or a log cannot show (LC_ALL=C), in signs that it can."""

from __future__ import annotations

import codecs

ERRORS = "iomodels-plain"
"""The name of the error handler, for a stream's `errors`."""

PLAIN = {
    "µ": "u",
    "μ": "u",
    "×": "x",
    "÷": "/",
    "±": "+/-",
    "≈": "~",
    "…": "...",
    "·": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "→": "->",
    "←": "<-",
    "↑": "^",
    "↓": "v",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "√": "sqrt",
    "²": "^2",
    "†": "+",
    "‡": "++",
    "§": "$",
    "¶": "%",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "°": " deg",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
    "\N{THIN SPACE}": " ",
    "\N{SOFT HYPHEN}": "",
    # Of traces.
    **dict.fromkeys("─━╌╴╶═", "-"),
    **dict.fromkeys("│┃╎┊║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+"),
    **dict.fromkeys("░▒□", ":"),
    **dict.fromkeys("█▓■", "#"),
    "✗": "x",
    **dict.fromkeys("◀◁", "<"),
    **dict.fromkeys("▶▷", ">"),
    **dict.fromkeys("◆●•✓", "*"),
    **dict.fromkeys("◇○", "o"),
    # Of a list's mark, and what spreadsheets would take for a formula.
    **dict(zip("＝＋－＠", "=+-@", strict=True)),
    # Of a moving progress sign.
    **{chr(code): "*" for code in range(0x2800, 0x2900)},
}
"""Whatever else cannot be shown is written as its number: `\\u6162`."""


def register() -> None:
    """Make `ERRORS` known."""
    codecs.register_error(ERRORS, _replaced)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign) or _number(sign) for sign in signs), error.end


def _number(sign: str) -> str:
    return "" if sign in PLAIN else sign.encode("ascii", "backslashreplace").decode()
