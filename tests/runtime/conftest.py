"""The fixtures of the engine tests, for tests through the public runtime."""

from tests.engine.worlds import cache_size, clock, empty_file, make_store, quick_world, store_kind, world

__all__ = ["cache_size", "clock", "empty_file", "make_store", "quick_world", "store_kind", "world"]
