"""The engine's fixtures: both stores, with and without live executions in memory."""

from tests.engine.worlds import cache_size, clock, empty_file, make_store, quick_world, store_kind, world

__all__ = ["cache_size", "clock", "empty_file", "make_store", "quick_world", "store_kind", "world"]
