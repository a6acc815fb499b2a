"""What JSON can't carry is named with its type, its place, and what to do instead."""

import asyncio
import contextvars
import functools
import io
import math
import re
import sys
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from nbflow.core.payloads import codec
from nbflow.core.payloads.advice import advice
from nbflow.core.signatures import Signature
from nbflow.errors import DefinitionError, PayloadError

pytestmark = pytest.mark.semantics(68)


def lent(module: str, name: str, *bases: type) -> Any:
    """An object as another library has it."""
    return type(name, bases, {"__module__": module})()


async def coroutine() -> None: ...


def generator() -> Any:
    yield 1


class Own:
    pass


Own.__module__ = "__main__"

REFUSED: list[tuple[Any, str]] = [
    (pd.DataFrame({"a": [1]}), "a pandas.DataFrame, which can't be carried as JSON: pass df.to_dict('records'), or save"),
    (pd.DataFrame(), "save it in the activity with df.to_parquet(path) and return the path"),
    (pd.Series([1]), "a pandas.Series, which can't be carried as JSON: pass series.to_list()"),
    (pd.RangeIndex(3), "a pandas.RangeIndex, which can't be carried as JSON: pass index.to_list()"),
    (pd.Categorical(["a"]), "a pandas.Categorical, which can't be carried as JSON: pass categorical.tolist()"),
    (pd.NaT, "a pandas.NaTType, which can't be carried as JSON: use None"),
    (pd.NA, "a pandas.NAType, which can't be carried as JSON: use None"),
    (pd.Period("2026-01"), "a pandas.Period, which can't be carried as JSON: pass str(period)"),
    (pd.Timestamp(1), "Timestamp('1970-01-01 00:00:00.000000001'), finer than a datetime: round it"),
    (pd.Timedelta(1), "Timedelta('0 days 00:00:00.000000001'), finer than a timedelta: round it"),
    (np.array([1]), "a numpy.ndarray, which can't be carried as JSON: pass array.tolist(), or save it in the activity"),
    (np.int64(5), "a numpy.int64, which can't be carried as JSON: call .item() on it, or annotate it as int, float"),
    (np.float32(0.5), "a numpy.float32, which can't be carried as JSON: call .item() on it"),
    (np.bool_(True), "a numpy.bool, which can't be carried as JSON: call .item() on it"),
    (np.datetime64("2026-01-01"), "a numpy.datetime64, which can't be carried as JSON: pass value.astype('datetime64[us]')"),
    (np.dtype("int64"), "which can't be carried as JSON: pass str(dtype)"),
    (np.float64("nan"), "nan, which JSON doesn't have"),
    (lent("polars.dataframe.frame", "DataFrame"), "a polars.DataFrame, which can't be carried as JSON: pass df.to_dicts()"),
    (lent("polars.lazyframe.frame", "LazyFrame"), "frame.sink_parquet(path)"),
    (lent("geopandas.geodataframe", "GeoDataFrame", pd.DataFrame), "pass df.to_dict('records')"),
    (lent("modin.pandas", "DataFrame"), "a DataFrame, which can't be carried as JSON: pass df.to_dict('records')"),
    (lent("torch", "Tensor"), "a torch.Tensor, which can't be carried as JSON: pass tensor.tolist(), or save it to a file"),
    (lent("PIL.PngImagePlugin", "PngImageFile", type("Image", (), {"__module__": "PIL.Image"})), "image.save(path)"),
    (lent("matplotlib.figure", "Figure"), "figure.savefig(path)"),
    (lent("sklearn.linear_model._base", "LinearRegression", type("BaseEstimator", (), {"__module__": "sklearn.base"})), "joblib.dump"),
    (lent("pyarrow.lib", "Table"), "table.to_pylist()"),
    (open(__file__), "a TextIOWrapper, which can't be carried as JSON: an open file: pass its path"),  # noqa: SIM115
    (io.BytesIO(b"x"), "a BytesIO, which can't be carried as JSON: an open file"),
    (threading.Lock(), "a lock, which can't be carried as JSON: it lives in this process only"),
    (threading.Thread(), "a Thread, which can't be carried as JSON: it lives in this process only"),
    (contextvars.copy_context(), "a Context, which can't be carried as JSON: it lives in this process only"),
    (generator(), "a generator, which can't be carried as JSON: pass list(...) of it"),
    (map(str, [1]), "a map, which can't be carried as JSON: pass list(...) of it"),
    (range(3), "a range, which can't be carried as JSON: pass list(...) of it"),
    ({1: 2}.keys(), "a dict_keys, which can't be carried as JSON: pass list(...) of it"),
    (deque([1]), "a deque, which can't be carried as JSON: annotate it, such as deque[str]"),
    (generator, "a function, which can't be carried as JSON: call it and pass what it returns"),
    (lambda: 1, "a function, which can't be carried as JSON: call it"),
    (len, "a builtin_function_or_method, which can't be carried as JSON: call it"),
    (functools.partial(len), "a partial, which can't be carried as JSON: call it"),
    (Own, "a type, which can't be carried as JSON: pass its name, or an object of it"),
    (Own(), "an Own, which can't be carried as JSON: make the class a @dataclass, or pass JSON values"),
    (sys, "a module, which can't be carried as JSON: import it where it is needed"),
    (ModuleType("shop"), "a module, which can't be carried as JSON"),
    (ValueError("x"), "a ValueError, which can't be carried as JSON: pass str(error), or raise it"),
    (Path("x"), "a PosixPath, which can't be carried as JSON: annotate it as Path, or pass str(path)"),
    (ZoneInfo("UTC"), "a ZoneInfo, which can't be carried as JSON: pass its key"),
    (re.compile("x"), "a Pattern, which can't be carried as JSON: pass its pattern"),
    (1j, "a complex, which can't be carried as JSON: pass [z.real, z.imag]"),
    (b"x", "a bytes, which can't be carried as JSON: annotate it as bytes, or pass its text"),
    (bytearray(b"x"), "a bytearray, which can't be carried as JSON: annotate it as bytearray"),
    (memoryview(b"x"), "a memoryview, which can't be carried as JSON: pass bytes(...) of it"),
    ({1}, "a set, which can't be carried as JSON: annotate it, such as set[str], or pass sorted(...) of it"),
    (frozenset({1}), "a frozenset, which can't be carried as JSON: annotate it, such as frozenset[str]"),
    (object(), "an object, which can't be carried as JSON: turn it into JSON values first, or store it in a file"),
    (math.nan, "nan, which JSON doesn't have: use None, or a string"),
    ({1: "a"}, "has the key 1 (int), and JSON's keys are strings: use str keys, or annotate it, such as dict[int, ...]"),
]  # fmt: skip


@dataclass
class Item:
    sku: str
    price: Any


@dataclass
class Order:
    items: list[Item]


def fulfil(order: Order, cents: int) -> dict[str, list[Any]]: ...


@pytest.mark.parametrize(
    ("value", "words"), REFUSED, ids=[f"{i}-{type(v).__name__}" for i, (v, _) in enumerate(REFUSED)]
)
def test_the_type_the_place_and_the_way_out_are_named(value: Any, words: str) -> None:
    signature = Signature(fulfil, name="fulfil", context_names=())
    with pytest.raises(PayloadError) as error:
        signature.encode_call((Order([Item("tea", 1), Item("cup", 2), Item("pot", value)]), 5), {})
    assert str(error.value).startswith("order of fulfil(order: ")
    assert " at 'order.items[2].price' " in str(error.value)
    assert words in str(error.value)
    with pytest.raises(PayloadError) as error:
        signature.result.encode({"rows": [value]}, what="the result of fulfil")
    assert str(error.value).startswith("the result of fulfil at 'rows[0]' ")
    assert words in str(error.value)
    with pytest.raises(PayloadError) as error:
        codec().encode(value, what="the result of fulfil")
    assert re.match(r"the result of fulfil (is|has) ", str(error.value))
    assert words in str(error.value)


def test_what_is_not_awaited_is_said_to_need_it() -> None:
    started = coroutine()
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    for value in (started, future):
        with pytest.raises(
            PayloadError, match="which can't be carried as JSON: await it first, and pass its result"
        ):
            codec().encode(value, what="it")
    started.close()


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (list[dict[str, Any]], pd.DataFrame(), "it is a pandas.DataFrame, and a list is expected: pass df.to_dict("),
        (list[float], np.array([1.5]), "it is a numpy.ndarray, and a list is expected: pass array.tolist()"),
        (dict[str, list[float]], {"a": np.array([1])}, "it at 'a' is a numpy.ndarray, and a list is expected"),
        (int, np.float64(1.5), "it is a numpy.float64, and an int is expected: call .item() on it"),
        (datetime, pd.NaT, "it is a pandas.NaTType, which can't be carried as JSON: use None"),
        (datetime | None, pd.NaT, "use None"),
        (datetime, pd.Timestamp(1), "finer than a datetime: round it"),
        (str, b"x", "it is a bytes, and a str is expected: annotate it as bytes, or pass its text"),
        (str, NOW := datetime(2026, 1, 1, tzinfo=UTC), "it doesn't fit str: Expected `str`, got `datetime`"),
        (str, Decimal("1.5"), "Expected `str`, got `Decimal`"),
        (bytes, "abcd", "Expected `bytes`, got `str`"),
        (date, NOW, "Expected `date`, got `datetime`"),
        (datetime, date(2026, 1, 1), "Expected `datetime`, got `date`"),
        (int, True, "Expected `int`, got `bool`"),
        (int, 5.0, "Expected `int`, got `float`"),
        (bool, 1, "Expected `bool`, got `int`"),
        (float, Decimal("1.5"), "Expected `float`, got `Decimal`"),
        (float, 2**60 + 1, "Expected `float`, got `int`"),
        (float, 10**400, "Expected `float`, got `int`"),
        (float, math.inf, "it is inf, which JSON doesn't have"),
        (list[str], "abc", "Expected `list`, got `str`"),
        (list[int], {"a": 1}, "Expected `list`, got `dict`"),
        (dict[str, int], [1], "Expected `dict`, got `list`"),
        (None, 0, "Expected `null`, got `int`"),
        (datetime, datetime(1900, 1, 1, tzinfo=ZoneInfo("Europe/Paris")), "convert it with .astimezone(UTC)"),
        (datetime, datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=61))), "no offset in whole minutes"),
        (time, time(12, tzinfo=ZoneInfo("Europe/Paris")), "whose zone has no offset without a date: use a datetime"),
    ],
    ids=lambda part: str(part)[:40],
)  # fmt: skip
def test_what_only_looks_like_the_type_is_refused(annotation: Any, value: Any, words: str) -> None:
    with pytest.raises(PayloadError) as error:
        codec(annotation).encode(value, what="it")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("annotation", "value", "plain"),
    [
        (int, np.int64(5), 5),
        (int, np.uint8(5), 5),
        (float, np.float64(1.5), 1.5),
        (float, np.float32(0.5), 0.5),
        (bool, np.bool_(True), True),
        (str, np.str_("x"), "x"),
        (list[int], [np.int64(1), 2], [1, 2]),
        (datetime, pd.Timestamp("2026-01-01"), datetime(2026, 1, 1)),  # noqa: DTZ001
        (timedelta, pd.Timedelta(hours=1), timedelta(hours=1)),
        (float, 5, 5.0),
        (list[int], (1, 2), [1, 2]),
        (set[int], [2, 1], {1, 2}),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_equals_a_value_of_the_type_becomes_one(annotation: Any, value: Any, plain: Any) -> None:
    back = codec(annotation).decode(codec(annotation).encode(value, what="it"), what="it")
    assert back == plain
    assert type(back) is type(plain)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (pd.DataFrame, "a DataFrame can't be kept in a history as JSON: pass df.to_dict('records'), or save it"),
        (pd.Timestamp, "a Timestamp can't be kept in a history as JSON: pass timestamp.to_pydatetime(), and annotate"),
        (np.ndarray, "a ndarray can't be kept in a history as JSON: pass array.tolist()"),
        (np.int64, "an int64 can't be kept in a history as JSON: call .item() on it, or annotate it as int"),
        (dict[str, pd.Series], "a Series can't be kept in a history as JSON: pass series.to_list()"),
        (threading.Lock().__class__, "a lock can't be kept in a history as JSON: it lives in this process only"),
        (Own, "an Own can't be kept in a history as JSON: make the class a @dataclass"),
    ],
    ids=str,
)  # fmt: skip
def test_an_annotation_that_json_has_nothing_for_is_refused_when_it_is_defined(
    annotation: Any, words: str
) -> None:
    def load() -> None: ...

    load.__annotations__["return"] = annotation
    with pytest.raises(DefinitionError) as error:
        Signature(load, name="load", context_names=()).check()
    assert str(error.value).startswith("load() -> ")
    assert words in str(error.value)


def test_what_is_known_of_a_type_alone_is_known_of_its_subclasses() -> None:
    class Frame(pd.DataFrame):
        pass

    assert "to_parquet" in (advice(Frame) or "")
    assert advice(Item, known_only=True) is None


def test_nothing_is_imported_to_know_a_value() -> None:
    """nbflow knows pandas by name: a process that has none stays without."""
    import subprocess

    code = "import nbflow, sys; assert not {'pandas', 'numpy', 'polars', 'torch', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
