"""Thirty sound workflows and more: varied, as people write them, and nothing in them is to be found.

They are read twice: as definitions, and as this text.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import functools
import itertools
import json
import logging
import os.path
import random
import re
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import anyio

from nbflow import RetryPolicy, TaskFailedError, WorkflowContext, activity, when_all, when_any, workflow

MAX_TRIES = 3
RATES = {"EUR": Decimal("1.0"), "USD": Decimal("1.1")}
STEPS = ["pack", "ship", "bill"]
PATIENT = RetryPolicy(1, 5, backoff_coefficient=2)
BERLIN = ZoneInfo("Europe/Berlin")
WORD = re.compile(r"\w+")
ALLOWED = frozenset({"tea", "coffee"})
opening = datetime(2030, 1, 1, tzinfo=UTC)
deadline_days = 14
log = logging.getLogger(__name__)


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Limits:
    most: int = 10
    wait: timedelta = timedelta(hours=1)


LIMITS = Limits()
limits = Limits(most=5)


@dataclass
class Item:
    sku: str
    cents: int = 100
    size: Size = Size.SMALL


@dataclass
class Order:
    id: str
    items: list[Item] = field(default_factory=list)
    note: str = ""

    @property
    def total(self) -> int:
        return sum(item.cents for item in self.items)

    def skus(self) -> list[str]:
        return sorted({item.sku for item in self.items})


@activity
def charge(order_id: str, cents: int = 0) -> str: ...
@activity
def check(sku: str) -> bool: ...
@activity
def refund(receipt: str) -> None: ...
@activity
def read(path: str) -> str:
    return Path(path).read_text()


@activity
def now() -> datetime:
    return datetime.now(UTC)


@activity
async def fetch(url: str) -> str: ...


def cents_of(order: Order) -> int:
    """A pure helper."""
    rates = dict.fromkeys(STEPS, 1)
    rates["pack"] = 2
    return sum(item.cents * rates["pack"] for item in order.items)


def chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    """A helper generator with a loop that has no end of its own."""
    rest = iter(items)
    while True:
        chunk = list(itertools.islice(rest, size))
        if not chunk:
            return
        yield chunk


@functools.lru_cache
def slug(text: str) -> str:
    return "-".join(WORD.findall(text.lower()))


def logged(function: Any) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        print("begins")
        return await function(*args, **kwargs)

    return wrapper


# -- collections that are the workflow's own ---------------------------------------------------------


@workflow
async def members(ctx: WorkflowContext, order: Order) -> int:
    seen: set[str] = set()
    count = 0
    for item in order.items:
        if item.sku in seen or item.sku not in {"tea", "coffee"}:
            continue
        seen.add(item.sku)
        count += await check(item.sku)
    return count + len(seen)


@workflow
async def sorted_sets(ctx: WorkflowContext, skus: list[str]) -> list[str]:
    wanted = set(skus) & ALLOWED
    missing = {"tea", "milk"} - wanted
    for sku in sorted(wanted | missing):
        await check(sku)
    longest = max((len(sku) for sku in wanted), default=0)
    if any(sku.startswith("t") for sku in missing) and all(wanted):
        return sorted(list(wanted))
    return [str(longest), *sorted(sku.upper() for sku in missing)]


@workflow
async def local_lists(ctx: WorkflowContext, names: list[str]) -> dict[str, list[str]]:
    todo = list(names)
    todo.append("last")
    found: dict[str, list[str]] = defaultdict(list)
    waiting = deque(todo)
    while waiting:
        name = waiting.popleft()
        found[name[:1]].append(await fetch(name))
    counts = Counter(todo)
    counts.update(["x"])
    todo.clear()
    return dict(found)


@workflow
async def sets_of_tasks(ctx: WorkflowContext, urls: list[str]) -> list[str]:
    running = {asyncio.create_task(one_page(url)) for url in urls}
    pages = []
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            pages.append(task.result())
    return pages


@workflow
async def sets_of_numbers(ctx: WorkflowContext, count: int) -> int:
    total = 0
    for number in {1, 2, 3} | set(range(count)):
        total += number
    return total


async def one_page(url: str) -> str:
    return await fetch(url)


# -- the input, kept as it is ------------------------------------------------------------------------


@workflow
async def replaced_input(ctx: WorkflowContext, order: Order) -> str:
    order = dataclasses.replace(order, note="gift")
    cheap = [dataclasses.replace(item, cents=1) for item in order.items]
    options = {**dataclasses.asdict(order), "items": cheap}
    options["id"] = "new"
    return await charge(options["id"], cents_of(order) + order.total)


@workflow
async def rebound_input(ctx: WorkflowContext, items: list[str], tries: int = 0) -> int:
    items = [item.strip() for item in items]
    while items:
        tries += 1
        await check(items.pop())
    return tries


@workflow
async def counted_input(ctx: WorkflowContext, count: int) -> int:
    count += 1
    count *= await fetch(str(count)) == ""
    return count


# -- constants and other globals ---------------------------------------------------------------------


@workflow
async def constants(ctx: WorkflowContext, order: Order) -> str:
    for step in STEPS[:MAX_TRIES]:
        await fetch(step)
    rate = RATES.get("USD", Decimal(1))
    due = opening + timedelta(days=deadline_days) + LIMITS.wait * limits.most
    if order.items and order.items[0].size is Size.LARGE and Size("s") in list(Size):
        log.info("large")
    return f"{rate} {due:%Y} {Point(1, 2).x} {__name__}"


@workflow
async def cached_helper(ctx: WorkflowContext, title: str) -> str:
    return await fetch(slug(title))


@workflow
@logged
async def decorated(ctx: WorkflowContext, order: Order) -> str:
    return await charge(order.id, order.total)


# -- time --------------------------------------------------------------------------------------------


@workflow
async def datetimes(ctx: WorkflowContext, birthday: date) -> str:
    started = ctx.current_utc_datetime
    await ctx.create_timer(started + timedelta(hours=1))
    passed = ctx.current_utc_datetime - started
    local = ctx.current_utc_datetime.astimezone(BERLIN)
    parsed = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    first = datetime(2030, 1, 1, tzinfo=UTC)
    stamp = datetime.fromtimestamp(0, UTC)
    month = date(2030, 1, 1).replace(month=birthday.month)
    return f"{passed.total_seconds()} {local} {parsed} {first} {stamp} {month} {datetime.strptime('1', '%d')}"


@workflow
async def own_names(ctx: WorkflowContext, time: float, random: str = "x") -> float:
    uuid = [time, 2.0]
    os = {"environ": "mine"}
    input = os["environ"]
    open = len(input)
    id = uuid[0] + open
    await fetch(random.upper())
    return id


@workflow
async def shadowed(ctx: WorkflowContext, parts: list[Any]) -> list[Any]:
    times = [time.time() for time in parts]
    found = {uuid: uuid.uuid4() for uuid in parts}
    for random in parts:
        random.random()
    return [*times, *found.values(), *(os.getenv("X") for os in parts)]


@workflow
async def timeouts(ctx: WorkflowContext, order: Order) -> str:
    try:
        async with asyncio.timeout(60):
            return await charge(order.id)
    except TimeoutError:
        pass
    with anyio.move_on_after(5):
        await fetch("slow")
    with contextlib.suppress(TaskFailedError):
        return await asyncio.wait_for(charge(order.id), 5)
    return "late"


@workflow
async def activity_for_time(ctx: WorkflowContext) -> str:
    moment = await now()
    return f"{moment:%H} {await read('notes.txt')}"


# -- identifiers and chance --------------------------------------------------------------------------


@workflow
async def identifiers(ctx: WorkflowContext, order: Order) -> str:
    given = uuid.UUID("12345678123456781234567812345678")
    derived = uuid.uuid5(uuid.NAMESPACE_URL, order.id)
    return await charge(f"{ctx.new_guid()} {given} {derived.hex}")


@workflow
async def chance(ctx: WorkflowContext, order: Order) -> list[float]:
    dice = random.Random(42)
    other = random.Random(order.id)
    own = ctx.random()
    names = [item.sku for item in order.items]
    own.shuffle(names)
    return [dice.random(), other.uniform(0, 1), own.gauss(0, 1), dice.randint(1, 6)]


# -- branches ----------------------------------------------------------------------------------------


@workflow
async def groups(ctx: WorkflowContext, order: Order) -> list[str]:
    async def one(item: Item) -> str:
        if await check(item.sku):
            return await charge(item.sku, item.cents)
        return "none"

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in order.items]
        group.create_task(one(Item("extra")))
    first = asyncio.create_task(one(order.items[0]))
    second = charge("second")
    rest = await asyncio.gather(*map(one, order.items), first, second)
    _ = charge("nobody waits for this one, and that is meant")
    return [*(task.result() for task in tasks), *rest]


@workflow
async def first_of_tasks(ctx: WorkflowContext, urls: list[str]) -> list[str]:
    tasks = [asyncio.create_task(one_page(url)) for url in urls]
    pages = [await page for page in asyncio.as_completed(tasks)]
    for page in asyncio.as_completed([fetch(url) for url in urls]):
        pages.append(await page)
    return pages


@workflow
async def cancelled_helper(ctx: WorkflowContext) -> str:
    async def remind() -> None:
        while True:
            await asyncio.sleep(3600)
            print("still there?")

    reminder = asyncio.create_task(remind())
    word = await ctx.wait_for_external_event("word", data_type=str)
    reminder.cancel()
    try:
        await reminder
    except asyncio.CancelledError:
        pass
    with contextlib.suppress(asyncio.CancelledError):
        await reminder
    return word


@workflow
async def compensation(ctx: WorkflowContext, order: Order) -> str:
    receipt = ""
    try:
        receipt = await charge(order.id)
        return await fetch(receipt)
    except asyncio.CancelledError:
        await refund(receipt)
        raise
    except BaseException as error:
        print(f"failed: {error}")
        if receipt:
            await refund(receipt)
        raise RuntimeError("no order") from error
    finally:
        if receipt:
            await check(receipt)


@workflow
async def parsing(ctx: WorkflowContext, text: str) -> dict[str, Any]:
    try:
        number = int(text)
    except:  # noqa: E722
        number = 0
    try:
        found = json.loads(text)
    except BaseException:
        found = {"number": number}
    await fetch(text)
    return found


# -- loops -------------------------------------------------------------------------------------------


@workflow
async def loops(ctx: WorkflowContext, order: Order) -> int:
    tries = 0
    while True:
        tries += 1
        if tries > MAX_TRIES:
            break
    while True:
        try:
            await charge(order.id)
            return tries
        except TaskFailedError:
            tries += 1
            await asyncio.sleep(2**tries)


@workflow
async def eternal(ctx: WorkflowContext, seen: int = 0) -> None:
    while not ctx.wait_for_external_event("stop").done():
        seen += 1
        await asyncio.sleep(60)
        ctx.continue_as_new(seen)


@workflow
async def counting(ctx: WorkflowContext, urls: list[str]) -> list[str]:
    pages = []
    for number, chunk in zip(itertools.count(1), chunks(urls, 2), strict=False):
        pages += await when_all([fetch(f"{number} {url}") for url in chunk])
    for number in itertools.count():
        if number > 3:
            break
    return pages


@workflow
async def bounded(ctx: WorkflowContext, urls: list[str]) -> list[str]:
    todo, running, pages = list(urls), [], []
    while todo or running:
        while todo and len(running) < 3:
            running.append(fetch(todo.pop(0)))
        done = await when_any(running)
        running.remove(done)
        pages.append(done.result())
    return pages


@workflow
async def drained(ctx: WorkflowContext) -> list[str]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    found = []
    await queue.put(await fetch("x"))
    try:
        while True:
            found.append(queue.get_nowait())
    except asyncio.QueueEmpty:
        pass
    with contextlib.suppress(asyncio.QueueEmpty):
        while True:
            found.append(queue.get_nowait())
    return found


@workflow
async def looked_at(ctx: WorkflowContext, order: Order) -> bool:
    task = charge(order.id)
    timer = ctx.create_timer(5)
    await asyncio.wait([task, timer], return_when=asyncio.FIRST_COMPLETED)
    return task.done() or charge("again").cancel() or len([charge(sku) for sku in order.skus()]) > 3


# -- other ways to write -----------------------------------------------------------------------------


@workflow
def generator(ctx: WorkflowContext, order: Order) -> Iterator[Any]:
    receipt = yield ctx.call_activity(charge, input={"order_id": order.id, "cents": 1})
    tasks = [ctx.call_activity(check, input=sku) for sku in order.skus()]
    answers = yield when_all(tasks)
    approval = ctx.wait_for_external_event("approval")
    timer = ctx.create_timer(timedelta(days=1))
    winner = yield when_any([approval, timer])
    if winner == timer:
        yield ctx.call_activity("refund", input=receipt)
    yield from tell(ctx, answers)
    return receipt


def tell(ctx: WorkflowContext, answers: list[bool]) -> Iterator[Any]:
    for answer in answers:
        yield ctx.call_activity(fetch, input=str(answer))


@workflow
async def matched(ctx: WorkflowContext, event: dict[str, Any]) -> str:
    match event:
        case {"type": "order", "time": time, **rest}:
            return await fetch(f"{time.time} {rest}")
        case {"open": [open, *random]}:
            return await fetch(str((open, random)))
        case Point(x=0, y=y) as hash:
            return await fetch(str((y, hash)))
        case str() as id:
            return id
        case _:
            return ""


async def stream(urls: list[str]) -> AsyncIterator[str]:
    for url in urls:
        yield await fetch(url)


@workflow
async def streams(ctx: WorkflowContext, urls: list[str]) -> list[str]:
    async with contextlib.aclosing(stream(urls)) as pages:
        return [page async for page in pages]


class Pricing:
    """State of one run, in a class of the author's."""

    tax = Decimal("0.19")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.parts: list[int] = []

    def add(self, cents: int) -> None:
        self.parts.append(cents)

    async def charge(self) -> str:
        self.add(self.order.total)
        return await charge(self.order.id, sum(self.parts))


@workflow
async def in_a_class(ctx: WorkflowContext, order: Order) -> str:
    pricing = Pricing(order)
    pricing.add(5)
    pricing.parts.append(6)
    return f"{await pricing.charge()} {pricing.tax} {order.skus()}"


@workflow
async def paths(ctx: WorkflowContext, folder: str) -> str:
    path = Path(folder) / "notes" / "today.txt"
    pure = PurePosixPath(folder).parent
    return await read(str(path.with_suffix(".md"))) + os.path.join(folder, "x") + path.name + str(pure)


@workflow
async def logs(ctx: WorkflowContext, names: list[str]) -> None:
    wanted = set(names)
    ctx.logger.info("wanted: %s", wanted)
    print(f"wanted: {wanted}", wanted)
    if not wanted:
        raise ValueError(f"none of {wanted}")
    ctx.set_custom_status({"wanted": len(wanted)})


@workflow
async def children(ctx: WorkflowContext, orders: list[Order]) -> list[str]:
    running = [replaced_input(order) for order in orders]
    label = await ctx.call_child_workflow(constants, input=orders[0], instance_id="label-1")
    return [*await when_all(running), label]


@workflow
async def closures(ctx: WorkflowContext, names: list[str]) -> int:
    count = 0
    log: list[str] = []

    async def one(name: str) -> None:
        nonlocal count
        if await check(name):
            count += 1
            log.append(name)

    await asyncio.gather(*[one(name) for name in names])
    by_size = sorted(names, key=len)
    keep = lambda time: time in by_size  # noqa: E731
    return count + len(list(filter(keep, log))) + int(median([1, 2, 3]))


@workflow
async def requests_as_data(ctx: WorkflowContext, requests: dict[str, Any], socket: str = "") -> Any:
    body = requests.get("body")
    socket.split(",")
    return await fetch(json.dumps({"body": body, "q": sorted(requests)}))
