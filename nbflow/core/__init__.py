"""The replay core: history in, actions out.

Nothing here reads a clock, a file or a socket, or starts a thread: time, IDs
and randomness come in as arguments. Read it in this order: `history` (what
happened), `actions` (what a workflow asks for), `loop` and `tasks` (how plain
asyncio becomes deterministic; beside the loop lie its `futures`, what it does
about anyio's `cancellations`, its `refusals`, and the `unwinding` of evicted
code), `context` (what authors call), `replay` (one execution, fed events and
drained of actions), `state` (the fold of a history), `transition` (a turn: what
a commit writes and a dispatch does).
"""
