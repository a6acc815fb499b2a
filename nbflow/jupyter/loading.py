"""A workflow out of a notebook that nobody runs: a test loads the code as it is saved.

Of the cells, only what the workflow needs is run: the cell that defines it, and of the other
cells the imports, functions, classes and values that it names, and what those name. A cell that
starts a run, or trains a model that no workflow names, is not run. The shell is one of its own,
in memory: the cells are compiled as in a kernel, and no history is opened.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import chdir, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nbflow.definitions import Definition, WorkflowDefinition
from nbflow.errors import DefinitionError, NbflowError
from nbflow.jupyter.complaints import did_you_mean
from nbflow.jupyter.defining import define_cell
from nbflow.jupyter.needs import Piece, needed, pieces_of
from nbflow.jupyter.shell import Shell

_DEFINITIONS: Final = ("%%activity", "%%workflow")


def load_workflow(path: str | Path, name: str) -> WorkflowDefinition[..., Any]:
    """Load a workflow out of a notebook or a script, such as for a test that replays a history.

    Args:
        path: An ``.ipynb`` file as it is saved, of which only the cells and statements run that the workflow needs; or
            a ``.py`` file, which is run as a module.
        name: The workflow's name.

    Raises:
        DefinitionError: The file isn't there or can't be read, has no such workflow, or raises.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise DefinitionError(f"there is no file {path}, which is to have the workflow {name}")
    with _beside(path):
        found = _of_notebook(path, name) if path.suffix == ".ipynb" else _of_script(path)
    workflows = {each.name: each for each in found if isinstance(each, WorkflowDefinition)}
    if name not in workflows:
        there = ", ".join(sorted(workflows)) or "none"
        raise DefinitionError(
            f"{path.name} has no workflow {name!r}{did_you_mean(name, workflows)} - there are: {there}"
        )
    return workflows[name]


def _of_script(path: Path) -> Iterator[Definition]:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{path.name} is no Python file: give a .py file or a notebook")
    module = module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _failed(path.name, error) from error
    finally:
        if before is not None:
            sys.modules[path.stem] = before
    yield from _definitions(vars(module).values())


def _of_notebook(path: Path, name: str) -> Iterator[Definition]:
    shell = cast(
        "Shell",
        InteractiveShell(
            user_module=ModuleType(path.stem),
            config=Config(
                HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor", "autocall": 0}
            ),
        ),
    )
    cells = _cells(path)
    pieces = [piece for number, cell in enumerate(cells) for piece in pieces_of(shell, number, cell)]
    if not any(name in piece.binds for piece in pieces):
        known = sorted({each for piece in pieces if piece.is_workflow for each in piece.binds})
        raise DefinitionError(
            f"{path.name} has no workflow {name!r}{did_you_mean(name, known)} - there are: {', '.join(known) or 'none'}"
        )
    for number, wanted in needed(pieces, name):
        label = f"cell {number + 1} of {path.name}"
        try:
            _run(shell, number, cells[number], wanted)
        except NbflowError as error:
            raise DefinitionError(f"{label}: {error}") from error
        except Exception as error:
            raise _failed(label, error) from error
    yield from _definitions(shell.user_ns.values())


def _run(shell: Shell, number: int, cell: str, wanted: Sequence[Piece]) -> None:
    """Run the pieces of a cell that are wanted; a cell of a magic is one piece."""
    shell.history_manager.input_hist_raw[:] = [""] * (number + 1) + [cell]  # as if all cells had been run
    kind = wanted[0].kind
    if kind is not None:
        line, _, body = cell.lstrip().partition("\n")
        define_cell(
            shell,
            kind,
            line.removeprefix(f"%%{kind}").strip(),
            body,
            lambda text, _: eval(text, shell.user_ns),
        )
        return
    text = shell.transform_cell(cell)
    filename = shell.compile.cache(text, len(shell.history_manager.input_hist_raw) - 1, raw_code=cell)
    module = ast.Module(body=[piece.node for piece in wanted if piece.node is not None], type_ignores=[])
    exec(shell.compile(module, filename, "exec"), shell.user_ns)


def _cells(path: Path) -> list[str]:
    """The text of the code cells, in their order."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        found = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"]) for cell in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DefinitionError(f"{path.name} is no notebook that can be read: {error}") from None


def _definitions(values: Any) -> Iterator[Definition]:
    return (value for value in list(values) if issubclass(type(value), WorkflowDefinition))


def _failed(where: str, error: Exception) -> DefinitionError:
    return DefinitionError(f"{where} can't be run: {type(error).__name__}: {error}")


@contextmanager
def _beside(path: Path) -> Generator[None]:
    """Be where a kernel of that file would be: in its folder, and with its folder's modules."""
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        with chdir(folder):
            yield
    finally:
        sys.path.remove(folder)
