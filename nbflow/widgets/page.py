"""What the card brings to a page: one ES module and one style sheet, as text.

A front end gets the module as a single text without an address, so that nothing can be
imported from its side. Its parts are ES modules by themselves, which editors and
type checkers understand; here they are put behind each other without the imports
between them. That is all the build there is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_STATIC: Final = Path(__file__).parent / "static"
_PARTS: Final = ("words.js", "row.js", "ask.js", "card.js")
"""In the order of their imports: each imports only from those before it."""

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)


def module() -> str:
    """The card's ES module; its default export is an anywidget."""
    return "\n".join(_IMPORT.sub("", (_STATIC / part).read_text(encoding="utf-8")) for part in _PARTS)


def styles() -> str:
    """The card's style sheet."""
    return (_STATIC / "card.css").read_text(encoding="utf-8")
