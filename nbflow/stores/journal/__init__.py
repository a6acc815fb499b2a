"""A journal in front of the DuckDB store: a commit is one short write, and DuckDB follows behind.

In reading order: `lines` (what a batch is on disk) · `disk`, `segments` (where it is written) · `tail` (what
DuckDB doesn't have yet) · `carrying`, `loading` (how it gets there) · `scanning`, `recovery` (what a killed owner left) ·
`threads` · `messages`, `roster`, `reading` (answers before that) · `store`. docs/decisions/0019-the-journal.md says why.
"""
