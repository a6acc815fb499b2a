"""Runs as OpenTelemetry spans: one a run, whatever was replayed, and what it did below it."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from nbflow import RetryPolicy, WorkflowContext, activity, workflow
from tests.engine.worlds import World

pytestmark = pytest.mark.semantics(69)


@activity
def double(n: int) -> int:
    if n < 0:
        raise ValueError(f"{n} is negative")
    return 2 * n


@workflow
async def part(n: int) -> int:
    return await double(n)


@workflow
async def order(ctx: WorkflowContext, n: int) -> int:
    first, second = await asyncio.gather(double(n), part(n))
    await ctx.create_timer(0.001)
    more = await ctx.wait_for_external_event("more", data_type=int)
    try:
        await asyncio.wait_for(ctx.wait_for_external_event("never"), 0.001)
    except TimeoutError:
        return first + second + more
    return 0


@workflow
async def failing(ctx: WorkflowContext) -> None:
    await ctx.call_activity(double, input=-1, retry_policy=RetryPolicy(0.001, 2))


@workflow
async def counting(ctx: WorkflowContext, n: int) -> int:
    await double(n)
    if n < 2:
        ctx.continue_as_new(n + 1)
    return n


def by_name(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def run_to_the_end(world: World, code: Any, input: Any, exporter: SpanExporter, *events: int) -> None:
    """Run it with a restart before each event, and close, which flushes."""
    world.open(order, part, failing, counting, span_exporter=exporter)
    run = world.start(code, input, "order-42")
    for value in events:
        world.until_waiting(run, "more")
        world.reopen(order, part, crash=True, span_exporter=exporter)
        run = world.handle("order-42")
        run.raise_event("more", value)
    world.client.wait_for_workflow_completion("order-42", 20)
    world.close()


def test_a_run_is_one_span_over_replays_and_restarts_with_what_it_did_below_it(world: World) -> None:
    exporter = InMemorySpanExporter()
    run_to_the_end(world, order, 5, exporter, 7)
    spans = by_name(exporter)
    assert {name: len(found) for name, found in spans.items()} == {
        "order": 1, "part": 2, "double": 2, "timer": 2, "more": 1, "never": 1,
    }  # fmt: skip
    (root,) = spans["order"]
    assert root.parent is None
    assert root.attributes is not None
    assert root.attributes["nbflow.instance.id"] == "order-42"
    assert root.attributes["nbflow.status"] == "COMPLETED"
    assert root.status.status_code is StatusCode.OK
    everything = [span for found in spans.values() for span in found]
    assert {span.context.trace_id for span in everything} == {root.context.trace_id}
    assert len({span.context.span_id for span in everything}) == len(everything)
    for name in ("timer", "more", "never"):
        assert all(span.parent == root.context for span in spans[name])
    assert all(span.start_time <= span.end_time for span in everything)  # type: ignore[operator]
    call, child = sorted(spans["part"], key=lambda span: span.parent != root.context)
    assert (call.parent, child.parent) == (root.context, call.context)
    assert sorted(str(span.parent == child.context) for span in spans["double"]) == ["False", "True"]


def test_a_failure_is_told_by_its_spans(world: World) -> None:
    exporter = InMemorySpanExporter()
    run_to_the_end(world, failing, None, exporter)
    spans = by_name(exporter)
    (root,) = spans["failing"]
    assert root.status.status_code is StatusCode.ERROR
    assert "ValueError: -1 is negative" in (root.status.description or "")
    attempts = sorted(spans["double"], key=lambda span: span.start_time or 0)
    assert [span.attributes["nbflow.attempt"] for span in attempts if span.attributes] == [1, 2]
    for span in attempts:
        assert span.attributes is not None
        assert span.attributes["exception.type"] == "ValueError"
        assert "raise ValueError" in str(span.attributes["exception.stacktrace"])
        assert "nbflow.input" not in span.attributes


def test_generations_are_spans_of_one_trace(world: World) -> None:
    exporter = InMemorySpanExporter()
    run_to_the_end(world, counting, 0, exporter)
    found = by_name(exporter)["counting"]
    assert [
        (s.attributes["nbflow.generation"], s.attributes["nbflow.status"]) for s in found if s.attributes
    ] == [
        (0, "CONTINUED_AS_NEW"),
        (1, "CONTINUED_AS_NEW"),
        (2, "COMPLETED"),
    ]
    assert len({span.context.trace_id for span in found}) == 1


def test_an_exporter_that_fails_disturbs_nobody(quick_world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise OSError("no collector")

    with caplog.at_level(logging.WARNING, "nbflow.runtime"):
        run_to_the_end(quick_world, part, 1, Broken())
    assert caplog.messages == ["the spans of order-42 could not be exported: no collector"]
