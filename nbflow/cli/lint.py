"""``nbflow lint FILE…``: findings as ``path:line:column: NBF001 message``, for editors and CI."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nbflow.jupyter.notebooks import NotebookError, cells_of
from nbflow.lint import RULES, Finding, check_cells, check_source, explain

_FOUND: Final = 1
_WRONG_USE: Final = 2
_HIDDEN: Final = (".", "__pycache__", "node_modules")


def lint_files(files: Sequence[Path]) -> int:
    """Print what is found in files and folders; returns the exit status: 0, 1 (found), 2 (wrong use)."""
    if not files:
        return _wrong("name a file or folder: type nbflow lint FILE")
    count, found, unread = 0, 0, 0
    for named in files:
        if not named.exists():
            unread += _wrong(f"{named} isn't there")
            continue
        if named.is_file() and named.suffix not in (".py", ".ipynb"):
            unread += _wrong(f"{named} is neither a module (.py) nor a notebook (.ipynb)")
            continue
        for path in _below(named):
            count += 1
            try:
                findings = _read(path)
            except (NotebookError, UnicodeError, OSError) as error:
                unread += _wrong(f"{path} can't be read: {error}")
                continue
            found += len(findings)
            for finding in findings:
                print(_line(path, finding))
    if unread:
        return _WRONG_USE
    if found:
        print(f"{found} found; nbflow lint --explain RULE tells about a rule")
        return _FOUND
    print(f"nothing found in {count} file{'' if count == 1 else 's'}")
    return 0


def explain_rule(code: str) -> int:
    """Print a rule with its example and fix; returns the exit status."""
    text = explain(code)
    if text is None:
        return _wrong(f"there is no rule {code!r}: they are {', '.join(RULES)}")
    print(text)
    return 0


def _read(path: Path) -> list[Finding]:
    if path.suffix == ".ipynb":
        return check_cells(cells_of(path.read_bytes()), str(path))
    import tokenize

    try:
        with tokenize.open(path) as file:  # by the encoding that the file declares
            return check_source(file.read(), str(path))
    except SyntaxError as error:
        raise UnicodeError(error.msg) from None


def _line(path: Path, finding: Finding) -> str:
    cell = f":{finding.label}" if finding.label else ""
    return f"{path}{cell}:{finding.line}:{finding.column}: {finding}"


def _below(path: Path) -> Iterator[Path]:
    """A file, or the modules and notebooks in a folder."""
    if path.is_file():
        yield path
        return
    for found in sorted(path.rglob("*")):
        parts = found.relative_to(path).parts
        is_hidden = any(part.startswith(_HIDDEN) for part in parts)
        if found.suffix in (".py", ".ipynb") and not is_hidden and found.is_file():
            yield found


def _wrong(message: str) -> int:
    print(f"nbflow lint: {message}", file=sys.stderr)
    return _WRONG_USE
