"""The notebook side: ``%load_ext nbflow``, the cell magics, ``%wf``, and how runs look in a cell.

Everything the magics do is a plain Python call first: they parse a line, call the
runtime's client, and show the result. Read it in this order: `session` (the one
runtime of a shell, and what it knows), `extension` (loading and unloading),
`magics` (what IPython calls), then the cell magics (`headers`, `cells`,
`defining`) and the line magic (`commands` is its table, `handlers` who carries it out; `words`, `options`,
`durations` and `calls` read a line, `help` and `completion` tell how; `starting`, `actions`,
`listing`, `looking`, `reports`, `places`, `purging`, `skipping`, `exporting` and `sql`
carry it out).
`loading`, with `needs`, takes a workflow out of a notebook that nobody runs.
`cards`, `dashboards`, `tables`, `greeting`, `tracebacks` and `complaints` are what a
person sees, by way of `showing`; `location` and `peek` find a history.

Only `kernel` crosses threads to the kernel.
"""
