"""OpenTelemetry: every execution that ends is exported as spans (S69).

nbflow doesn't depend on OpenTelemetry: whoever has an exporter has its SDK.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from nbflow.core import history as h
from nbflow.core.failures import full_text
from nbflow.core.state import InstanceRecord
from nbflow.engine.engine import Engine
from nbflow.engine.threads import SerialThread
from nbflow.ports import HistoryStore
from nbflow.views.spans import Span, spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

_log: Final = logging.getLogger("nbflow.runtime")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ENDINGS: Final = (h.ExecutionCompleted, h.ExecutionTerminated, h.ContinuedAsNew)

_FLUSH_SECONDS: Final = 5.0
"""How long closing waits for spans on their way."""


class SpanExport:
    """Hands the spans of executions to an exporter, on a thread of its own, once they have ended.

    Args:
        engine: The engine whose runs they are.
        exporter: An exporter of the OpenTelemetry SDK; whoever made it shuts it down.
    """

    def __init__(self, engine: Engine, exporter: SpanExporter) -> None:
        self._engine = engine
        self._exporter = exporter
        self._thread = SerialThread("nbflow-tracing")

    def start(self) -> None:
        """Begin to export; called on the engine's loop."""
        self._engine.watchers.subscribe(None, self._note)

    def close(self) -> None:
        """Wait for what is on its way, but not long."""
        if not self._thread.stop(_FLUSH_SECONDS):
            _log.warning("the exporter of spans doesn't come back: some are lost")

    def _note(self, record: InstanceRecord, events: Sequence[h.HistoryEvent]) -> None:
        if any(isinstance(event, _ENDINGS) for event in events):
            self._thread.submit(lambda: self._export(record))

    def _export(self, record: InstanceRecord) -> None:
        try:
            found = self._engine.committer.read_soon(lambda store: _of(store, record)).result(_FLUSH_SECONDS)
            self._exporter.export([_readable(span) for span in found])
        except Exception as error:  # nobody's run depends on being traced
            _log.warning("the spans of %s could not be exported: %s", record.instance_id, error)


def _of(store: HistoryStore, record: InstanceRecord) -> list[Span]:
    history = store.read_history(record.instance_id, record.execution_id)
    root, seen = record, {record.instance_id}
    while root.parent is not None and root.parent.instance_id not in seen:
        seen.add(root.parent.instance_id)
        above = store.get_instance(root.parent.instance_id)
        if above is None:
            break
        root = above
    return spans(record, history, root=root)


def _readable(span: Span) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(span_id: int) -> SpanContext:
        sampled = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=sampled)

    status = Status(StatusCode.OK) if span.failure is None else Status(StatusCode.ERROR, str(span.failure))
    attributes = dict(span.attributes)
    if span.failure is not None:
        attributes |= {"exception.type": span.failure.type, "exception.stacktrace": full_text(span.failure)}
    return ReadableSpan(
        span.name,
        context=context(span.span_id),
        parent=None if span.parent_id is None else context(span.parent_id),
        attributes=attributes,
        kind=SpanKind.INTERNAL,
        status=status,
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=InstrumentationScope("nbflow"),
    )


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
