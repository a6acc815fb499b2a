"""The replay of a run, step by step: where its code was, what it held, and what each event did.

Read it in this order: `moments` (what there is to see), `travel` (how to get there), `cursor` (one
execution on its way), `waiting`, `values` and `shapes` (what it waits for and holds, as text); `narrative`
(what each event did, told from history alone); and the two printers, `text` and `html`.
"""
