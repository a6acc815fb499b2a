"""Pictures of a run, computed from its history: pure functions, no I/O and no clock.

A view takes an instance's record, its history and the time (``now`` is always an
argument), and gives data, text or HTML. Nothing in here knows an engine or a
notebook, so that a run on another engine, an exported history and a saved page
look the same. Each view is a package: `timeline` (what happened when), `replay` (where the code
was at each event), `graph` (the workflow as a diagram), `inbox` (what it waits for,
and how to answer) and `instances` (all runs as a table). Each ends with its static
printers, `text` and `html`. What they have in common stands beside them: `looks`
(icons and words), `durations` and `excerpts` (how times and values read), `markup`
(the HTML that survives anywhere). `spans` is a run for OpenTelemetry.
"""
