"""Workflow code is read for what a replay can't repeat: clocks, chance, files, globals that change, and so on.

`check` reads a definition, whose variables tell what its names mean; `check_source` a text, and `check_cells`
the cells of a notebook, where imports and definitions tell. Both go through the functions that a workflow
calls, and never into an activity. `rules` is the table of what is looked for.

In reading order: `rules` and `examples`, `findings` · `meanings` (what a name can be), `scopes` (whose names are
whose), `names` and `reading` (names and values, followed), `live` with `objects`, and `static` (what they mean) ·
`forbidden` (calls by name), `changes`, `hits`, `checks/` · `walk` (from a workflow to all its code), `noqa`, `texts`.
"""

from __future__ import annotations

from nbflow.lint.findings import Finding
from nbflow.lint.rules import RULES, Rule, explain
from nbflow.lint.texts import Cell, check, check_cells, check_source

__all__ = ["RULES", "Cell", "Finding", "Rule", "check", "check_cells", "check_source", "explain"]
