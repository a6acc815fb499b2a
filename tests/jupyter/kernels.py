"""A real ipykernel for tests: run cells, read their outputs, interrupt it, kill it by its process ID."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

START_SECONDS = 60


@dataclass
class Cell:
    """What became of a cell."""

    status: str = "running"
    stdout: str = ""
    stderr: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    displays: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything that can be read, in one text."""
        shown = [bundle.get("text/plain", "") for bundle in [*self.displays, *self.results]]
        return "\n".join([self.stdout, *shown, *self.traceback])

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [bundle for bundle in self.displays if "application/vnd.jupyter.widget-view+json" in bundle]


class Kernel:
    """A kernel in a process of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.updates: list[dict[str, Any]] = []  # of every cell's output, whenever it came
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=START_SECONDS)

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid

    def start(self, code: str) -> str:
        """Send a cell without waiting for it."""
        return self.client.execute(code)

    def run(self, code: str, timeout: float = 30) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.start(code), timeout)

    def finish(self, message_id: str, timeout: float = 30) -> Cell:
        """Wait for a cell that was sent."""
        cell = Cell()
        for message in self.messages(message_id, timeout):
            take(cell, message)
        reply = self.client.get_shell_msg(timeout=timeout)
        while reply["parent_header"].get("msg_id") != message_id:
            reply = self.client.get_shell_msg(timeout=timeout)
        cell.status = reply["content"]["status"]
        return cell

    def messages(self, message_id: str, timeout: float) -> Iterator[dict[str, Any]]:
        """What a cell puts out, until it is idle."""
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(end - time.monotonic(), 0.01))
            except Empty:
                raise TimeoutError(f"the cell has not ended after {timeout} s") from None
            if message["msg_type"] == "update_display_data":
                self.updates.append(message["content"]["data"])
            if message["parent_header"].get("msg_id") != message_id:
                continue
            yield message
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return

    def complete(self, code: str) -> list[str]:
        """What the text may be completed to, whole."""
        reply = self.client.complete(code, reply=True, timeout=10)["content"]
        return [code[: reply["cursor_start"]] + match for match in reply["matches"]]

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """SIGKILL: nothing in the kernel can do anything about it."""
        os.kill(self.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def take(cell: Cell, message: dict[str, Any]) -> None:
    """Note one message of a cell."""
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
        case "error":
            cell.ename, cell.evalue, cell.traceback = (
                content["ename"],
                content["evalue"],
                content["traceback"],
            )
        case "execute_result":
            cell.results.append(content["data"])
        case "display_data":
            cell.displays.append(content["data"])
        case _:
            pass
