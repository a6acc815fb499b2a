"""What asyncio offers and a replay can't repeat; the line that is refused is marked."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import socket
from collections.abc import Generator
from typing import Any

from tests.core.constructs import refused
from tests.core.shapes import fetch

IN_AN_ACTIVITY = "can't be replayed, so workflow code can't use it: put it in an activity"


# -- threads --------------------------------------------------------------------------------------------


@refused("asyncio.to_thread", f"a thread (loop.run_in_executor) {IN_AN_ACTIVITY}")
async def to_thread() -> None:
    await asyncio.to_thread(print, "never")  # here


@refused("loop.run_in_executor", f"a thread (loop.run_in_executor) {IN_AN_ACTIVITY}")
async def run_in_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, print, "never")  # here


@refused("asyncio.run_coroutine_threadsafe", f"a thread (loop.call_soon_threadsafe) {IN_AN_ACTIVITY}")
async def run_coroutine_threadsafe() -> None:
    coro = asyncio.sleep(0)
    try:
        asyncio.run_coroutine_threadsafe(coro, asyncio.get_running_loop())  # here
    finally:
        coro.close()


@refused("loop.call_soon_threadsafe", f"a thread (loop.call_soon_threadsafe) {IN_AN_ACTIVITY}")
async def call_soon_threadsafe() -> None:
    asyncio.get_running_loop().call_soon_threadsafe(print, "never")  # here


@refused("asyncio.wrap_future", f"the future of a thread (asyncio.wrap_future) {IN_AN_ACTIVITY}")
async def wrap_future() -> None:
    ended: concurrent.futures.Future[int] = concurrent.futures.Future()
    ended.set_result(1)
    await asyncio.wrap_future(ended)  # here


@refused(
    "a concurrent.futures.Future", "object Future can't be used in 'await' expression", error="TypeError"
)
async def concurrent_future() -> None:
    await concurrent.futures.Future()  # type: ignore[misc]  # here


# -- the world outside ------------------------------------------------------------------------------------


@refused("asyncio.open_connection", f"a connection (loop.create_connection) {IN_AN_ACTIVITY}")
async def open_connection() -> None:
    await asyncio.open_connection("localhost", 80)  # here


@refused("asyncio.start_server", f"a connection (loop.create_server) {IN_AN_ACTIVITY}")
async def start_server() -> None:
    await asyncio.start_server(lambda _r, _w: None, "localhost", 0)  # here


@refused("asyncio.start_unix_server", f"a connection (loop.create_unix_server) {IN_AN_ACTIVITY}")
async def start_unix_server() -> None:
    await asyncio.start_unix_server(lambda _r, _w: None, "/nowhere/socket")  # here


@refused("asyncio.open_unix_connection", f"a connection (loop.create_unix_connection) {IN_AN_ACTIVITY}")
async def open_unix_connection() -> None:
    await asyncio.open_unix_connection("/nowhere")  # here


@refused("loop.create_datagram_endpoint", f"a connection (loop.create_datagram_endpoint) {IN_AN_ACTIVITY}")
async def create_datagram_endpoint() -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("localhost", 9))  # here


@refused("loop.getaddrinfo", f"a connection (loop.getaddrinfo) {IN_AN_ACTIVITY}")
async def getaddrinfo() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)  # here


@refused("loop.sock_connect, loop.sock_recv, …", f"a connection (loop.sock_recv) {IN_AN_ACTIVITY}")
async def sock_recv() -> None:
    one, other = socket.socketpair()
    with one, other:
        await asyncio.get_running_loop().sock_recv(one, 1)  # here


@refused("asyncio.create_subprocess_exec", f"a subprocess (loop.subprocess_exec) {IN_AN_ACTIVITY}")
async def create_subprocess_exec() -> None:
    await asyncio.create_subprocess_exec("true")  # here


@refused("asyncio.create_subprocess_shell", f"a subprocess (loop.subprocess_shell) {IN_AN_ACTIVITY}")
async def create_subprocess_shell() -> None:
    await asyncio.create_subprocess_shell("true")  # here


@refused("loop.connect_read_pipe", f"a subprocess (loop.connect_read_pipe) {IN_AN_ACTIVITY}")
async def connect_read_pipe() -> None:
    await asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, None)  # here


@refused("loop.add_reader, loop.add_writer", f"watching a file or socket (loop.add_reader) {IN_AN_ACTIVITY}")
async def add_reader() -> None:
    asyncio.get_running_loop().add_reader(0, print)  # here


@refused("loop.add_signal_handler", f"a signal handler (loop.add_signal_handler) {IN_AN_ACTIVITY}")
async def add_signal_handler() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)  # here


# -- other loops, and this one --------------------------------------------------------------------------------


@refused("a future of another loop", f"a future of another event loop (await) {IN_AN_ACTIVITY}")
async def foreign_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()  # here
    finally:
        loop.close()


@refused(
    "asyncio.wait(a future of another loop)",
    f"a future of another event loop (asyncio.wait) {IN_AN_ACTIVITY}",
)
async def wait_for_foreign_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        await asyncio.wait([loop.create_future()])  # here
    finally:
        loop.close()


@refused(
    "an awaitable of another library",
    f"what is awaitable by another library than asyncio (await) {IN_AN_ACTIVITY}",
)
async def foreign_awaitable() -> None:
    class Foreign:
        def __await__(self) -> Generator[Any, Any, None]:
            yield "a request to another scheduler"  # here

    await Foreign()


@refused("asyncio.run", "asyncio.run() cannot be called from a running event loop", error="RuntimeError")
async def run() -> None:
    coro = asyncio.sleep(0)
    try:
        asyncio.run(coro)  # here
    finally:
        coro.close()


@refused("asyncio.Runner", "Runner.run() cannot be called from a running event loop", error="RuntimeError")
async def runner() -> None:
    coro = asyncio.sleep(0)
    try:
        asyncio.Runner().run(coro)  # here
    finally:
        coro.close()


@refused(
    "loop.run_until_complete, loop.run_forever, loop.stop, loop.close",
    f"control of the event loop (loop.run_until_complete) {IN_AN_ACTIVITY}",
)
async def run_until_complete() -> None:
    asyncio.get_running_loop().run_until_complete(fetch("a"))  # here


@refused(
    "loop.set_exception_handler", f"control of the event loop (loop.set_exception_handler) {IN_AN_ACTIVITY}"
)
async def set_exception_handler() -> None:
    asyncio.get_running_loop().set_exception_handler(None)  # here


@refused("loop.set_task_factory", f"control of the event loop (loop.set_task_factory) {IN_AN_ACTIVITY}")
async def set_task_factory() -> None:
    asyncio.get_running_loop().set_task_factory(None)  # here


MADE_WITHOUT = (
    "a future or task that is made without the loop has no place in the order that a replay repeats: use "
    "asyncio.create_task(…) for a task, asyncio.get_running_loop().create_future() for a future"
)


@refused("asyncio.eager_task_factory, asyncio.create_eager_task_factory", MADE_WITHOUT, since=(3, 12))
async def eager_task() -> None:
    coro = asyncio.sleep(0)
    try:
        asyncio.eager_task_factory(asyncio.get_running_loop(), coro)  # type: ignore[attr-defined]  # here
    finally:
        coro.close()


@refused("asyncio.Future()", MADE_WITHOUT)
async def bare_future() -> None:
    await asyncio.Future()  # here


@refused("asyncio.Task()", MADE_WITHOUT)
async def bare_task() -> None:
    coro = asyncio.sleep(0)
    try:
        asyncio.Task(coro)  # here
    finally:
        coro.close()


@refused("asyncio.as_completed(coroutines)", "in an order that can't be replayed: make tasks of them first")
async def as_completed_over_coroutines() -> None:
    coros = [asyncio.sleep(1), asyncio.sleep(2)]
    try:
        for following in asyncio.as_completed(coros):  # here
            await following
    finally:
        for coro in coros:
            coro.close()
