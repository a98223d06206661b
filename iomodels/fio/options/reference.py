"""The table of all options in the documentation."""

from __future__ import annotations

from collections.abc import Iterator

from iomodels.fio.options.option import FioOption
from iomodels.fio.options.table import OPTIONS

_HEADINGS = {
    "translated": ("Translated", "what it becomes"),
    "harmless": ("Harmless", "why it changes nothing of what is measured"),
    "refused": ("Refused", "why no scenario can say it"),
}


def reference_tables() -> str:
    """Three tables in Markdown, by what becomes of the options."""
    return "\n".join(
        "\n".join(
            [
                f"#### {heading}",
                "",
                f"| options | {meaning} |{' with `--partly` |' if becomes == 'refused' else ''}",
                f"|---|---|{'---|' if becomes == 'refused' else ''}",
                *_rows(becomes),
                "",
            ]
        )
        for becomes, (heading, meaning) in _HEADINGS.items()
    )


def _rows(becomes: str) -> Iterator[str]:
    groups: dict[tuple[object, ...], list[FioOption]] = {}
    for option in OPTIONS.values():
        if option.becomes == becomes:
            key = (option.text, option.instead, option.neutral, option.engines, option.of)
            groups.setdefault(key, []).append(option)
    for options in groups.values():
        names = ", ".join(
            f"`{name}`" for option in options for name in (option.name, *option.aliases)
        )
        first = options[0]
        of = f" (ioengine {', '.join(first.engines)})" if first.engines else ""
        text = first.text
        if first.neutral:
            text += f" (harmless as {' or '.join(f'`{value}`' for value in first.neutral)})"
        if first.of:
            text += f" (harmless without `{first.of}`)"
        cells = [names + of, text]
        if becomes == "refused":
            cells.append(first.instead or "still refused")
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
