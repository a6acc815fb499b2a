"""Where an export goes: what the name's suffix asks for, and which names are refused before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from nbflow.errors import ExportError
from nbflow.runtime.exports.regression import history_beside, is_collected

OF_RUN: Final[Mapping[str, str]] = {
    ".html": "a page that any browser opens",
    ".json": "everything about the run, as text",
    ".parquet": "its history, a row an event",
    ".py": "a test for pytest",
}
OF_STORE: Final[Mapping[str, str]] = {
    ".duckdb": "a copy of the whole history",
    ".parquet": "all history events, a row each",
}
_SAME: Final[Mapping[str, str]] = {".htm": ".html", ".db": ".duckdb", ".ddb": ".duckdb"}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A place to write to, and how a person came to it.

    Attributes:
        path: The file or folder.
        typed: What stands for it in messages.
        command: What was typed before the run: ``%wf export``.
        of: The run's ID, or ``db``.
        force: Whether a file that is there may be replaced.
        is_folder: Whether tables are to be written into a folder.
    """

    path: Path
    typed: str
    command: str = "%wf export"
    of: str
    force: bool = False
    is_folder: bool = False

    @property
    def suffix(self) -> str:
        """What the name asks for: one of `OF_RUN` or `OF_STORE`, or something else."""
        suffix = self.path.suffix.lower()
        return _SAME.get(suffix, suffix)

    def check(self, store_path: str) -> None:
        """Refuse a name that nothing can be written to.

        Args:
            store_path: The open history's own file, which is never replaced.

        Raises:
            ExportError: Says why, and what to type instead.
        """
        again, path = f"{self.command} {self.of}", self.path
        if self.is_folder:
            self._check_folder(again)
            return
        known = OF_STORE if self.of == "db" else OF_RUN
        if path.is_dir():
            raise ExportError(f"{self.typed} is a folder: type {again} {_word(path / _sample(known))}")
        if self.suffix not in known:
            raise ExportError(self._unknown(known, again))
        if self.suffix == ".py" and not is_collected(path):
            raise ExportError(
                f"pytest finds no tests in {self.typed}: type {again} {_word(path.with_name(f'test_{path.name}'))}"
            )
        if not path.parent.is_dir():
            raise ExportError(
                f"there is no folder {path.parent}: make it, or type {again} {_word(Path(path.name))}"
            )
        for each in (path, history_beside(path)) if self.suffix == ".py" else (path,):
            if not each.exists():
                continue
            if os.path.exists(store_path) and os.path.samefile(each, store_path):
                raise ExportError(f"{self.typed} is the history that is open: type {again} copy.duckdb")
            if not self.force:
                shown = self.typed if each == path else str(each)
                raise ExportError(
                    f"{shown} exists: type {self.command} {self.of} {self.typed} --force to replace it"
                )

    def _check_folder(self, again: str) -> None:
        path = self.path
        if path.exists() and not path.is_dir():
            raise ExportError(f"{self.typed} is a file: type {again} tables --parquet, with a new folder")
        if not path.parent.is_dir():
            raise ExportError(f"there is no folder {path.parent}: make it, or type {again} tables --parquet")
        if path.is_dir() and any(path.iterdir()) and not self.force:
            raise ExportError(
                f"{self.typed} has files in it: type {again} {self.typed} --parquet --force to replace "
                "those of its tables"
            )

    def _unknown(self, known: Mapping[str, str], again: str) -> str:
        page = _word(self.path.with_suffix(next(iter(known))))
        if self.of != "db" and self.suffix == ".duckdb":
            return f"a database is a copy of the whole history, not of one run: type {self.command} db {self.typed}"
        there = "; ".join(f"{suffix} for {means}" for suffix, means in known.items())
        return f"the name {self.typed} doesn't say what to write ({there}): type {again} {page}"


def replace_file(path: Path, write: Callable[[Path], object]) -> int:
    """Write a file beside its place, and put it there once it is whole; gives its size in bytes.

    Raises:
        OSError: It can't be written; what was there is as it was.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        write(draft)
        size = draft.stat().st_size
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return size


def _sample(known: Mapping[str, str]) -> str:
    return "page.html" if ".html" in known else "copy.duckdb"


def _word(path: Path) -> str:
    """A path as one word of a line."""
    text = str(path)
    return repr(text) if " " in text else text
