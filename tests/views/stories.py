"""Synthetic histories for the tests of views and card: a small builder, and the runs that are drawn.

Times are seconds after `T0`, so that a test reads like the bar that it checks.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from nbflow.core import history as h
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.errors import FailureDetails, SourceFrame
from nbflow.views.timeline import timeline
from nbflow.views.timeline.rows import Timeline

T0 = datetime(2026, 11, 22, 13, 4, 5, tzinfo=UTC)
INTERPRETER = h.Interpreter(python="3.11", anyio="4.16", loop_rules=1)

BOOLEAN = '{"type": "boolean"}'
DECISION = json.dumps(
    {
        "$ref": "#/$defs/Decision",
        "$defs": {
            "Decision": {
                "title": "Decision",
                "type": "object",
                "properties": {"approved": {"type": "boolean"}, "note": {"type": "string", "default": ""}},
                "required": ["approved"],
            }
        },
    }
)
ADDRESS = json.dumps(
    {
        "title": "Address",
        "type": "object",
        "properties": {
            "street": {"type": "string"},
            "city": {"type": "string"},
            "zip": {"type": "integer"},
        },
        "required": ["street", "city", "zip"],
    }
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def failure(kind: str = "TimeoutError", message: str = "the printer does not answer") -> FailureDetails:
    frame = SourceFrame(file="Cell In[3]", line=4, function="print_label", text="printer.send(label)")
    trace = (
        "Traceback (most recent call last):\n"
        '  File "Cell In[3]", line 4, in print_label\n'
        "    printer.send(label)\n"
        f"{kind}: {message}\n"
    )
    return FailureDetails(type=kind, message=message, stack_trace=trace, frames=(frame,), bases=(kind,))


class Story:
    """A history in the making; every method appends one event, at a time in seconds."""

    def __init__(self, name: str = "fulfil", instance_id: str = "order-42", input: Any = None) -> None:
        self.events: list[h.HistoryEvent] = []
        self.name = name
        self.instance_id = instance_id
        self.execution_id = "9f3c2a7b41d04e0b8f6d5c1a2b3c4d5e"
        self.input = json.dumps({"sku": "tea", "qty": 2, "total": 120} if input is None else input)
        self.status = RuntimeStatus.RUNNING
        self.stall: Stall | None = None
        self.now = 0.0
        self._ids = 0

    def add(self, event: Any, seconds: float) -> None:
        self.now = max(self.now, seconds)
        self.events.append(msgspec.structs.replace(event, seq=len(self.events) + 1))

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def start(self, seconds: float = 0.0, **facts: Any) -> Story:
        self.turn(seconds)
        event = h.ExecutionStarted(
            at=at(seconds),
            name=self.name,
            execution_id=self.execution_id,
            input=self.input,
            definition="fulfil@1",
            interpreter=INTERPRETER,
            **facts,
        )
        self.add(event, seconds)
        return self

    def turn(self, seconds: float) -> None:
        self.add(h.WorkflowStarted(at=at(seconds)), seconds)

    def task(
        self,
        seconds: float,
        name: str,
        input: Any = None,
        *,
        of: int | None = None,
        attempt: int = 1,
        **more: Any,
    ) -> int:
        i = self.next_id()
        event = h.TaskScheduled(
            at=at(seconds), id=i, task_id=of or i, name=name, input=json.dumps(input), attempt=attempt, **more
        )
        self.add(event, seconds)
        return i

    def done(
        self,
        seconds: float,
        i: int,
        result: Any = None,
        *,
        began: float | None = None,
        prints: str = "",
        attempt: int = 1,
    ) -> None:
        self.turn(seconds)
        event = h.TaskCompleted(
            at=at(seconds),
            scheduled_id=i,
            result=json.dumps(result),
            started_at=None if began is None else at(began),
            worker="thread-1",
            prints=prints,
            attempt=attempt,
        )
        self.add(event, seconds)

    def failed(
        self,
        seconds: float,
        i: int,
        details: FailureDetails | None = None,
        *,
        began: float | None = None,
        prints: str = "",
        attempt: int = 1,
    ) -> None:
        self.turn(seconds)
        event = h.TaskFailed(
            at=at(seconds),
            scheduled_id=i,
            failure=details or failure(),
            started_at=None if began is None else at(began),
            worker="thread-2",
            prints=prints,
            attempt=attempt,
        )
        self.add(event, seconds)

    def cancelled(self, seconds: float, i: int) -> None:
        self.add(h.TaskCancelled(at=at(seconds), scheduled_id=i), seconds)

    def timer(
        self, seconds: float, due: float, purpose: h.TimerPurpose = "timer", for_id: int | None = None
    ) -> int:
        i = self.next_id()
        self.add(
            h.TimerCreated(at=at(seconds), id=i, fire_at=at(due), purpose=purpose, for_id=for_id), seconds
        )
        return i

    def fired(self, due: float, i: int, *, seen: float | None = None) -> None:
        seen = due if seen is None else seen
        self.turn(seen)
        self.add(h.TimerFired(at=at(due), scheduled_id=i, fire_at=at(due)), seen)

    def timer_cancelled(self, seconds: float, i: int) -> None:
        self.add(h.TimerCancelled(at=at(seconds), scheduled_id=i), seconds)

    def child(self, seconds: float, name: str, input: Any = None) -> int:
        i = self.next_id()
        event = h.ChildWorkflowCreated(
            at=at(seconds),
            id=i,
            task_id=i,
            name=name,
            input=json.dumps(input),
            instance_id=f"{self.instance_id}:9f3c2a7b:{i:04}",
        )
        self.add(event, seconds)
        return i

    def child_done(self, seconds: float, i: int, result: Any = None) -> None:
        self.turn(seconds)
        self.add(h.ChildWorkflowCompleted(at=at(seconds), scheduled_id=i, result=json.dumps(result)), seconds)

    def child_failed(self, seconds: float, i: int) -> None:
        self.turn(seconds)
        self.add(h.ChildWorkflowFailed(at=at(seconds), scheduled_id=i, failure=failure()), seconds)

    def wait(self, seconds: float, name: str, schema: str | None = None) -> int:
        i = self.next_id()
        self.add(h.EventWaitCreated(at=at(seconds), id=i, name=name, schema=schema), seconds)
        return i

    def raised(self, seconds: float, name: str, payload: Any = None) -> None:
        self.turn(seconds)
        self.add(h.EventRaised(at=at(seconds), name=name, payload=json.dumps(payload)), seconds)

    def rejected(self, seconds: float, i: int, name: str, reason: str) -> None:
        self.add(h.EventRejected(at=at(seconds), scheduled_id=i, name=name, reason=reason), seconds)

    def wait_cancelled(self, seconds: float, i: int) -> None:
        self.add(h.EventWaitCancelled(at=at(seconds), scheduled_id=i), seconds)

    def sent(self, seconds: float, target: str, name: str, payload: Any = None) -> int:
        i = self.next_id()
        event = h.EventSent(at=at(seconds), id=i, instance_id=target, name=name, payload=json.dumps(payload))
        self.add(event, seconds)
        return i

    def completed(self, seconds: float, output: Any = None) -> Story:
        self.status = RuntimeStatus.COMPLETED
        self.add(h.ExecutionCompleted(at=at(seconds), status="COMPLETED", output=json.dumps(output)), seconds)
        return self

    def crashed(self, seconds: float, details: FailureDetails | None = None) -> Story:
        self.status = RuntimeStatus.FAILED
        event = h.ExecutionCompleted(at=at(seconds), status="FAILED", failure=details or failure())
        self.add(event, seconds)
        return self

    def stalled(self, message: str) -> Story:
        self.status = RuntimeStatus.STALLED
        self.stall = Stall(reason=StallReason.CODE_MISSING, message=message)
        return self

    def record(self) -> InstanceRecord:
        last = next((e for e in reversed(self.events) if isinstance(e, h.ExecutionCompleted)), None)
        status = next((e.value for e in reversed(self.events) if isinstance(e, h.CustomStatusSet)), None)
        return InstanceRecord(
            instance_id=self.instance_id,
            name=self.name,
            execution_id=self.execution_id,
            status=self.status,
            created_at=T0,
            last_updated_at=at(self.now),
            input=self.input,
            definition="fulfil@1",
            output=last.output if last is not None and last.status == "COMPLETED" else None,
            failure=last.failure if last is not None else None,
            custom_status=status,
            stall=self.stall,
        )

    def timeline(self, now: float | None = None) -> Timeline:
        return timeline(self.record(), self.events, now=at(self.now if now is None else now))


# -- the runs that are drawn ---------------------------------------------------------------------


def running() -> Story:
    """Two activities done, three at work side by side, one of them in its second attempt."""
    story = Story().start()
    stock = story.task(0.0, "check_stock", {"sku": "tea", "qty": 2})
    price = story.task(0.0, "check_price", {"sku": "tea"})
    story.done(2.1, stock, True, began=0.1, prints="asking the warehouse\n2 x tea: in stock\n")
    story.done(3.4, price, 120, began=1.6)
    label = story.task(3.4, "print_label", {"order": "order-42"})
    story.task(3.4, "charge", {"cents": 12000})
    story.child(3.4, "notify_customer", {"mail": "ada@example.org"})
    story.failed(6.0, label, began=3.5)
    retry = story.timer(6.0, 8.0, "retry", label)
    story.fired(8.0, retry)
    story.task(8.0, "print_label", {"order": "order-42"}, of=label, attempt=2)
    story.add(h.CustomStatusSet(at=at(8.0), value='"packing"'), 8.0)
    story.now = 11.0
    return story


def waiting(schema: str | None = DECISION, *, name: str = "approval") -> Story:
    """Checked; now a person is asked, with a day to answer."""
    story = Story().start()
    stock = story.task(0.0, "check_stock", {"sku": "tea", "qty": 2})
    price = story.task(0.0, "check_price", {"sku": "tea"})
    story.done(2.1, stock, True, began=0.1, prints="asking the warehouse\n2 x tea: in stock\n")
    story.done(3.4, price, 120, began=1.6)
    wait = story.wait(3.4, name, schema)
    story.timer(3.4, 86403.4, "timeout", wait)
    story.now = 14.0
    return story


def completed() -> Story:
    """The whole way: parallel checks, approval after a refused payload, retries, a timer, a receipt."""
    story = Story().start()
    story.raised(0.5, "hint", {"colour": "green"})
    stock = story.task(0.5, "check_stock", {"sku": "tea", "qty": 2})
    price = story.task(0.5, "check_price", {"sku": "tea"})
    story.done(2.6, stock, True, began=0.6, prints="asking the warehouse\n2 x tea: in stock\n")
    story.done(3.4, price, 120, began=1.6)
    wait = story.wait(3.4, "approval", DECISION)
    late = story.timer(3.4, 86403.4, "timeout", wait)
    story.raised(7.0, "approval", {"approved": "yes"})
    story.rejected(7.0, wait, "approval", "Expected `bool`, got `str` - at `$.approved`")
    story.raised(11.0, "approval", {"approved": True})
    story.timer_cancelled(11.0, late)
    story.wait(11.0, "hint")
    label = story.task(11.0, "print_label", {"order": "order-42"})
    bill = story.task(11.0, "charge", {"cents": 12000})
    story.failed(12.5, label, began=11.1)
    first = story.timer(12.5, 13.5, "retry", label)
    story.done(13.2, bill, {"receipt": "R-1017"}, began=11.2)
    story.fired(13.5, first)
    again = story.task(13.5, "print_label", {"order": "order-42"}, of=label, attempt=2)
    story.failed(15.0, again, began=13.6, attempt=2)
    second = story.timer(15.0, 17.0, "retry", label)
    story.fired(17.0, second)
    third = story.task(17.0, "print_label", {"order": "order-42"}, of=label, attempt=3)
    story.done(18.2, third, "label.pdf", began=17.1, attempt=3)
    timer = story.timer(18.2, 21.2)
    story.fired(21.2, timer)
    receipt = story.task(21.2, "send_receipt", {"receipt": "R-1017"})
    story.sent(21.2, "warehouse", "picked", {"order": "order-42"})
    story.done(22.0, receipt, "sent", began=21.3)
    return story.completed(22.0, "sent")


def failing() -> Story:
    """An activity that fails three times takes the run with it; its neighbour is left open."""
    story = Story().start()
    label = story.task(0.2, "print_label", {"order": "order-42"})
    story.task(0.2, "charge", {"cents": 12000})
    story.failed(1.4, label, began=0.3, prints="connecting\n")
    first = story.timer(1.4, 2.4, "retry", label)
    story.fired(2.4, first)
    again = story.task(2.4, "print_label", {"order": "order-42"}, of=label, attempt=2)
    story.failed(4.0, again, began=2.5, attempt=2)
    second = story.timer(4.0, 6.0, "retry", label)
    story.fired(6.0, second)
    third = story.task(6.0, "print_label", {"order": "order-42"}, of=label, attempt=3)
    story.failed(7.1, third, began=6.1, attempt=3)
    return story.crashed(
        7.1, failure("TaskFailedError", "print_label failed: TimeoutError: the printer does not answer")
    )


def stalled() -> Story:
    """The kernel was restarted, and nobody has run the cell that defines the workflow."""
    story = waiting()
    story.events.pop()
    story.raised(9.0, "approval", {"approved": True})
    return story.stalled("order-42 waits for code: run the cell that defines `fulfil`")


def hostile() -> Story:
    """Names and values that would like to be more than text."""
    script = "<script>window.pwned = 1</script>"
    image = '<img src=x onerror="window.pwned = 1">'
    story = Story(
        name=script, instance_id="order-42", input={"a": script, "b": "</style>", "c": image}
    ).start()
    one = story.task(0.0, image, [script, "javascript:alert(1)", "</textarea>", "</details></table>"])
    two = story.task(0.0, "\u202eevil\u2066 \x1b[31mred\x07 " + "n" * 200, "x" * 5000)
    story.done(1.0, one, script, prints=f"{script}\n</pre>{image}\n")
    story.failed(2.0, two, failure("Bad<b>Error", f"{script} & 'quotes' \"double\""))
    story.wait(2.0, "</style><script>window.pwned = 1</script>", '{"title": "<b>x</b>", "type": "object"}')
    story.wait(2.0, "שלום 👋 مرحبا")
    story.add(h.CustomStatusSet(at=at(2.0), value=json.dumps(image)), 2.0)
    story.now = 5.0
    return story


STORIES = {
    "running": running,
    "waiting": waiting,
    "completed": completed,
    "failing": failing,
    "stalled": stalled,
    "hostile": hostile,
}


# -- runs that wait long, and long runs ----------------------------------------------------------

DAY = 86_400.0


def patient() -> Story:
    """Seconds of work around a month of waiting: an approval after two days, a reminder after thirty."""
    story = Story("onboard", "customer-7", {"mail": "ada@example.org"}).start()
    checks = [story.task(0.0, "check", {"register": name}) for name in ("credit", "sanctions", "address")]
    for number, check in enumerate(checks):
        story.done(1.5 + number, check, "fine", began=0.2 + number * 0.4)
    wait = story.wait(3.5, "approval", DECISION)
    late = story.timer(3.5, 7 * DAY, "timeout", wait)
    story.raised(2 * DAY, "approval", {"approved": True})
    story.timer_cancelled(2 * DAY, late)
    account = story.task(2 * DAY, "open_account", {"plan": "team"})
    welcome = story.task(2 * DAY, "send_mail", {"template": "welcome"})
    story.done(2 * DAY + 1.2, welcome, None, began=2 * DAY + 0.1)
    story.done(2 * DAY + 4.0, account, {"account": "A-88"}, began=2 * DAY + 0.1)
    month = story.timer(2 * DAY + 4.0, 32 * DAY)
    story.fired(32 * DAY, month)
    story.child(32 * DAY, "monthly_review", {"account": "A-88"})
    mail = story.task(32 * DAY, "send_mail", {"template": "how is it going"})
    story.done(32 * DAY + 2.0, mail, None, began=32 * DAY + 0.3)
    story.wait(32 * DAY + 2.0, "feedback")
    story.now = 33 * DAY
    return story


def restarted(opened: float = 20.0) -> tuple[Story, float]:
    """A run that was half done when its kernel was started again, and that moment."""
    story = Story("pipeline", "nightly").start()
    parts = [story.task(0.0, "extract", {"table": table}) for table in ("users", "orders", "items")]
    for number, part in enumerate(parts):
        story.done(4.0 + 2 * number, part, 1000 * (number + 1), began=0.2)
    wait = story.wait(8.0, "release")
    story.raised(opened + 2, "release", None)
    loads = [story.task(opened + 2, "load", {"table": table}) for table in ("users", "orders", "items")]
    story.done(opened + 5, loads[0], "ok", began=opened + 2.1)
    story.now = opened + 6
    assert wait
    return story, opened


def long_run(events: int = 10_000) -> Story:
    """A run of that many events, about: three pages at a time are fetched, and told of; 5 rows of 9 events."""
    story = Story("import", "catalogue").start()
    second = 0.0
    while len(story.events) < events - 9:
        pages = [
            story.task(second, "fetch", {"page": len(story.events), "of": "catalogue"}) for _ in range(3)
        ]
        story.turn(second + 1.0)
        for number, i in enumerate(pages):
            done = h.TaskCompleted(
                at=at(second + 1.0 + number / 10),
                scheduled_id=i,
                result=json.dumps({"items": number}),
                started_at=at(second + 0.1),
                worker="thread-1",
            )
            story.add(done, second + 1.0 + number / 10)
        for target in ("index", "search"):
            story.sent(second + 1.2, target, "page_fetched", {"page": len(story.events)})
        second += 1.4
    return story


STORIES |= {"patient": patient, "restarted": lambda: restarted()[0]}
