"""What the static twins are made of: the little HTML that survives where no script runs.

GitHub, an untrusted notebook and a saved page keep tables, ``<details>`` and style attributes, or even less; no
``<style>``, ``<script>`` or ``<svg>``. No text has a colour of its own, so that light and dark pages can both be
read, and what a colour says stands beside it as an icon and a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from nbflow.views.excerpts import excerpt, tame
from nbflow.views.looks import Look, Tone

COLOURS: Final[dict[Tone, str]] = {
    Tone.GOOD: "#2f9e63",
    Tone.BAD: "#d9534f",
    Tone.ACTIVE: "#3b82d6",
    Tone.WAIT: "#d08700",
    Tone.QUIET: "#8a8f98",
}

LINE: Final = "1px solid rgba(128, 128, 128, 0.25)"
"""The border of a frame, and between the rows of a table."""

FAINT: Final = "opacity: 0.75"
"""What is said in passing."""

HEAD: Final = f"border: none; padding: 3px 8px; text-align: left; font-weight: normal; {FAINT}"
CELL: Final = f"border: none; border-top: {LINE}; padding: 3px 8px; text-align: left; vertical-align: top"
DENSE_CELL: Final = "border: none; padding: 1px 12px 1px 0px; text-align: left; vertical-align: top"
"""A cell of a table of many small values."""


_MATHEMATICS: Final = re.compile(r"\$|\\(?=[(\[]|begin\b)")


def escaped(value: str) -> str:
    """Escape a text that is not in an attribute, also from MathJax: pages set what is between dollars as a formula.

    It looks for formulas in the text of one element; `<pre>` and `<code>` it leaves alone.
    """
    return _MATHEMATICS.sub(r"<span>\g<0></span>", escape(value))


def text(value: str, limit: int = 300) -> str:
    """A name or value, cut, with its control characters made visible, escaped."""
    return escaped(tame(excerpt(value, limit)))


def frame(parts: Iterable[str]) -> str:
    """A whole picture from its parts, in a frame."""
    return (
        f'<div style="border: {LINE}; border-radius: 6px; padding: 12px 16px; max-width: 1100px; '
        f'font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45">{"".join(parts)}</div>'
    )


def title(name: str) -> str:
    """What a picture is of."""
    return f'<strong style="font-size: 15px">{text(name)}</strong>'


def faint(markup: str, tag: str = "span") -> str:
    """Say something in passing."""
    return f'<{tag} style="{FAINT}">{markup}</{tag}>'


def notice(markup: str, tone: Tone = Tone.WAIT) -> str:
    """Say something that is to be seen; line breaks stay."""
    return (
        f'<div style="border-left: 3px solid {COLOURS[tone]}; padding: 4px 10px; margin: 8px 0px; '
        f'white-space: pre-wrap">{markup}</div>'
    )


def icon(look: Look) -> str:
    """The icon of a status, in its colour; its word stands beside it."""
    return f'<span style="color: {COLOURS[look.tone]}">{look.icon}</span>'


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; the cells are markup."""
    yield '<table style="border-collapse: collapse; margin: 8px 0px; font-size: 13px">'
    yield from head(titles)
    yield "<tbody>"
    for row in rows:
        yield "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in row) + "</tr>"
    yield "</tbody></table>"


def head(titles: Iterable[str]) -> Iterator[str]:
    """The head of a table."""
    yield "<thead><tr>"
    yield from (f'<th style="{HEAD}">{one}</th>' for one in titles)
    yield "</tr></thead>"
