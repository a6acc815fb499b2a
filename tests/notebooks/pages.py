"""Executed notebooks for tests: cells run in real kernels, and what stands below them is read."""

import ast
import os
import re
import shutil
import signal
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Page:
    """An executed notebook: what stands below which cell, by the cell's ID."""

    def __init__(self, book: Any) -> None:
        self.outputs: dict[str, list[Any]] = {
            cell.id: cell.outputs for cell in book.cells if cell.cell_type == "code"
        }

    def text(self, cell: str) -> str:
        """All that can be read below a cell."""
        return "\n".join(_COLOUR.sub("", part) for output in self.outputs[cell] for part in _texts(output))

    def value(self, cell: str) -> Any:
        """The cell's result, a Python literal."""
        (result,) = [output for output in self.outputs[cell] if output.output_type == "execute_result"]
        return ast.literal_eval(result.data["text/plain"])

    def table(self, cell: str) -> list[dict[str, str]]:
        """The rows of the table below a cell, by the names of its columns."""
        (html,) = [
            output.data["text/html"]
            for output in self.outputs[cell]
            if output.output_type in ("display_data", "execute_result")
            and "<table" in output.data.get("text/html", "")
        ]
        table = ET.fromstring(html[html.index("<table") : html.index("</table>") + len("</table>")])
        head, *rows = [["".join(field.itertext()) for field in row] for row in table.iter("tr")]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def error(self, cell: str) -> str:
        """What a cell failed with, as it is shown; empty if it did not fail."""
        return "\n".join(
            _COLOUR.sub("", "\n".join(output.traceback))
            for output in self.outputs[cell]
            if output.output_type == "error"
        )


def _texts(output: Any) -> Iterator[str]:
    match output.output_type:
        case "stream":
            yield output.text
        case "error":
            yield from output.traceback
        case _:
            yield output.data.get("text/plain", "")


class Desk:
    """A folder with the notebooks' data in it, and kernels to run copies of the notebooks in."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        shutil.copytree(NOTEBOOKS / "data", folder / "data")

    def run(self, name: str) -> Page:
        """Run all cells; only those that are to fail may do so, and they must."""
        book, client = self._open(name)
        client.execute(env=self._environment)
        page = Page(book)
        meant = {cell.id for cell in book.cells if "raises-exception" in cell.metadata.get("tags", ())}
        assert {cell for cell in page.outputs if page.error(cell)} == meant
        return page

    def kill_after(self, name: str, last: str) -> None:
        """Run the cells down to one of them, and then SIGKILL the kernel."""
        book, client = self._open(name)
        with client.setup_kernel(env=self._environment):
            for index, cell in enumerate(book.cells):
                client.execute_cell(cell, index)
                if cell.id == last:
                    os.kill(client.km.provisioner.pid, signal.SIGKILL)
                    return
        pytest.fail(f"{name} has no cell {last!r}")

    def _open(self, name: str) -> tuple[Any, NotebookClient]:
        book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        resources = {"metadata": {"path": str(self._folder)}}
        client = NotebookClient(
            book, timeout=60, kernel_name="python3", resources=resources, coalesce_streams=True
        )
        return book, client
