"""Adapters of the `nbflow.ports.HistoryStore` port: one in memory, one in a DuckDB file.

Both mean the same by a commit and pass one conformance suite (``tests/stores``).
Nothing is imported here, so that whoever needs one store doesn't load the other.
"""
