"""Every statement is shown on both stores, with live executions in memory and with a replay at each turn."""

from tests.engine.worlds import cache_size, clock, empty_file, make_store, quick_world, store_kind, world

__all__ = ["cache_size", "clock", "empty_file", "make_store", "quick_world", "store_kind", "world"]
