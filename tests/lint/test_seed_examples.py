"""What Dapr's documentation says not to do in a workflow, in Python.

Dapr Workflow, Features and concepts, "Workflow determinism and code restraints".
"""

import pytest

from nbflow.lint import check, check_source
from tests.lint.conftest import MakeModule

IMPORTS = """\
import asyncio, os, random, string, threading, urllib.request, uuid
from datetime import UTC, datetime, timedelta
import httpx, requests
from nbflow import WorkflowContext, activity, workflow

@activity
def do_something(): ...
@activity
def get_random_string() -> str: ...
@activity
def make_http_call(url: str) -> str: ...

def random_string() -> str:
    return "".join(random.choices(string.ascii_letters, k=8))

"""

DON_T: dict[str, tuple[str, list[str]]] = {
    "deterministic APIs": (
        """
@workflow
async def example(ctx: WorkflowContext):
    current_time = datetime.now(UTC)
    current_time = datetime.utcnow()
    new_identifier = uuid.uuid4()
    text = random_string()
    return f"{current_time} {new_identifier} {text}"
""",
        ["NBF001", "NBF001", "NBF002", "NBF003"],
    ),
    "external state": (
        """
@workflow
async def example(ctx: WorkflowContext):
    configuration = os.environ["MY_CONFIGURATION"]
    other = os.getenv("MY_CONFIGURATION")
    data = urllib.request.urlopen("https://example.com/api/data").read()
    data = requests.get("https://postman-echo.com/get").text
    async with httpx.AsyncClient() as client:
        data = (await client.get("https://postman-echo.com/get")).text
    return f"{configuration} {other} {data}"
""",
        ["NBF004", "NBF004", "NBF006", "NBF006", "NBF006"],
    ),
    "the dispatch thread": (
        """
@workflow
async def example(ctx: WorkflowContext):
    threading.Thread(target=lambda: do_something()).start()
    asyncio.get_running_loop().run_in_executor(None, do_something)
    await asyncio.to_thread(do_something)
    await ctx.create_timer(timedelta(seconds=5))
""",
        ["NBF008", "NBF008", "NBF008"],
    ),
    "the dispatch thread, as a generator": (
        """
@workflow
def example(ctx: WorkflowContext, input):
    threading.Thread(target=do_something).start()
    yield ctx.create_timer(timedelta(seconds=5))
""",
        ["NBF008"],
    ),
}

DO = """
@workflow
async def example(ctx: WorkflowContext, configuration: str):
    current_time = ctx.current_utc_datetime
    new_identifier = ctx.new_guid()
    text = await get_random_string()
    data = await make_http_call("https://example.com/api/data")
    task = do_something()
    await ctx.create_timer(timedelta(seconds=5))
    await task
    return f"{configuration} {current_time} {new_identifier} {text} {data}"


@workflow
def generator(ctx: WorkflowContext, configuration: str):
    current_time = ctx.current_utc_datetime
    text = yield ctx.call_activity(get_random_string)
    data = yield ctx.call_activity(make_http_call, input="https://example.com/api/data")
    yield ctx.call_activity(do_something)
    yield ctx.create_timer(timedelta(seconds=5))
    return f"{configuration} {current_time} {text} {data}"
"""


@pytest.mark.semantics(46, 47, 48)
@pytest.mark.parametrize("case", DON_T)
def test_what_the_seed_forbids_is_found(make_module: MakeModule, case: str) -> None:
    code, rules = DON_T[case]
    source = IMPORTS + code
    assert sorted(found.code for found in check_source(source)) == rules
    assert sorted(found.code for found in check(make_module(source).example)) == rules


@pytest.mark.semantics(46, 47, 48)
def test_what_the_seed_recommends_is_fine(make_module: MakeModule) -> None:
    source = IMPORTS + DO
    assert check_source(source) == []
    module = make_module(source)
    assert check(module.example) == check(module.generator) == []
