"""What the card brings to a page: one ES module and one style sheet, as text.

A front end gets the module as a single text without an address, so that nothing can be
imported from its side. Its parts are ES modules by themselves, which editors and
type checkers understand; here they are put behind each other without the imports
between them, and without what only their readers need: comments and indentation. Every card
brings the text along, so it travels compressed, and a page unpacks it once. That is all
the build there is.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Final

_STATIC: Final = Path(__file__).parent / "static"
_STYLES: Final = (
    "card.css",
    "timeline.css",
    "replay.css",
    "graph.css",
    "inbox.css",
    "compare.css",
    "dashboard.css",
)

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"export (?=class|function|const|async)")
_BLOCK_COMMENT: Final = re.compile(r"^\s*/\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
_TYPE: Final = re.compile(r"/\*\* @(?:type|param) [^\n]*?\*/ ?")
_TRAILING_COMMENT: Final = re.compile(r"[ \t]+// [^\"'`]*$")
_SPACE: Final = re.compile(r"^[ \t]+|[ \t]+$", re.MULTILINE)
_EMPTY: Final = re.compile(r"\n{2,}")


def module() -> str:
    """The ES module of card and dashboard, with their styles in it; its default export is an anywidget."""
    return _joined("main.js").replace('"@STYLES@"', json.dumps(styles()))


def packed(code: str) -> str:
    """A module that unpacks another one and is it: what travels with each widget."""
    compressed = gzip.compress(code.encode(), mtime=0)
    key = hashlib.sha256(compressed).hexdigest()[:16]
    bare = _joined("packed.js")
    return bare.replace("@KEY@", key).replace("@PACKED@", base64.b64encode(compressed).decode("ascii"))


def frozen_module() -> str:
    """The card for a page without a kernel: a function ``thaw`` draws what the page holds."""
    return _joined("frozen.js")


def styles() -> str:
    """The style sheet of card and dashboard."""
    return "\n".join(_bare_style(_read(part)) for part in _STYLES)


def _joined(entry: str) -> str:
    """A module with all that it imports, each before those that import it."""
    parts: dict[str, str] = {}
    _collect(entry, parts)
    return "\n".join(parts.values())


def _collect(part: str, parts: dict[str, str]) -> None:
    if part not in parts:
        code = _read(part)
        for needed in _IMPORT.findall(code):
            _collect(needed, parts)
        parts[part] = _bare(_IMPORT.sub("", code))


def _read(part: str) -> str:
    return (_STATIC / part).read_text(encoding="utf-8")


def _bare(code: str) -> str:
    """A module without what only its readers need; it is written so that this is safe (a test holds it to that)."""
    lines: list[str] = []
    for line in _TYPE.sub("", _BLOCK_COMMENT.sub("", code)).split("\n"):
        bare = line.strip(" \t")
        if not bare or bare.startswith("//"):
            continue
        if "// " in bare:
            bare = _TRAILING_COMMENT.sub("", bare)
        if bare.startswith("export "):
            bare = _EXPORT.sub("", bare, count=1)
        lines.append(bare)
    return "\n".join(lines)


def _bare_style(code: str) -> str:
    code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    return _EMPTY.sub("\n", _SPACE.sub("", code)).strip("\n")
