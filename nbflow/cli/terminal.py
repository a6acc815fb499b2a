"""How wide the terminal is that is written to; what goes into a pipe or a file is not cut."""

from __future__ import annotations

import shutil
import sys


def width() -> int | None:
    """The cells of a line; None where that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
