"""The timeline of a run: a row for every activity, child, timer and event, folded from its history.

Read it in this order: `rows` (what a timeline consists of), `fold` (history events become rows, by way of
`drafts`, `mailbox` and `run`), `picture` (header, rows, and what the run waits for), `details` (what is behind
a row), `idle` (which stretches are left out), `axis` (where a moment lies), and the two printers, `text` and `html`.
"""

from nbflow.views.timeline.picture import header, is_of, served_until, timeline, timeline_of, waiting_for

__all__ = ["header", "is_of", "served_until", "timeline", "timeline_of", "waiting_for"]
