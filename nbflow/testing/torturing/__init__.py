"""Crash everywhere: a workflow in process after process, none of which outlives an event.

`crashing` does it, `preparing` makes what it begins with, `processes` has the children and `orders` what they
are told and tell. In a child, `modules` finds the author's, `running` goes on with the run, with activities as `answering` answers them, and
`replaying` replays. `comparing` holds two runs against each other, and `report` says what came of it.
"""

from nbflow.testing.torturing.crashing import MOST_RESTARTS, PATIENCE, Progress, carry_out, torture
from nbflow.testing.torturing.preparing import Plan
from nbflow.testing.torturing.report import TortureReport

__all__ = ["MOST_RESTARTS", "PATIENCE", "Plan", "Progress", "TortureReport", "carry_out", "torture"]
