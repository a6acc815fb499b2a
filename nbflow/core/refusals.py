"""What a loop can do and a replay can't repeat: threads, sockets, files, subprocesses, signals.

Workflow code that reaches for one of these is told so where it does, and what to
do instead: put it in an activity.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NoReturn

from nbflow.errors import NotReplayableError

_THREAD: Final = "a thread"
_SOCKET: Final = "a connection"
_PROCESS: Final = "a subprocess"
_FILE: Final = "watching a file or socket"
_SIGNAL: Final = "a signal handler"
_LOOP: Final = "control of the event loop"


def refusal(what: str, name: str) -> NotReplayableError:
    """The error for a thing that workflow code can't use."""
    return NotReplayableError(
        f"{what} ({name}) can't be replayed, so workflow code can't use it: put it in an activity"
    )


def refused_await(error: object) -> NotReplayableError | None:
    """The error for what asyncio complains of when code awaits something foreign; None for any other."""
    if not isinstance(error, RuntimeError):
        return None
    complaint = str(error)
    if "attached to a different loop" in complaint:
        return refusal("a future of another event loop", "await")
    if complaint.startswith(("Task got bad yield", "yield was used instead of yield from")):
        return refusal("what is awaitable by another library than asyncio", "await")
    return None


def _refuse(name: str, what: str) -> Any:
    def refused(_self: object, *_args: object, **_kwargs: object) -> NoReturn:
        raise refusal(what, f"loop.{name}")

    return refused


class ReplayableLoop(asyncio.AbstractEventLoop):
    """An event loop that refuses whatever has an effect outside of it, and has nothing that could be set."""

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        pass

    def set_debug(self, enabled: bool) -> None:
        pass

    def is_closed(self) -> bool:
        return False

    async def shutdown_asyncgens(self) -> None:
        pass

    run_in_executor = _refuse("run_in_executor", _THREAD)
    set_default_executor = _refuse("set_default_executor", _THREAD)
    shutdown_default_executor = _refuse("shutdown_default_executor", _THREAD)
    call_soon_threadsafe = _refuse("call_soon_threadsafe", _THREAD)
    run_until_complete = _refuse("run_until_complete", _LOOP)
    run_forever = _refuse("run_forever", _LOOP)
    stop = _refuse("stop", _LOOP)
    close = _refuse("close", _LOOP)
    set_task_factory = _refuse("set_task_factory", _LOOP)
    set_exception_handler = _refuse("set_exception_handler", _LOOP)
    getaddrinfo = _refuse("getaddrinfo", _SOCKET)
    getnameinfo = _refuse("getnameinfo", _SOCKET)
    create_connection = _refuse("create_connection", _SOCKET)
    create_server = _refuse("create_server", _SOCKET)
    create_datagram_endpoint = _refuse("create_datagram_endpoint", _SOCKET)
    create_unix_connection = _refuse("create_unix_connection", _SOCKET)
    create_unix_server = _refuse("create_unix_server", _SOCKET)
    connect_accepted_socket = _refuse("connect_accepted_socket", _SOCKET)
    sendfile = _refuse("sendfile", _SOCKET)
    start_tls = _refuse("start_tls", _SOCKET)
    sock_recv = _refuse("sock_recv", _SOCKET)
    sock_recv_into = _refuse("sock_recv_into", _SOCKET)
    sock_recvfrom = _refuse("sock_recvfrom", _SOCKET)
    sock_recvfrom_into = _refuse("sock_recvfrom_into", _SOCKET)
    sock_sendall = _refuse("sock_sendall", _SOCKET)
    sock_sendto = _refuse("sock_sendto", _SOCKET)
    sock_connect = _refuse("sock_connect", _SOCKET)
    sock_accept = _refuse("sock_accept", _SOCKET)
    sock_sendfile = _refuse("sock_sendfile", _SOCKET)
    connect_read_pipe = _refuse("connect_read_pipe", _PROCESS)
    connect_write_pipe = _refuse("connect_write_pipe", _PROCESS)
    subprocess_shell = _refuse("subprocess_shell", _PROCESS)
    subprocess_exec = _refuse("subprocess_exec", _PROCESS)
    add_reader = _refuse("add_reader", _FILE)
    add_writer = _refuse("add_writer", _FILE)
    remove_reader = _refuse("remove_reader", _FILE)
    remove_writer = _refuse("remove_writer", _FILE)
    add_signal_handler = _refuse("add_signal_handler", _SIGNAL)
    remove_signal_handler = _refuse("remove_signal_handler", _SIGNAL)
