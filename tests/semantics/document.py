"""`docs/semantics.md`: its statements are written by hand, and who shows them by `make semantics`.

`tests/test_semantics.py` fails when the file is not what the tests say. Run as a module it writes the file.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "semantics.md"
NUMBERS = range(1, 82)

LATER: dict[int, str] = {}
"""Statements that nothing shows yet. One that a test shows has no place here."""

_ROW = re.compile(r"\| \*\*S(?P<number>\d+)\*\* \| (?P<statement>.+?) \| (?P<shown>.*?) ?\|")
_MANY = 5
"""So many tests of a file are not told one by one where they are all that it has."""
_PREFIX = re.compile(r"test_(?:s\d+_(?:and_)?)*")

Shown = Mapping[str, Sequence[int]]
"""The statements that each test shows, by the test's node ID; every test is in it."""


def collect() -> Shown:
    """Asks pytest, in a process of its own, which test shows what.

    Raises:
        RuntimeError: The tests can't be collected; its text is what pytest said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shown.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "--tb=line",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(
            [*command, "--semantics-to", str(path), "tests"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the tests can't be collected:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return json.loads(path.read_text())


def statements(text: str) -> dict[int, str]:
    """The statements of a document, by number."""
    return {int(row["number"]): row["statement"] for row in map(_ROW.fullmatch, text.splitlines()) if row}


def problems(text: str, shown: Shown, *, later: Mapping[int, str] = LATER) -> Iterator[str]:
    """What is wrong with a document, given what the tests show; nothing, if it is as it should be."""
    known = statements(text)
    for number in sorted(set(NUMBERS) ^ set(known)):
        yield f"S{number} is missing" if number in NUMBERS else f"S{number} is no statement of nbflow's"
    tested = {number for numbers in shown.values() for number in numbers}
    for test, numbers in shown.items():
        yield from (
            f"{test} shows S{number}, which there is not" for number in numbers if number not in known
        )
    for number in sorted(set(known) - tested - set(later)):
        yield f"no test shows S{number}: {known[number]}"
    for number in sorted(tested & set(later)):
        yield f"a test shows S{number}: take it from LATER in {Path(__file__).name}"
    lines = zip(text.splitlines(), rendered(text, shown, later=later).splitlines(), strict=True)
    stale = [f"S{row['number']}" for line, now in lines if line != now and (row := _ROW.fullmatch(line))]
    if stale:
        yield f"docs/semantics.md isn't what the tests say of {', '.join(stale)}: `make semantics` writes it"


def rendered(text: str, shown: Shown, *, later: Mapping[int, str] = LATER) -> str:
    """The document, with the tests that show each statement beside it."""

    def row(line: str) -> str:
        found = _ROW.fullmatch(line)
        if found is None:
            return line
        number = int(found["number"])
        evidence = _told(number, shown) or later.get(number, "")
        return f"| **S{number}** | {found['statement']} | {evidence} |"

    return "".join(f"{row(line)}\n" for line in text.splitlines())


def _told(number: int, shown: Shown) -> str:
    """Who shows a statement: by file, those of `tests/semantics` first, names as the sentences that they are."""
    files: dict[str, list[str]] = {}
    others: set[str] = set()
    for test, numbers in shown.items():
        file, *_, name = test.split("::")
        if number in numbers:
            files.setdefault(file, []).append(_PREFIX.sub("", name, count=1).replace("_", " "))
        else:
            others.add(file)
    first = sorted(files, key=lambda file: (not file.startswith("tests/semantics/"), file))
    return "<br>".join(
        f"[{file.removeprefix('tests/')}](../{file}): "
        + ("; ".join(sorted(files[file])) if file in others or len(files[file]) < _MANY else "all of it")
        for file in first
    )


def main() -> int:
    """Writes the document anew; returns 1 where statements are still without a test."""
    shown = collect()
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(), shown))
    left = list(problems(DOCUMENT.read_text(), shown))
    print(*left, sep="\n", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
