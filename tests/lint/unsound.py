"""What must be found: statements of a workflow, each with the rule that it breaks."""

from __future__ import annotations

PRELUDE = """
import asyncio, collections, concurrent.futures, contextlib, datetime as datetimes, functools, io, itertools, json, multiprocessing, os, pathlib, random
import secrets, shutil, socket, subprocess, sys, tempfile, threading, time, urllib.request, uuid
import os.path as osp, time as t
import anyio, numpy as np, httpx, requests, pandas as pd
try:
    import aiohttp
except ImportError:
    aiohttp = None
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor as Pool
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, datetime as dt, timedelta
from multiprocessing import Process
from os import environ, getenv, getenv as env
from pathlib import Path
from random import choice, random as chance
from threading import Thread
from time import monotonic, sleep as nap, time as clock
from uuid import uuid4, uuid4 as new_id
from nbflow import RetryPolicy, WorkflowContext, activity, when_all, workflow

@activity
def charge(sku="", key=""): ...
@activity
async def fetch(url=""): ...
@workflow
async def child(ctx, sku=""): ...

@dataclass
class Order:
    sku: str
    items: list
    tags: dict
    labels: set[str] = None
    inner: "Order" = None

    def age(self):
        return time.time()

settings = {"limit": 3}
seen = []
counter = 0
COUNTS = {}
client = Order("", [], {})
stamp = clock
this_moment = datetime.now
here = Path("notes.txt")
from shutil import *
pool = requests.Session()
dice = random.Random(1)

@activity
def count():
    global counter
    counter += 1
    COUNTS["x"] = 1

async def visit(name): ...
"""

FOUND: list[tuple[str, str]] = [
    # -- the clock
    ("NBF001", "x = time.time()"),
    ("NBF001", "x = t.time()"),
    ("NBF001", "x = clock()"),
    ("NBF001", "x = stamp()"),
    ("NBF001", "x = this_moment(UTC)"),
    ("NBF001", "x = datetime.now(UTC)"),
    ("NBF001", "x = datetime.now(tz=UTC) + timedelta(1)"),
    ("NBF001", "x = dt.utcnow()"),
    ("NBF001", "x = datetimes.datetime.today()"),
    ("NBF001", "x = date.today()"),
    ("NBF001", "x = datetimes.date.today().isoformat()"),
    ("NBF001", "x = monotonic()"),
    ("NBF001", "x = time.perf_counter_ns()"),
    ("NBF001", "x = time.strftime('%Y')"),
    ("NBF001", "x = time.gmtime()"),
    ("NBF001", "x = datetime.fromtimestamp(0)"),
    ("NBF001", "x = pd.Timestamp.now()"),
    ("NBF001", "now = datetime.now\nx = now()"),
    ("NBF001", "from time import time as when\nx = when()"),
    ("NBF001", "import time as watch\nx = watch.time()"),
    ("NBF001", "x = [time.time() for _ in range(3)]"),
    ("NBF001", "x = sorted(sku, key=lambda _: time.time())"),
    ("NBF001", "f'{time.time():.0f}'"),
    ("NBF001", "if time.time() > 5: await fetch()"),
    ("NBF001", "while (x := time.time()) < 5: await asyncio.sleep(1)"),
    ("NBF001", "def later(at=time.time()): ...\nlater()"),
    ("NBF001", "async def inner():\n    await fetch(time.time())\nawait inner()"),
    ("NBF001", "x = functools.partial(time.time)()"),
    ("NBF001", "x = collections.defaultdict(time.time)"),
    ("NBF001", "x = getattr(time, 'time')()"),
    ("NBF001", "x = __import__('time').time()"),
    # -- chance
    ("NBF002", "x = random.random()"),
    ("NBF002", "x = chance()"),
    ("NBF002", "x = choice('abc')"),
    ("NBF002", "random.shuffle([1, 2])"),
    ("NBF002", "random.seed(1)"),
    ("NBF002", "x = random.Random()"),
    ("NBF002", "x = random.Random(None)"),
    ("NBF002", "x = random.SystemRandom().random()"),
    ("NBF002", "x = secrets.token_hex(8)"),
    ("NBF002", "x = secrets.choice('abc')"),
    ("NBF002", "x = os.urandom(8)"),
    ("NBF002", "x = np.random.rand(3)"),
    ("NBF002", "x = np.random.default_rng()"),
    # -- identifiers
    ("NBF003", "x = uuid.uuid4()"),
    ("NBF003", "x = uuid.uuid1()"),
    ("NBF003", "x = uuid4().hex"),
    ("NBF003", "x = str(new_id())"),
    ("NBF003", "x = list(map(lambda _: uuid4(), 'ab'))"),
    ("NBF003", "x = collections.defaultdict(uuid4)"),
    # -- environment
    ("NBF004", "x = os.environ['HOME']"),
    ("NBF004", "x = os.environ.get('HOME')"),
    ("NBF004", "x = environ['HOME']"),
    ("NBF004", "x = 'HOME' in environ"),
    ("NBF004", "x = os.getenv('HOME')"),
    ("NBF004", "x = getenv('HOME')"),
    ("NBF004", "x = env('HOME')"),
    ("NBF004", "os.environ['X'] = '1'"),
    ("NBF004", "x = dict(os.environ)"),
    ("NBF004", "x = os.getpid()"),
    ("NBF004", "x = os.getcwd()"),
    ("NBF004", "x = sys.argv[1]"),
    # -- files
    ("NBF005", "x = open('notes.txt').read()"),
    ("NBF005", "with open('notes.txt', 'w') as file: file.write('x')"),
    ("NBF005", "x = io.open('x')"),
    ("NBF005", "x = Path('x').read_text()"),
    ("NBF005", "Path('x').write_text('y')"),
    ("NBF005", "x = pathlib.Path('x').exists()"),
    ("NBF005", "x = (Path('x') / 'y').iterdir()"),
    ("NBF005", "path = Path('x')\nx = path.with_suffix('.y').read_bytes()"),
    ("NBF005", "x = here.read_text()"),
    ("NBF005", "x = Path.cwd()"),
    ("NBF005", "x = os.listdir('.')"),
    ("NBF005", "x = os.path.exists('x')"),
    ("NBF005", "x = osp.getsize('x')"),
    ("NBF005", "os.remove('x')"),
    ("NBF005", "shutil.copy('x', 'y')"),
    ("NBF005", "x = tempfile.mkdtemp()"),
    ("NBF005", "x = pd.read_csv('x')"),
    ("NBF005", "x = await anyio.open_file('x')"),
    ("NBF005", "x = np.loadtxt('x')"),
    # -- the network
    ("NBF006", "x = requests.get('https://example.com/api/data').text"),
    ("NBF006", "x = httpx.get('https://example.com/api/data')"),
    ("NBF006", "async with httpx.AsyncClient() as client: await client.get('x')"),
    ("NBF006", "x = urllib.request.urlopen('https://example.com/api/data').read()"),
    ("NBF006", "x = socket.create_connection(('a', 1))"),
    ("NBF006", "x = socket.gethostname()"),
    ("NBF006", "x = await asyncio.open_connection('a', 1)"),
    ("NBF006", "with requests.Session() as session: session.get('x')"),
    # -- processes
    ("NBF007", "subprocess.run(['ls'])"),
    ("NBF007", "x = subprocess.check_output('ls')"),
    ("NBF007", "os.system('ls')"),
    ("NBF007", "x = os.popen('ls')"),
    ("NBF007", "x = await asyncio.create_subprocess_exec('ls')"),
    # -- threads
    ("NBF008", "threading.Thread(target=print).start()"),
    ("NBF008", "Thread(target=lambda: charge(sku)).start()"),
    ("NBF008", "x = threading.Lock()"),
    ("NBF008", "with Pool() as pool: x = list(pool.map(str, 'ab'))"),
    ("NBF008", "x = concurrent.futures.ThreadPoolExecutor().submit(print)"),
    ("NBF008", "Process(target=print).start()"),
    ("NBF008", "x = multiprocessing.Pool(2)"),
    ("NBF008", "x = await asyncio.to_thread(print)"),
    ("NBF008", "x = await asyncio.get_running_loop().run_in_executor(None, print)"),
    ("NBF008", "loop = asyncio.get_event_loop()\nx = await loop.run_in_executor(None, print)"),
    ("NBF008", "x = await anyio.to_thread.run_sync(print)"),
    ("NBF008", "asyncio.run_coroutine_threadsafe(visit('x'), None)"),
    # -- blocking
    ("NBF009", "time.sleep(5)"),
    ("NBF009", "nap(5)"),
    ("NBF009", "t.sleep(5)"),
    ("NBF009", "x = input('Name?')"),
    # -- the order of sets
    ("NBF010", "for x in {'a', 'b'}: await fetch(x)"),
    ("NBF010", "for x in set(sku): await fetch(x)"),
    ("NBF010", "words = set(sku)\nfor x in words: await fetch(x)"),
    ("NBF010", "words = set()\nwords.add(sku)\nfor x in words: await fetch(x)"),
    ("NBF010", "words: set[str] = set()\nfor x in words: await fetch(x)"),
    ("NBF010", "for x in {a.upper() for a in sku}: await fetch(x)"),
    ("NBF010", "for x in frozenset(sku) - {'a'}: await fetch(x)"),
    ("NBF010", "for i, x in enumerate(set(sku)): await fetch(x)"),
    ("NBF010", "x = list(set(sku))"),
    ("NBF010", "x = list({'a'} | set(sku))[0]"),
    ("NBF010", "x = tuple(set(sku))"),
    ("NBF010", "x = ','.join(set(sku))"),
    ("NBF010", "x = [*set(sku)]"),
    ("NBF010", "x = set(sku).pop()"),
    ("NBF010", "x = next(iter(set(sku)))"),
    ("NBF010", "x, *y = set(sku)"),
    ("NBF010", "x = [fetch(a) for a in set(sku)]\nawait when_all(x)"),
    ("NBF010", "x = {a: 1 for a in set(sku)}"),
    ("NBF010", "await asyncio.gather(*(fetch(a) for a in set(sku)))"),
    ("NBF010", "await asyncio.gather(*map(fetch, set(sku)))"),
    ("NBF010", "x = await fetch(f'{set(sku)}')"),
    ("NBF010", "x = await fetch(str(set(sku)))"),
    ("NBF010", "x = []\nx.extend(set(sku))"),
    ("NBF010", "for x in {'a': 1}.keys() & {'a'}: await fetch(x)"),
    ("NBF010", "for x in order.labels: await fetch(x)"),
    ("NBF010", "for x in order.tags.keys() - order.items: await fetch(x)"),
    # -- addresses
    ("NBF011", "x = id(order)"),
    ("NBF011", "x = hash(sku) % 10"),
    ("NBF011", "x = sorted(order.items, key=id)"),
    # -- globals
    ("NBF012", "x = settings['limit']"),
    ("NBF012", "seen.append(sku)"),
    ("NBF012", "settings['limit'] += 1"),
    ("NBF012", "del settings['limit']"),
    ("NBF012", "x = counter"),
    ("NBF012", "x = COUNTS['x']"),
    ("NBF012", "global total\ntotal = 1"),
    ("NBF012", "global counter\ncounter += 1"),
    ("NBF012", "client.sku = 'x'"),
    ("NBF012", "x = client.sku"),
    ("NBF012", "x = dice.random()"),
    ("NBF012", "Order.kind = 'x'"),
    ("NBF012", "x = len(seen)"),
    # -- not awaited
    ("NBF013", "charge(sku)"),
    ("NBF013", "fetch(sku)"),
    ("NBF013", "child(sku)"),
    ("NBF013", "visit(sku)"),
    ("NBF013", "ctx.call_activity(charge, input=sku)"),
    ("NBF013", "ctx.call_child_workflow(child, input=sku)"),
    ("NBF013", "ctx.create_timer(5)"),
    ("NBF013", "asyncio.sleep(5)"),
    ("NBF013", "receipt = charge(sku)"),
    ("NBF013", "task = ctx.call_activity('charge', input=sku)"),
    ("NBF013", "[charge(x) for x in sku]"),
    ("NBF013", "if charge(sku): await fetch()"),
    ("NBF013", "x = not charge(sku)"),
    ("NBF013", "x = charge(sku) == 'x'"),
    ("NBF013", "x = f'{charge(sku)}'"),
    ("NBF013", "return charge(sku)"),
    ("NBF013", "x = charge(sku).id"),
    ("NBF013", "x = charge(sku)[0]"),
    ("NBF013", "x = await fetch(charge(sku))"),
    ("NBF013", "x = len(charge(sku))"),
    ("NBF013", "try:\n    await fetch()\nfinally:\n    charge(sku)"),
    # -- loops
    ("NBF014", "while True: pass"),
    ("NBF014", "while 1: x = sku"),
    ("NBF014", "while True:\n    for x in sku:\n        break"),
    ("NBF014", "while True:\n    async def inner(): await fetch()"),
    ("NBF014", "while ctx.current_utc_datetime < order.due: pass"),
    ("NBF014", "task = asyncio.create_task(visit(sku))\nwhile not task.done(): pass"),
    ("NBF014", "for x in itertools.count(): print(x)"),
    # -- cancellation
    ("NBF015", "try:\n    await fetch()\nexcept: pass"),
    ("NBF015", "try:\n    await fetch()\nexcept BaseException: pass"),
    ("NBF015", "try:\n    await fetch()\nexcept BaseException as e: print(e)"),
    ("NBF015", "try:\n    await fetch()\nexcept asyncio.CancelledError: pass"),
    ("NBF015", "try:\n    await fetch()\nexcept (ValueError, asyncio.CancelledError): pass"),
    ("NBF015", "from asyncio import CancelledError as Gone\ntry:\n    await fetch()\nexcept Gone: x = 1"),
    ("NBF015", "try:\n    await fetch()\nexcept Exception: pass\nexcept BaseException: pass"),
    ("NBF015", "try:\n    await fetch()\nexcept anyio.get_cancelled_exc_class(): pass"),
    ("NBF015", "with suppress(BaseException): await fetch()"),
    ("NBF015", "with contextlib.suppress(asyncio.CancelledError): await fetch()"),
    ("NBF015", "try:\n    await fetch()\nfinally:\n    return 1"),
    ("NBF015", "while sku:\n    try:\n        await fetch()\n    finally:\n        break"),
    # -- the input
    ("NBF016", "order.sku = 'x'"),
    ("NBF016", "order.tags['x'] = 1"),
    ("NBF016", "order.items.append(1)"),
    ("NBF016", "del order.sku"),
    ("NBF016", "order.sku += 'x'"),
    ("NBF016", "names.append('x')"),
    ("NBF016", "names.sort()"),
    ("NBF016", "names[0] = 'x'"),
    ("NBF016", "free.pop('x')"),
    ("NBF016", "async def inner():\n    names.clear()\nawait inner()"),
    # -- bare coroutines
    ("NBF017", "for x in asyncio.as_completed([visit(a) for a in sku]): await x"),
    ("NBF017", "for x in asyncio.as_completed({visit('a'), visit('b')}): await x"),
    ("NBF017", "todo = [visit('a')]\nfor x in asyncio.as_completed(todo): await x"),
    ("NBF017", "await asyncio.wait([visit('a')])"),
    ("NBF017", "for x in asyncio.as_completed(map(visit, sku)): await x"),
    # -- cleanup
    ("NBF018", "try:\n    ctx.continue_as_new(1)\nfinally:\n    await charge(sku)"),
    ("NBF018", "try:\n    ctx.continue_as_new(1)\nfinally:\n    await ctx.call_activity('charge')"),
    # -- loops of their own
    ("NBF019", "x = asyncio.run(visit('a'))"),
    ("NBF019", "x = asyncio.new_event_loop()"),
    ("NBF019", "x = asyncio.Future()"),
    ("NBF019", "asyncio.get_running_loop().run_until_complete(visit('a'))"),
]

FOUND_IN_TEXT: list[tuple[str, str]] = [
    ("NBF006", "async with aiohttp.ClientSession() as session: await session.get('x')"),
    ("NBF006", "import boto3\nx = boto3.client('s3')"),
    ("NBF006", "x = pool.get('x')"),
    ("NBF005", "copyfile('x', 'y')"),
    ("NBF006", "import psycopg\nx = psycopg.connect('x')"),
    ("NBF006", "from openai import AsyncOpenAI\nx = AsyncOpenAI()"),
    ("NBF001", "import pendulum\nx = pendulum.now()"),
    ("NBF005", "import polars as pl\nx = pl.read_parquet('x')"),
]
"""Of packages that needn't be installed."""


def as_source(body: str) -> str:
    """A module with a workflow of these statements."""
    indented = "\n".join(f"    {line}" for line in body.split("\n"))
    head = "@workflow\nasync def under_test(ctx: WorkflowContext, sku: str, order: Order, names: list[str], free):\n"
    return f"{PRELUDE}\n{head}{indented}\n"
