"""Codes that no longer match a history, one for each cause: what was, what is, and what is said of it.

The line to be named is the one that ends in ``# here``.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nbflow import RetryPolicy, WorkflowContext, activity, workflow
from nbflow.core.explain.report import CauseKind, Suspect
from nbflow.definitions import WorkflowDefinition
from tests.core.builder import Run, child_completed

Code = WorkflowDefinition[..., Any]


@activity
def reserve(item: object = None) -> object: ...


@activity
def charge(amount: object = None) -> object: ...


@activity
def bill(amount: object = None) -> object: ...


@activity
def ship(item: object = None) -> object: ...


@workflow
async def parcel(item: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A pair of codes, and what is to be said."""

    title: str
    cause: CauseKind
    event: int
    says: str
    codes: Callable[[], tuple[Code, Code]]
    fails: int = 0
    is_same: bool = False
    interpreter: str = ""
    suspects: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def name(self) -> str:
        return self.codes.__name__

    def record(self, before: Code) -> Run:
        """A run of the code as it was, to its end."""
        run = Run(before, prefixes=False)
        run.start()
        live(run, self.fails)
        run.execution.evict()
        return run

    def line(self, after: Code) -> int | None:
        """The line that is to be named."""
        return marked(after, "# here")

    def suspected(self, after: Code) -> tuple[Suspect, ...]:
        """What a lint would say."""
        found = [(marked(after, mark), what, fix) for mark, what, fix in self.suspects]
        return tuple(Suspect(line=line, what=what, fix=fix) for line, what, fix in found if line is not None)


MISMATCHES: list[Mismatch] = []


def mismatch(title: str, cause: CauseKind, event: int, says: str, **more: Any) -> Callable[[Any], Any]:
    def listed(codes: Callable[[], tuple[Code, Code]]) -> Callable[[], tuple[Code, Code]]:
        MISMATCHES.append(Mismatch(title=title, cause=cause, event=event, says=says, codes=codes, **more))
        return codes

    return listed


def marked(code: Code, mark: str) -> int | None:
    lines, first = inspect.getsourcelines(code.function)
    return next((first + n for n, line in enumerate(lines) if line.rstrip().endswith(mark)), None)


def live(run: Run, fails: int) -> None:
    """Answer whatever the run waits for, until it has ended."""
    while not run.execution.is_finished:
        state = run.state
        if state.tasks:
            number = min(state.tasks)
            if fails > 0:
                fails -= 1
                run.fail(number)
            else:
                run.complete(number, {"id": number}, after=1)
        elif state.children:
            run.turn(child_completed(min(state.children)))
        elif any(timer.purpose != "timeout" for timer in state.timers.values()):
            run.fire(min(i for i, timer in state.timers.items() if timer.purpose != "timeout"))
        else:
            (wait, *_) = state.waits.values()
            run.raise_event(wait.name, True)


# -- what a change of the code does -------------------------------------------------------------------


@mismatch(
    "two calls change places",
    "reordered",
    3,
    'the call reserve("tea") and the call charge(10) were reordered',
)
def reordered():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await charge(10)  # here
        await reserve("tea")
        await ship("tea")

    return before, after


@mismatch(
    "branches change places",
    "reordered",
    3,
    'the call reserve("tea") and the call charge(10) were reordered',
)
def reordered_branches():
    @workflow(name="order")
    async def before() -> None:
        await asyncio.gather(reserve("tea"), charge(10))

    @workflow(name="order")
    async def after() -> None:
        await asyncio.gather(charge(10), reserve("tea"))  # here

    return before, after


@mismatch(
    "an argument is changed",
    "changed_input",
    6,
    "the input of the call of charge was changed (amount: 10, now 12)",
)
def changed_argument():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge({"amount": 10, "note": "gift"})
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await charge({"amount": 12, "note": "gift"})  # here
        await ship("tea")

    return before, after


@mismatch(
    "the input of a child workflow is changed",
    "changed_input",
    3,
    'the input of the call of parcel was changed ("tea", now "coffee")',
)
def changed_child_input():
    @workflow(name="order")
    async def before() -> None:
        await parcel("tea")

    @workflow(name="order")
    async def after() -> None:
        await parcel("coffee")  # here

    return before, after


@mismatch(
    "another activity is called", "changed_call", 6, "the call charge(10) was replaced by the call bill(10)"
)
def another_activity():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await bill(10)  # here
        await ship("tea")

    return before, after


@mismatch("a call is removed", "removed_call", 6, "the call charge(10) was removed")
def removed_call():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await ship("tea")  # here

    return before, after


@mismatch("a branch is removed", "removed_call", 4, "the call charge(10) was removed")
def removed_branch():
    @workflow(name="order")
    async def before() -> None:
        await asyncio.gather(reserve("tea"), charge(10))

    @workflow(name="order")
    async def after() -> None:
        await asyncio.gather(reserve("tea"))  # here

    return before, after


@mismatch("a call is added", "added_call", 6, "the call bill(10) was added before the call charge(10)")
def added_call():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await bill(10)  # here
        await charge(10)

    return before, after


@mismatch(
    "another call of the same activity is added",
    "added_call",
    6,
    "the call charge(1) was added before the call charge(10)",
)
def added_alike():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await charge(1)  # here
        await charge(10)
        await ship("tea")

    return before, after


@mismatch(
    "a call is added at the end", "added_call", 6, 'the call ship("tea") was added, where the run had ended'
)
def added_at_the_end():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")
        await ship("tea")  # here

    return before, after


@mismatch(
    "an await is removed",
    "removed_await",
    4,
    "an await was removed, so that the call charge(10) no longer waits for the answer to reserve",
)
def removed_await():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")
        await charge(10)

    @workflow(name="order")
    async def after() -> None:
        reserve("tea")
        await charge(10)  # here

    return before, after


@mismatch(
    "the last await is removed",
    "removed_await",
    4,
    "an await was removed: the code ends without the answer to what it called",
)
def removed_last_await():
    @workflow(name="order")
    async def before() -> None:
        await reserve("tea")

    @workflow(name="order")
    async def after() -> None:
        reserve("tea")  # here

    return before, after


@mismatch(
    "an await is added",
    "added_await",
    4,
    "an await was added, so that the call charge(10) now waits for the answer to reserve",
)
def added_await():
    @workflow(name="order")
    async def before() -> None:
        first = reserve("tea")
        await charge(10)
        await first

    @workflow(name="order")
    async def after() -> None:
        await reserve("tea")  # here
        await charge(10)

    return before, after


@mismatch(
    "a timer lasts longer", "changed_timer", 3, "the duration of a timer was changed, from 60 s to 90 s"
)
def changed_timer():
    @workflow(name="order")
    async def before(ctx: WorkflowContext) -> None:
        await ctx.create_timer(60)
        await charge(10)

    @workflow(name="order")
    async def after(ctx: WorkflowContext) -> None:
        await ctx.create_timer(90)  # here
        await charge(10)

    return before, after


def _tries(policy: RetryPolicy | None) -> Code:
    @workflow(name="order")
    async def tries(ctx: WorkflowContext) -> None:
        await ctx.call_activity(charge, input=10, retry_policy=policy)  # here
        await ship("tea")

    return tries


@mismatch(
    "a retry policy waits longer",
    "changed_policy",
    6,
    "the delay of a retry policy was changed, from 1 s to 5 s",
    fails=1,
)
def changed_delay():
    return _tries(RetryPolicy(timedelta(seconds=1), 3)), _tries(RetryPolicy(timedelta(seconds=5), 3))


@mismatch(
    "a retry policy is removed",
    "changed_policy",
    6,
    "a retry policy was changed: the call is not tried again",
    fails=1,
)
def removed_policy():
    return _tries(RetryPolicy(timedelta(seconds=1), 3)), _tries(None)


@mismatch(
    "a timeout is changed",
    "changed_policy",
    3,
    "the timeout of the call charge(10) was changed, from 30 s to 10 s",
)
def changed_timeout():
    def limited(seconds: int) -> Code:
        brief = activity(name="charge", timeout=timedelta(seconds=seconds))(lambda amount: None)

        @workflow(name="order")
        async def waits() -> None:
            await brief(10)  # here

        return waits

    return limited(30), limited(10)


@mismatch(
    "another event is waited for",
    "changed_event",
    3,
    "the code waits for event 'consent' instead of 'approval'",
)
def changed_event():
    @workflow(name="order")
    async def before(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("approval")
        await charge(10)

    @workflow(name="order")
    async def after(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("consent")  # here
        await charge(10)

    return before, after


@mismatch(
    "the custom status is changed",
    "changed_status",
    3,
    'the custom status was changed ("begun", now "started")',
)
def changed_status():
    @workflow(name="order")
    async def before(ctx: WorkflowContext) -> None:
        ctx.set_custom_status("begun")
        await charge(10)

    @workflow(name="order")
    async def after(ctx: WorkflowContext) -> None:
        ctx.set_custom_status("started")  # here
        await charge(10)

    return before, after


@mismatch(
    "another value is returned", "changed_result", 6, 'another value is returned ("done", now "finished")'
)
def changed_result():
    @workflow(name="order")
    async def before() -> str:
        await charge(10)
        return "done"

    @workflow(name="order")
    async def after() -> str:
        await charge(10)
        return "finished"  # here

    return before, after


@mismatch("the code returns earlier", "ends_early", 6, 'the code returns before the call ship("tea")')
def ends_early():
    @workflow(name="order")
    async def before() -> None:
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        if await charge(10):  # here
            return
        await ship("tea")

    return before, after


@mismatch("the code raises", "raises", 6, "the code raises KeyError where history goes on")
def raises():
    @workflow(name="order")
    async def before() -> None:
        paid: Any = await charge(10)
        await ship(paid["id"])

    @workflow(name="order")
    async def after() -> None:
        paid: Any = await charge(10)
        await ship(paid["number"])  # here

    return before, after


@mismatch(
    "the code waits for nothing durable",
    "waits",
    6,
    'the code waits for something that history knows nothing of, before the call ship("tea")',
)
def waits():
    @workflow(name="order")
    async def before() -> None:
        await charge(10)
        await ship("tea")

    @workflow(name="order")
    async def after() -> None:
        await charge(10)
        await asyncio.get_running_loop().create_future()  # here

    return before, after


# -- code that isn't deterministic ----------------------------------------------------------------------


@mismatch(
    "the code reads the clock",
    "not_deterministic",
    3,
    "the value looks like the time of the clock: use ctx.current_utc_datetime",
    is_same=True,
)
def reads_the_clock():
    @workflow(name="order")
    async def timed() -> None:
        await charge(datetime.now(tz=UTC).isoformat())  # here

    return timed, timed


@mismatch(
    "the code draws a random number",
    "not_deterministic",
    3,
    "the value looks like a random number: use ctx.random()",
    is_same=True,
)
def draws_a_number():
    @workflow(name="order")
    async def drawn() -> None:
        await charge(0.1 + random.random() / 1000)  # here

    return drawn, drawn


@mismatch(
    "the code makes a UUID",
    "not_deterministic",
    3,
    "the value looks like a new UUID: use ctx.new_guid()",
    is_same=True,
)
def makes_a_uuid():
    @workflow(name="order")
    async def named() -> None:
        await charge(str(uuid.uuid4()))  # here

    return named, named


@mismatch(
    "the code counts in a global",
    "not_deterministic",
    6,
    "counts in the global `numbers`: pass it in as an input",
    is_same=True,
    suspects=(
        ("# suspect", "counts in the global `numbers`", "pass it in as an input"),
        ("# innocent", "reads the clock", "use ctx.current_utc_datetime"),
    ),
)
def counts_in_a_global():
    numbers = itertools.count()

    @workflow(name="order")
    async def counted() -> None:
        await reserve("tea")
        number = next(numbers)  # suspect
        await charge(number)  # here
        await ship("tea")  # innocent

    return counted, counted


class _Changing:
    """A global that somebody changes after the run."""

    def __init__(self) -> None:
        self.reads = 0

    @property
    def amount(self) -> int:
        self.reads += 1
        return 10 if self.reads == 1 else 12


@mismatch(
    "a global that the code reads is changed",
    "reads_outside",
    3,
    "the code is the one that the run was started with",
    is_same=True,
)
def reads_a_global():
    prices = _Changing()

    @workflow(name="order")
    async def priced() -> None:
        await charge(prices.amount)  # here

    return priced, priced


@mismatch(
    "a global is changed, and the lint knows the line",
    "not_deterministic",
    3,
    "reads the global `prices`: pass it in as an input",
    is_same=True,
    suspects=(("# suspect", "reads the global `prices`", "pass it in as an input"),),
)
def reads_a_known_global():
    prices = _Changing()

    @workflow(name="order")
    async def priced() -> None:
        amount = prices.amount  # suspect
        await charge(amount)  # here

    return priced, priced


@mismatch(
    "another interpreter",
    "interpreter",
    3,
    "it was recorded on Python 3.9",
    is_same=True,
    interpreter="it was recorded on Python 3.9",
)
def another_interpreter():
    order = itertools.count()

    @workflow(name="order")
    async def ordered() -> None:
        calls = [lambda: reserve("tea"), lambda: charge(10)]  # here
        if next(order):
            calls.reverse()
        await asyncio.gather(*(call() for call in calls))

    return ordered, ordered
