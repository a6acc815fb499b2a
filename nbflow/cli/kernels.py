"""A real kernel in a process of its own, and the client that talks to it.

The process is started here and not by a kernel manager: the demo promises a kernel of
this very Python, whatever kernels a user has set up, and shows its death by the exit
status of the process itself.
"""

from __future__ import annotations

import ast
import os
import queue
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias, cast

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from nbflow.cli.complaints import CommandError, Deadline
from nbflow.cli.outputs import Output, Outputs, error_of

Message: TypeAlias = dict[str, Any]

_GRACE: Final = 5.0
"""Seconds that a kernel has to end after it was told to."""

_PATIENCE: Final = 0.3
"""Seconds after which a new kernel is asked again."""

_QUIET: Final = 0.6
"""Seconds without a message after which a kernel has said everything: twice as long as a card takes its time."""


class _Client(Protocol):
    """What is used of jupyter_client's client, whose methods are made of others and have no types."""

    def load_connection_file(self) -> None: ...

    def start_channels(self, *, stdin: bool, hb: bool) -> None: ...

    def stop_channels(self) -> None: ...

    def kernel_info(self) -> str: ...

    def execute(
        self, code: str, *, silent: bool = ..., allow_stdin: bool, user_expressions: dict[str, str] = ...
    ) -> str: ...

    def shutdown(self) -> str: ...

    def get_shell_msg(self, *, timeout: float) -> Message: ...

    def get_iopub_msg(self, *, timeout: float) -> Message: ...


class Kernel:
    """A kernel and its client; as a context manager it leaves no process behind.

    Args:
        name: Names its files in ``home``.
        folder: Its working directory.
        home: For its connection file and its log.
        environment: All its environment variables.
        deadline: When to give up.
    """

    def __init__(
        self, name: str, *, folder: Path, home: Path, environment: Mapping[str, str], deadline: Deadline
    ) -> None:
        self._log = home / f"{name}.log"
        self._deadline = deadline
        self._outputs = Outputs()
        connection, _ = write_connection_file(str(home / f"{name}.json"), key=secrets.token_hex().encode())
        command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", connection]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, "JPY_PARENT_PID": str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the demo, which ends the kernel itself
            )
        self.pid = self._process.pid
        self._client = cast("_Client", BlockingKernelClient(connection_file=connection))
        self._client.load_connection_file()

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self._end()
            raise

    def __exit__(self, *_exc: object) -> None:
        self._end()

    def _start(self) -> Self:
        """Wait until the kernel answers, and is heard.

        Raises:
            CommandError: It ended, or didn't answer in time.
        """
        self._client.start_channels(stdin=False, hb=False)
        doing = "the kernel was starting"
        while self._finish(self._client.kernel_info(), doing, patience=_PATIENCE) is None:
            pass  # what it says before it knows of its listener is lost: ask again
        told = self.ask("__import__('os').getpid()")
        if told != self.pid:
            raise CommandError(f"process {self.pid} was started, but the kernel says that it is {told}")
        return self

    def _end(self) -> None:
        self._client.stop_channels()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    # -- cells ------------------------------------------------------------------------------------

    def run(self, source: str, name: str) -> tuple[list[Output], int]:
        """Run a cell.

        Args:
            source: Its text.
            name: What it is called in messages.

        Returns:
            Its outputs, a list to which late ones are added, and its number.

        Raises:
            CommandError: The cell failed, the kernel died, or the time is up.
        """
        request = self._client.execute(source, allow_stdin=False)
        outputs = self._outputs.expect(request)
        reply = self._answer(request, f"{name} ran")
        if error := error_of(outputs):
            raise CommandError(f"{name} failed: {error}")
        if reply["status"] != "ok":
            raise CommandError(f"{name} failed: {reply.get('evalue', reply['status'])}")
        return outputs, int(reply["execution_count"])

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the kernel: numbers, strings, and tuples of these.

        Raises:
            CommandError: It has none.
        """
        wanted = {"answer": expression}
        request = self._client.execute("", silent=True, allow_stdin=False, user_expressions=wanted)
        answer = self._answer(request, "the kernel was asked how things are")["user_expressions"]["answer"]
        if answer["status"] != "ok":
            raise CommandError(
                f"kernel {self.pid} can't say {expression}: {answer['ename']}: {answer['evalue']}"
            )
        return ast.literal_eval(answer["data"]["text/plain"])

    def settle(self) -> None:
        """Take in what is shown late, until nothing came for a while."""
        while (message := self._message(self._client.get_iopub_msg, _QUIET)) is not None:
            self._outputs.take(message)
            self._deadline.step("the kernel went on talking")

    # -- its end ----------------------------------------------------------------------------------

    def kill(self) -> None:
        """Kill the process with SIGKILL, and make sure that this is what it died of.

        Raises:
            CommandError: It lives, or it died of something else.
        """
        os.kill(self.pid, signal.SIGKILL)
        try:
            status = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            raise CommandError(f"kernel {self.pid} is alive after SIGKILL") from None
        if status != -signal.SIGKILL:
            raise CommandError(
                f"kernel {self.pid} was to die of SIGKILL, but ended by itself {self._how(status)}"
            )

    def shut_down(self) -> None:
        """Let the process end in order; raises CommandError if it doesn't."""
        self._client.shutdown()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            raise CommandError(f"kernel {self.pid} does not end when it is told to") from None

    # -- messages ---------------------------------------------------------------------------------

    def _answer(self, request: str, doing: str) -> Message:
        reply = self._finish(request, doing)
        assert reply is not None
        return reply

    def _finish(self, request: str, doing: str, patience: float | None = None) -> Message | None:
        """Wait until a request is answered, and all that it shows has come.

        Args:
            request: Its ID.
            doing: What goes on meanwhile, for messages: ``the kernel was starting``.
            patience: Seconds after the answer in which the rest must come; None: as long as it takes.

        Returns:
            The answer; None if the rest didn't come.
        """
        reply: Message | None = None
        answered = 0.0
        while True:
            shown = self._message(self._client.get_iopub_msg, self._deadline.step(doing))
            if shown is not None:
                self._outputs.take(shown)
                if _belongs(shown, request) and shown["content"].get("execution_state") == "idle":
                    break
            if reply is None and (reply := self._reply_to(request, 0)) is not None:
                answered = time.monotonic()
            if shown is None and (status := self._process.poll()) is not None:
                raise CommandError(f"kernel {self.pid} ended {self._how(status)} while {doing}")
            if reply is not None and patience is not None and time.monotonic() - answered > patience:
                return None
        while reply is None:
            reply = self._reply_to(request, self._deadline.step(doing))
        return reply

    def _reply_to(self, request: str, timeout: float) -> Message | None:
        message = self._message(self._client.get_shell_msg, timeout)
        return message["content"] if message is not None and _belongs(message, request) else None

    @staticmethod
    def _message(get: Callable[..., Message], timeout: float) -> Message | None:
        try:
            return get(timeout=timeout)
        except queue.Empty:
            return None

    def _how(self, status: int) -> str:
        """Its exit status, and the last thing that it said; that it talks to this machine only is no news."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        lines = [
            line.strip()
            for line in text.splitlines()
            if line.strip() and "TCP without encryption" not in line
        ]
        return f"(status {status}{': ' + lines[-1] if lines else ''})"


def _belongs(message: Message, request: str) -> bool:
    return message["parent_header"].get("msg_id") == request
