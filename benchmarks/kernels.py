"""A real ipykernel on a folder of its own, and how long its answers take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from benchmarks.peers import ROOT

PATIENCE = 60

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Kernel:
    """A kernel that is up.

    Attributes:
        client: The way to it.
        pid: Its process.
    """

    client: BlockingKernelClient
    pid: int

    def run(self, code: str) -> tuple[float, list[Message]]:
        """Run a cell; gives the seconds until it is idle, and what came meanwhile."""
        began = time.perf_counter()
        message_id = self.client.execute(code)
        came = self._until(
            lambda message: is_idle(message) and message["parent_header"]["msg_id"] == message_id
        )
        took = time.perf_counter() - began
        for message in came:
            assert message["msg_type"] != "error", message["content"]
        return took, came

    def tell(
        self, comm_id: str, content: Message, wanted: Callable[[Message], bool]
    ) -> tuple[float, Message]:
        """Send a widget a message; gives the seconds until the answer that is wanted, and the answer."""
        began = time.perf_counter()
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(
            self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        )

        def is_it(message: Message) -> bool:
            return message["msg_type"] == "comm_msg" and wanted(message["content"]["data"].get("content", {}))

        found = self._until(is_it)[-1]
        return time.perf_counter() - began, found["content"]["data"]["content"]

    def resident_mb(self) -> float:
        """What the kernel's process holds in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _until(self, is_last: Callable[[Message], bool]) -> list[Message]:
        came: list[Message] = []
        while not came or not is_last(came[-1]):
            came.append(self.client.get_iopub_msg(timeout=PATIENCE))
        return came


def is_idle(message: Message) -> bool:
    """Whether a message says that something is done."""
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


@contextmanager
def kernel(folder: Path) -> Generator[Kernel]:
    """A kernel of this environment, whose nbflow has its store and its key in a folder."""
    places = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "NBFLOW_DB": "history.duckdb",
        "NBFLOW_KEY_FILE": "key",
    }
    folder = folder.resolve()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        **{name: str(folder / place) for name, place in places.items()},
    }
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env={**env, "JUPYTER_PREFER_ENV_PATH": "1"})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        provisioner: Any = manager.provisioner
        yield Kernel(client, provisioner.pid)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
