"""Hypothesis strategies for history events of every kind."""

from datetime import UTC, datetime, timedelta, timezone
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from nbflow.core import history as h
from nbflow.errors import FailureDetails, SourceFrame

zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
times = st.datetimes(
    datetime(1, 1, 3),  # noqa: DTZ001 (the zone comes below)
    datetime(9999, 12, 28),  # noqa: DTZ001
    timezones=zones,
)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ["null", "NULL", "true", "1", "", "{}", '"', "\x00", "é"]
)
counts = st.integers(0, 2**53)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
frames = st.builds(SourceFrame, file=texts, line=counts, function=texts, text=texts)
failures = st.deferred(
    lambda: st.builds(
        FailureDetails,
        type=texts,
        message=texts,
        stack_trace=texts,
        frames=st.lists(frames, max_size=2).map(tuple),
        cause=st.none() | failures,
        bases=st.lists(texts, max_size=2).map(tuple),
        is_context=st.booleans(),
        notes=st.lists(texts, max_size=2).map(tuple),
        parts=st.just(()) | st.tuples(failures),
    )
)
parents = st.builds(h.ParentReference, instance_id=texts, execution_id=texts, scheduled_id=counts)
interpreters = st.builds(h.Interpreter, python=texts, anyio=texts, loop_rules=counts)
origins = st.builds(
    h.Origin,
    reason=st.sampled_from(["fork", "rewind"]),
    instance_id=texts,
    execution_id=texts,
    seq=counts,
)

_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: counts,
    float: st.floats(0, 1e12),
    bool: st.booleans(),
    datetime: times,
    type(None): st.none(),
    FailureDetails: failures,
    h.ParentReference: parents,
    h.Interpreter: interpreters,
    h.Origin: origins,
}


def of_type(annotation: Any) -> st.SearchStrategy[Any]:
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        part = get_args(annotation)[0]
        return st.lists(_BY_TYPE[part] if part in _BY_TYPE else events_of(part), max_size=2).map(tuple)
    if isinstance(annotation, UnionType):
        return st.one_of(*[of_type(part) for part in get_args(annotation)])
    return _BY_TYPE[annotation]


def events_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{name: of_type(hints[name]) for name in cls.__struct_fields__})


KINDS = (h.WorkflowStarted, h.ExecutionForked, *h.INPUT_KINDS, *h.ACTION_KINDS)
events = st.one_of(*[events_of(cls) for cls in KINDS])
