"""Waits for an event; the next process raises it."""

import sys

from proof import STORE, note, start_or_go_on

from nbflow import WorkflowContext, activity, workflow
from nbflow.runtime import WorkflowRuntime


@activity
def check(sku: str) -> bool:
    note("ran", "check")
    return sku == "tea"


@workflow
async def order(ctx: WorkflowContext) -> list:
    in_stock = await check("tea")
    early = await ctx.wait_for_external_event("early")
    decision = await ctx.wait_for_external_event("approval", data_type=bool, timeout=86400)
    return [in_stock, early, decision]


with WorkflowRuntime(STORE) as runtime:
    run = start_or_go_on(runtime, "order")
    for event in sys.argv[3:]:
        run.raise_event(event, True)
        note("acknowledged", event)
    print(run.result(60))
