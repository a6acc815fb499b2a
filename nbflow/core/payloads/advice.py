"""What to do with a value that JSON can't carry, by the module and the name of its type.

No library is imported for that: whoever has a DataFrame has imported pandas.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

_ANYTHING: Final = "turn it into JSON values first, or store it in a file and pass the path"
_AN_AUTHORS: Final = "make the class a @dataclass, or pass JSON values"
_HERE_ONLY: Final = "it lives in this process only: make it inside the activity that needs it"
_NOTHING: Final = "use None"
_ITERATED: Final = "pass list(...) of it"
_CODE: Final = "call it and pass what it returns; an activity is called by its own name"
_MODEL: Final = "save it to a file in the activity, with joblib.dump(model, path), and return the path"
_TENSOR: Final = "pass tensor.tolist(), or save it to a file in the activity and return the path"

_BY_NAME: Final = {
    (
        "pandas",
        "DataFrame",
    ): "pass df.to_dict('records'), or save it in the activity with df.to_parquet(path) and return the path",
    (
        "pandas",
        "Series",
    ): "pass series.to_list(), or save it in the activity with series.to_frame().to_parquet(path) "
    "and return the path",
    ("pandas", "Index"): "pass index.to_list()",
    ("pandas", "NaTType"): _NOTHING,
    ("pandas", "NAType"): _NOTHING,
    ("pandas", "Timestamp"): "pass timestamp.to_pydatetime(), and annotate it as datetime",
    ("pandas", "Timedelta"): "pass timedelta.to_pytimedelta(), and annotate it as timedelta",
    ("pandas", "Period"): "pass str(period)",
    ("pandas", "Categorical"): "pass categorical.tolist()",
    ("pandas", "ExtensionArray"): "pass array.tolist()",
    (
        "polars",
        "DataFrame",
    ): "pass df.to_dicts(), or save it in the activity with df.write_parquet(path) and return the path",
    (
        "polars",
        "LazyFrame",
    ): "collect it, and save it in the activity with frame.sink_parquet(path): return the path",
    ("polars", "Series"): "pass series.to_list()",
    (
        "pyarrow",
        "Table",
    ): "pass table.to_pylist(), or save it to a Parquet file in the activity and return the path",
    (
        "numpy",
        "ndarray",
    ): "pass array.tolist(), or save it in the activity with numpy.save(path, array) and return the path",
    ("numpy", "datetime64"): "pass value.astype('datetime64[us]').item(), and annotate it as datetime",
    ("numpy", "timedelta64"): "pass value.astype('timedelta64[us]').item(), and annotate it as timedelta",
    ("numpy", "generic"): "call .item() on it, or annotate it as int, float or bool",
    ("numpy", "dtype"): "pass str(dtype)",
    ("torch", "Tensor"): _TENSOR,
    (
        "torch",
        "Module",
    ): "save it in the activity with torch.save(model.state_dict(), path) and return the path",
    ("jax", "Array"): _TENSOR,
    ("jaxlib", "ArrayImpl"): _TENSOR,
    ("tensorflow", "Tensor"): _TENSOR,
    ("sklearn", "BaseEstimator"): _MODEL,
    ("xgboost", "XGBModel"): _MODEL,
    ("lightgbm", "LGBMModel"): _MODEL,
    ("PIL", "Image"): "save it in the activity with image.save(path) and return the path",
    ("matplotlib", "Figure"): "save it in the activity with figure.savefig(path) and return the path",
    ("io", "IOBase"): "an open file: pass its path, or what was read from it",
    ("_io", "_IOBase"): "an open file: pass its path, or what was read from it",
    ("_asyncio", "Future"): "await it first, and pass its result",
    ("asyncio", "Future"): "await it first, and pass its result",
    ("builtins", "coroutine"): "await it first, and pass its result",
    ("builtins", "generator"): _ITERATED,
    ("builtins", "async_generator"): "pass [item async for item in it]",
    ("builtins", "range"): _ITERATED,
    ("builtins", "map"): _ITERATED,
    ("builtins", "filter"): _ITERATED,
    ("builtins", "zip"): _ITERATED,
    ("builtins", "enumerate"): _ITERATED,
    ("builtins", "dict_keys"): _ITERATED,
    ("builtins", "dict_values"): _ITERATED,
    ("builtins", "dict_items"): "pass dict(...) of it",
    ("builtins", "mappingproxy"): "pass dict(...) of it",
    ("builtins", "function"): _CODE,
    ("builtins", "method"): _CODE,
    ("builtins", "builtin_function_or_method"): _CODE,
    ("functools", "partial"): _CODE,
    ("builtins", "type"): "pass its name, or an object of it",
    ("builtins", "module"): "import it where it is needed",
    ("builtins", "bytes"): "annotate it as bytes, or pass its text",
    ("builtins", "bytearray"): "annotate it as bytearray, or pass its text",
    ("builtins", "memoryview"): "pass bytes(...) of it, and annotate it as bytes",
    ("builtins", "set"): "annotate it, such as set[str], or pass sorted(...) of it",
    ("builtins", "frozenset"): "annotate it, such as frozenset[str], or pass sorted(...) of it",
    ("builtins", "complex"): "pass [z.real, z.imag]",
    ("builtins", "BaseException"): "pass str(error), or raise it",
    ("collections", "deque"): "annotate it, such as deque[str], or pass list(...) of it",
    ("pathlib", "PurePath"): "annotate it as Path, or pass str(path)",
    ("zoneinfo", "ZoneInfo"): "pass its key, a str",
    ("re", "Pattern"): "pass its pattern, a str",
    ("_thread", "lock"): _HERE_ONLY,
    ("_thread", "RLock"): _HERE_ONLY,
    ("threading", "Thread"): _HERE_ONLY,
    ("socket", "socket"): _HERE_ONLY,
    ("_contextvars", "Context"): _HERE_ONLY,
    ("sqlite3", "Connection"): _HERE_ONLY,
    ("duckdb", "DuckDBPyConnection"): _HERE_ONLY,
    ("_duckdb", "DuckDBPyConnection"): _HERE_ONLY,
}
_ALSO_KNOWN_AS: Final = {
    "DataFrame": "pandas",
    "Series": "pandas",
    "ndarray": "numpy",
    "Tensor": "torch",
    "Image": "PIL",
    "Figure": "matplotlib",
}
"""Classes of other libraries that act as these do: geopandas, modin, dask, cudf, cupy."""

_NAMED_WITH_MODULE: Final = ("numpy", "pandas", "polars", "pyarrow", "torch")


def advice(kind: type[Any], *, known_only: bool = False) -> str | None:
    """What to do with an object of a type that JSON has nothing for.

    Args:
        kind: Its type.
        known_only: Whether to give None for a type that nothing particular is known of.
    """
    for base in inspect.getmro(kind):
        if (found := _BY_NAME.get((_library(base), base.__name__))) is not None:
            return found
    library = _ALSO_KNOWN_AS.get(kind.__name__)
    if library is not None and kind.__module__ not in ("__main__", "builtins"):
        return _BY_NAME[library, kind.__name__]
    if known_only:
        return None
    return _AN_AUTHORS if kind.__module__ == "__main__" else _ANYTHING


def type_name(kind: type[Any]) -> str:
    """A type as a message names it: with its library where the bare name would mislead."""
    library = _library(kind)
    return f"{library}.{kind.__name__}" if library in _NAMED_WITH_MODULE else kind.__qualname__


def with_article(name: str) -> str:
    """``an int``, ``a str``."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _library(kind: type[Any]) -> str:
    return kind.__module__.partition(".")[0]
