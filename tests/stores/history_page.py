"""`docs/history.md`: its tables of columns and the answers to its questions, written by `make history`.

`test_history_page.py` fails when the page is not what the store says. Run as a module it writes the page.
"""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nbflow import RetryPolicy, WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.runtime.questions import asked
from nbflow.runtime.stored import StoredHistory
from nbflow.testing import VirtualClock
from nbflow.views.table import text_table

PAGE = Path(__file__).parents[2] / "docs" / "history.md"
QUESTION = re.compile(
    r"(?<=^```sql\n)(?P<sql>.*?)(?P<between>\n```\n\n```text\n)(?P<answer>.*?)(?=\n```$)", re.M | re.S
)
COLUMNS = re.compile(r"(?<=^<!-- columns -->\n).*?(?=^<!-- end -->$)", re.M | re.S)

_ORDER = ("runs", "activities", "timers", "events", "instances", "history", "inbox", "definitions", "meta")


def orders(path: Path) -> None:
    """Run some orders: one is paid at once, one after two failures, one waits, one fails, one is rejected."""
    clock = VirtualClock()
    busy = ["busy", "closed"]

    @activity
    def check_stock(sku: str) -> bool:
        clock.advance(seconds=2)
        return sku != "car"

    @activity(retry_policy=RetryPolicy(60, 3))
    def charge(sku: str, cents: int) -> str:
        clock.advance(seconds=5)
        if sku == "coffee" and busy:
            raise ConnectionError(busy.pop())
        return f"receipt for {sku}"

    @workflow
    async def fulfil(ctx: WorkflowContext, sku: str, cents: int) -> str:
        if not await check_stock(sku):
            raise LookupError(f"no {sku} in stock")
        if cents > 10_000:
            decision = await ctx.wait_for_external_event("approval")
            if not decision["approved"]:
                return "rejected"
        return await charge(sku, cents)

    @workflow
    async def remind(ctx: WorkflowContext, day: int) -> None:
        await asyncio.sleep(86400)
        ctx.continue_as_new(day + 1)

    with WorkflowRuntime(path, clock=clock, definitions=[fulfil, remind, check_stock, charge]) as runtime:
        shop = {"tea": 1_200, "coffee": 900, "sofa": 80_000, "car": 2_000_000, "piano": 500_000}
        for number, (sku, cents) in enumerate(shop.items(), start=1):
            run = runtime.client.schedule_new_workflow(
                fulfil, input={"sku": sku, "cents": cents}, instance_id=f"order-{number}"
            )
            runtime.skip(0)  # to where it waits: what runs moves the clock
            runtime.skip(minutes=10)
        runtime.client.schedule_new_workflow(remind, input=1, instance_id="reminder")
        runtime.skip(0)
        runtime.skip(hours=3)
        run.raise_event("approval", {"approved": False, "by": "Ada"})
        run.result(10)
        runtime.skip(hours=22)


def columns(history: StoredHistory) -> str:
    """Every table and view with its columns, as Markdown."""
    parts: list[str] = []
    for table in _ORDER:
        about = f"FROM duckdb_tables() WHERE table_name = '{table}'"
        with asked(
            history,
            f"SELECT comment {about} UNION ALL BY NAME SELECT comment FROM duckdb_views() WHERE view_name = '{table}'",
            command="ask",
        ) as answer:
            ((meaning,),) = answer.rows()
        with asked(
            history,
            f"SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = '{table}' ORDER BY column_index",
            command="ask",
        ) as answer:
            lines = [f"| `{name}` | {kind} | {comment} |" for name, kind, comment in answer.rows()]
        parts.append(
            "\n".join([f"### {table}", "", f"{meaning}.", "", "| column | type | |", "|---|---|---|", *lines])
        )
    return "\n" + "\n\n".join(parts) + "\n\n"


def written(text: str, history: StoredHistory) -> str:
    """The page as it should be."""

    def answered(match: re.Match[str]) -> str:
        with asked(history, match["sql"], command="ask") as answer:
            shown = text_table(answer.heading, answer.rows())
        return f"{match['sql']}{match['between']}{shown}"

    return COLUMNS.sub(lambda _: columns(history), QUESTION.sub(answered, text))


def questions(text: str) -> Iterator[re.Match[str]]:
    """The questions of the page, with what it says is the answer."""
    return QUESTION.finditer(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "orders.duckdb"
        orders(store)
        with StoredHistory(store) as history:
            PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), history), encoding="utf-8")
