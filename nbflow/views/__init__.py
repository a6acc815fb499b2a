"""Pictures of a run, computed from its history: pure functions, no I/O and no clock.

A view takes an instance's record, its history and the time (``now`` is always an
argument), and gives data, text or HTML. Nothing in here knows an engine or a
notebook, so that a run on another engine, an exported history and a saved page
look the same. Read it in this order: `rows` (what a timeline consists of),
`fold` (history events become rows), `timeline` (header, rows, and what the run
waits for), `details` and `controls` (what is behind a row; how an event is
answered), and the two printers, `text` and `html`.
"""
