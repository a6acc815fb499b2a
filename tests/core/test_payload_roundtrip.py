"""Whatever an annotation says, a value that goes in comes back as the very same."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.core.payloads import codec
from nbflow.errors import PayloadError
from tests.core.annotations import annotations, is_same, leaves, union_of
from tests.core.test_determinism import ROOT, interpreter

pytestmark = pytest.mark.semantics(60)


@settings(max_examples=200)
@given(st.data())
def test_a_value_comes_back_with_its_type_and_all_of_its_parts(data):
    annotation, values = data.draw(annotations)
    value = data.draw(values)
    written = codec(annotation)
    text = written.encode(value, what="it")
    back = written.decode(text, what="it")
    assert is_same(back, value), f"{annotation}: {value!r} came back as {back!r} from {text}"
    assert written.encode(back, what="it") == text, "the text of a value is always the same"


@settings(max_examples=100)
@given(st.data())
def test_msgspec_and_the_shapes_read_the_same(data):
    annotation, values = data.draw(annotations)
    written = codec(annotation)
    text = written.encode(data.draw(values), what="it")
    assert is_same(written.shape.read(msgspec.json.decode(text)), written.decode(text, what="it"))


@settings(max_examples=200)
@given(st.data())
def test_a_union_keeps_its_members_apart(data):
    parts = data.draw(st.lists(leaves, min_size=2, max_size=4))
    annotation, values = union_of(parts)
    value = data.draw(values)
    text = codec(annotation).encode(value, what="it")
    assert is_same(codec(annotation).decode(text, what="it"), value), f"{annotation}: {value!r} as {text}"


@settings(max_examples=100)
@given(st.data())
def test_abstract_collections_come_back_as_the_plain_ones(data):
    annotation, values = data.draw(leaves)
    value = data.draw(st.lists(values, max_size=3))
    for kind in (Sequence[annotation], Iterable[annotation]):
        assert is_same(codec(kind).decode(codec(kind).encode(value, what="it"), what="it"), value)
    named = {str(i): item for i, item in enumerate(value)}
    kind = Mapping[str, annotation]
    assert is_same(codec(kind).decode(codec(kind).encode(named, what="it"), what="it"), named)


@settings(max_examples=200)
@given(st.data())
def test_a_value_of_another_type_is_refused_or_becomes_what_is_annotated(data):
    """Never something that only looks like it: what is taken can be written again, and is then the same."""
    annotation, _ = data.draw(annotations)
    _, values = data.draw(annotations)
    written = codec(annotation)
    try:
        text = written.encode(data.draw(values), what="it")
    except PayloadError:
        return
    back = written.decode(text, what="it")
    assert is_same(written.decode(written.encode(back, what="it"), what="it"), back)


NEWER_SYNTAX = """
from dataclasses import dataclass
from datetime import UTC, datetime
from nbflow.core.payloads import codec

type Nested = dict[str, Nested] | list[Nested] | datetime | str
type Twice[T] = tuple[T, T]

@dataclass
class Chain[T]:
    item: T
    next: "Chain[T] | None" = None

noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
for annotation, value in [
    (Nested, {"a": [noon, {"b": "2026-01-01T12:00:00Z"}]}),
    (Twice[str | datetime], (noon, "x")),
    (dict[str, Twice[int]], {"a": (1, 2)}),
    (Chain[bytes | str], Chain(b"x", Chain("eA=="))),
    (Chain[int], Chain(1, Chain(2))),
]:
    text = codec(annotation).encode(value, what="it")
    back = codec(annotation).decode(text, what="it")
    assert back == value, (annotation, text, back)
"""


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_syntax_of_newer_pythons_means_the_same(version: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([interpreter(version), "-c", NEWER_SYNTAX], check=True, env=environment)
