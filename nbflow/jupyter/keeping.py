"""What to say of code that can't be kept with its runs."""

from __future__ import annotations

from collections.abc import Sequence

from nbflow.definitions.pins import Problem


def complaint(name: str, problems: Sequence[Problem]) -> str:
    """Why a workflow can't be kept with all that it uses, and what to do: one line."""
    said = [
        f"`{problem.name}`" + (f" (in {problem.by})" if problem.by else "") + f", which {problem.what}"
        for problem in problems[:3]
    ]
    more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
    return (
        f"workflow {name} uses {'; '.join(said)}{more}: a run must find it again after a restart - pass it in as "
        "input, move the work into an activity, or make it a constant, a function or an import"
    )
