"""What anyio offers and a replay can't repeat; the line that is refused is marked."""

from __future__ import annotations

import signal
import socket
import tempfile

import anyio
import anyio.from_thread
import anyio.to_process
import anyio.to_thread

from tests.core.asyncio_refused import IN_AN_ACTIVITY
from tests.core.constructs import refused

THREAD = f"a thread (anyio.to_thread) {IN_AN_ACTIVITY}"


@refused("anyio.to_thread.run_sync", THREAD)
async def to_thread() -> None:
    await anyio.to_thread.run_sync(print, "never")  # here


@refused("anyio.to_process.run_sync", f"a subprocess (loop.subprocess_exec) {IN_AN_ACTIVITY}")
async def to_process() -> None:
    await anyio.to_process.run_sync(print, "never")  # here


@refused(
    "anyio.from_thread.run, anyio.from_thread.run_sync",
    "Not running inside an AnyIO worker thread",
    error="NoEventLoopError",
)
async def from_thread() -> None:
    anyio.from_thread.run(anyio.sleep, 1)  # here


@refused("anyio.run", "Already running asyncio in this thread", error="RuntimeError")
async def run() -> None:
    anyio.run(anyio.sleep, 1)  # here


@refused("anyio.Path", THREAD)
async def path() -> None:
    await anyio.Path(tempfile.gettempdir()).exists()  # here


@refused("anyio.open_file", THREAD)
async def open_file() -> None:
    await anyio.open_file(__file__)  # here


@refused("anyio.TemporaryFile", THREAD)
async def temporary_file() -> None:
    async with anyio.TemporaryFile():  # here
        pass


@refused("anyio.NamedTemporaryFile", THREAD)
async def named_temporary_file() -> None:
    async with anyio.NamedTemporaryFile():  # here
        pass


@refused("anyio.SpooledTemporaryFile", THREAD)
async def spooled_temporary_file() -> None:
    async with anyio.SpooledTemporaryFile() as file:  # here
        await file.rollover()


@refused("anyio.TemporaryDirectory", THREAD)
async def temporary_directory() -> None:
    async with anyio.TemporaryDirectory():  # here
        pass


@refused("anyio.mkstemp, anyio.mkdtemp, anyio.gettempdir, anyio.gettempdirb", THREAD)
async def mkstemp() -> None:
    await anyio.mkstemp()  # here


@refused("anyio.wrap_file", THREAD)
async def wrap_file() -> None:
    with open(__file__) as file:
        await anyio.wrap_file(file).read()  # here


@refused("anyio.open_process", f"a subprocess (loop.subprocess_shell) {IN_AN_ACTIVITY}")
async def open_process() -> None:
    await anyio.open_process("true")  # here


@refused("anyio.run_process", f"a subprocess (loop.subprocess_exec) {IN_AN_ACTIVITY}")
async def run_process() -> None:
    await anyio.run_process(["true"])  # here


@refused("anyio.connect_tcp", f"a connection (loop.getaddrinfo) {IN_AN_ACTIVITY}")
async def connect_tcp() -> None:
    await anyio.connect_tcp("localhost", 80)  # here


@refused("anyio.getaddrinfo", f"a connection (loop.getaddrinfo) {IN_AN_ACTIVITY}")
async def getaddrinfo() -> None:
    await anyio.getaddrinfo("localhost", 80)  # here


@refused("anyio.getnameinfo", f"a connection (loop.getnameinfo) {IN_AN_ACTIVITY}")
async def getnameinfo() -> None:
    await anyio.getnameinfo(("127.0.0.1", 80))  # here


@refused("anyio.create_unix_listener", THREAD)
async def create_unix_listener() -> None:
    await anyio.create_unix_listener("/nowhere/socket")  # here


@refused("anyio.create_connected_udp_socket", f"a connection (loop.getaddrinfo) {IN_AN_ACTIVITY}")
async def create_connected_udp_socket() -> None:
    await anyio.create_connected_udp_socket("localhost", 9)  # here


@refused("anyio.create_tcp_listener", f"a connection (loop.getaddrinfo) {IN_AN_ACTIVITY}")
async def create_tcp_listener() -> None:
    await anyio.create_tcp_listener(local_host="localhost")  # here


@refused("anyio.create_udp_socket", f"a connection (loop.create_datagram_endpoint) {IN_AN_ACTIVITY}")
async def create_udp_socket() -> None:
    await anyio.create_udp_socket(family=socket.AF_INET)  # here


@refused(
    "anyio.wait_readable, anyio.wait_writable",
    f"watching a file or socket (loop.add_reader) {IN_AN_ACTIVITY}",
)
async def wait_readable() -> None:
    one, other = socket.socketpair()
    with one, other:
        await anyio.wait_readable(one)  # here


@refused("anyio.open_signal_receiver", f"a signal handler (loop.add_signal_handler) {IN_AN_ACTIVITY}")
async def open_signal_receiver() -> None:
    with anyio.open_signal_receiver(signal.SIGTERM):  # here
        pass
