"""A child process of a torture: takes one order, tells its news, and ends; or ends before, as it is told."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from nbflow.errors import NbflowError
from nbflow.testing.torturing.modules import KnownFiles
from nbflow.testing.torturing.orders import ORDERS, Broke, News, ReplayOrder, RunOrder
from nbflow.testing.torturing.replaying import replay_all
from nbflow.testing.torturing.running import run

ORPHANED: Final = 3
"""How a process ends whose parent is gone."""


def main() -> None:
    """Do what the line on stdin orders."""
    wire = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the code prints is in its history, and nowhere else
    lock = threading.Lock()

    def tell(news: News) -> None:
        with lock:
            wire.write(msgspec.json.encode(news) + b"\n")

    line = sys.stdin.buffer.readline()
    if not line:
        return
    order = ORDERS.decode(line)
    sys.meta_path.append(KnownFiles(order.modules))
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    tell(_outcome(order, tell))
    os._exit(0)  # whatever the author's code has left behind doesn't keep it


def _outcome(order: RunOrder | ReplayOrder, tell: Callable[[News], None]) -> News:
    try:
        return run(order, tell) if isinstance(order, RunOrder) else replay_all(order)
    except NbflowError as error:
        return Broke(error=str(error))
    except Exception:
        traceback.print_exc()
        return Broke(error="")


def _end_with_parent(stdin: BinaryIO) -> None:
    stdin.read()
    os._exit(ORPHANED)
