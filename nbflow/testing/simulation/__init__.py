"""The real engine in virtual time, disturbed by a seed, and watched.

Read it in this order: `script` (what is simulated), `faults` (what a seed decides),
`loop`, `threads` and `clock` (time), `store` and `activities` (where the disturbances
happen), `clients` (who starts runs and raises events), `ledger` (what must hold after
every commit), `life` (an engine from its opening to its crash), `episode` (all lives of
one seed). `nbflow.testing.simulator` is what users call.
"""
