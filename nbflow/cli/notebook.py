"""The demo's notebook: where it is, and which of its cells are what.

Every code cell carries one tag. `load` loads nbflow, and is run in each kernel; a
`definition` says what the steps are; `launch` starts the run, up to where it waits for a
person; `answer` answers; `result` waits for the end and looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast, get_args
from uuid import uuid4

from nbflow.cli.complaints import CommandError
from nbflow.cli.outputs import Output
from nbflow.cli.pages import read_notebook

NAME: Final = "00_quickstart.ipynb"
PACKAGE: Final = Path(__file__).parents[1]

Role: TypeAlias = Literal["load", "definition", "launch", "answer", "result"]

_ROLES: Final[tuple[Role, ...]] = get_args(Role)
_RAISE: Final = re.compile(r"^\s*%wf raise (\S+) (\S+)", re.MULTILINE)


def quickstart() -> Path:
    """The quickstart that comes with nbflow: in the package, or beside it in a checkout."""
    places = (PACKAGE / "quickstart" / NAME, PACKAGE.parent / "notebooks" / NAME)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise CommandError(
            f"{NAME} is not where nbflow is installed: install nbflow again, or give --notebook"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A code cell.

    Attributes:
        role: Its tag.
        source: Its text.
        node: The cell in the notebook, which takes its outputs.
    """

    role: Role
    source: str
    node: dict[str, Any] = field(repr=False)

    @property
    def first_line(self) -> str:
        """What it is called in messages."""
        return next((line.strip() for line in self.source.splitlines() if line.strip()), "")

    @property
    def outputs(self) -> list[Output]:
        """What it showed when it was run last."""
        return cast("list[Output]", self.node["outputs"])

    def show(self, outputs: list[Output], number: int) -> None:
        """Have the notebook say what the cell showed, instead of what it showed before."""
        self.node["outputs"] = outputs
        self.node["execution_count"] = number


class TaggedNotebook:
    """A notebook whose code cells say what they are for.

    Args:
        path: Its file.

    Raises:
        CommandError: It can't be read, or its cells don't say what they are for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node = read_notebook(path)
        self._nodes: list[dict[str, Any]] = self.node["cells"]
        self._cells = [self._cell(node) for node in self._nodes if node["cell_type"] == "code"]
        missing = next((role for role in _ROLES if not self.of(role)), None)
        if missing is not None:
            raise CommandError(f"{path.name} has no cell with the tag {missing!r}")
        raised = next((match for cell in self.of("answer") if (match := _RAISE.search(cell.source))), None)
        if raised is None:
            raise CommandError(f"{path.name} has no '%wf raise ID EVENT' in a cell with the tag 'answer'")
        self.instance_id, self.event = raised.groups()

    def of(self, *roles: Role) -> list[Cell]:
        """The cells with one of these tags, in their order."""
        return [cell for cell in self._cells if cell.role in roles]

    def note(self, text: str, *, before: Cell | None = None) -> None:
        """Add a cell of text: before another cell, or at the end."""
        places = (at for at, node in enumerate(self._nodes) if before is not None and node is before.node)
        node: dict[str, Any] = {
            "cell_type": "markdown",
            "id": uuid4().hex[:8],
            "metadata": {},
            "source": text,
        }
        self._nodes.insert(next(places, len(self._nodes)), node)

    def _cell(self, node: dict[str, Any]) -> Cell:
        tags = node["metadata"].get("tags", [])
        roles: list[Role] = [role for role in _ROLES if role in tags]
        cell = Cell(role=roles[0] if roles else "result", source=node["source"], node=node)
        if len(roles) != 1:
            raise CommandError(
                f"{self.path.name}: the cell {cell.first_line!r} needs one of the tags {', '.join(_ROLES)}, "
                f"and has {' and '.join(roles) or 'none'}"
            )
        return cell
