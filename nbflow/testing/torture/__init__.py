"""Crash everywhere: a workflow in process after process, none of which outlives an event.

`torturing` does it, `preparing` makes what it begins with, `processes` has the children and `orders` what they
are told and tell. In a child, `running` goes on with the run, with activities as `answering` answers them, and
`replaying` replays. `comparing` holds two runs against each other, and `report` says what came of it.
"""

from nbflow.testing.torture.report import TortureReport
from nbflow.testing.torture.torturing import Progress, torture

__all__ = ["Progress", "TortureReport", "torture"]
