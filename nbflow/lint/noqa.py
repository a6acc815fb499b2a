"""Lines that their author wants to keep: the comment ``noqa``, alone or with codes."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping
from typing import Final

_COMMENT: Final = re.compile(
    r"#[ \t]*noqa(?P<codes>[ \t]*:[ \t]*[A-Z]+\d+(?:[ \t]*,[ \t]*[A-Z]+\d+)*)?(?![\w:])", re.IGNORECASE
)
_CODE: Final = re.compile(r"[A-Z]+\d+", re.IGNORECASE)


def kept_lines(source: str) -> Mapping[int, frozenset[str]]:
    """The lines of a text with such a comment, and the codes in it; no code means all of them."""
    if "noqa" not in source.lower():
        return {}
    found: dict[int, frozenset[str]] = {}
    for line, comment in _comments(source):
        match = _COMMENT.search(comment)
        if match is not None:
            found[line] = frozenset(code.upper() for code in _CODE.findall(match["codes"] or ""))
    return found


def is_kept(code: str, line: int, kept: Mapping[int, frozenset[str]]) -> bool:
    """Whether a finding of this rule is wanted on this line."""
    codes = kept.get(line)
    return codes is not None and (not codes or code in codes)


def _comments(source: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        found.extend((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError, IndentationError):
        pass  # what came before the trouble counts
    return found
