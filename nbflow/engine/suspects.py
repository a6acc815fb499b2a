"""What the lint finds in a workflow's code, as suspects for the report of a mismatch."""

from __future__ import annotations

from typing import Any, cast

from nbflow.core.explain.report import Suspect
from nbflow.definitions import WorkflowDefinition


def suspects_of(code: object) -> tuple[Suspect, ...]:
    """The lines of a workflow's code that may go another way in a replay; none where that can't be told."""
    if not isinstance(code, WorkflowDefinition):
        return ()
    from nbflow.lint import check  # it is needed for a mismatch only, and takes a while to import

    try:
        found = check(cast("WorkflowDefinition[Any, Any]", code))
    except Exception:  # whatever an author's objects do when they are looked at
        return ()
    return tuple(Suspect(line=f.line, what=f.message, fix=f.fix, file=f.file) for f in found)
