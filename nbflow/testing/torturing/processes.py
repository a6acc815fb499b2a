"""The child processes of a torture: begun ahead of time, each with a hash seed of its own, and ended with it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from nbflow.testing.complaints import WorkflowTestError
from nbflow.testing.torturing.orders import DEATH, NEWS, News, Order

_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""

_START: Final = "from nbflow.testing.torturing.child import main; main()"
_SHOWN_LINES: Final = 15


class Child:
    """One process, which waits for its order.

    Args:
        hash_seed: Its ``PYTHONHASHSEED``.
        folder: Where what it complains about is kept.
    """

    def __init__(self, hash_seed: int, folder: Path) -> None:
        self.hash_seed = hash_seed
        self._complaints: IO[bytes] = (folder / f"stderr-{id(self)}").open("w+b")
        self._news: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        path = [os.path.abspath(entry) for entry in sys.path]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={
                **os.environ,
                "PYTHONHASHSEED": str(hash_seed),
                "PYTHONPATH": os.pathsep.join(dict.fromkeys(path)),
            },
            start_new_session=True,  # an interrupt is for the one who asked, who ends this
        )
        threading.Thread(target=self._read, daemon=True).start()

    def do(self, order: Order) -> Iterator[News]:
        """Give the order, and its news as they come; they end when the process does."""
        assert self._process.stdin is not None, "it is a pipe"
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.failed() from None
        while True:
            try:
                news = self._news.get(timeout=_STEP)
            except queue.Empty:
                continue
            if news is None:
                return
            yield news

    @property
    def has_died(self) -> bool:
        """Whether it has ended as it does behind a commit; waits until it has ended."""
        return abs(self._process.wait()) == DEATH

    def failed(self) -> WorkflowTestError:
        """What to say of a process that ended without having done what it was told."""
        self._process.wait()
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").splitlines()[-_SHOWN_LINES:]
        return WorkflowTestError(
            "\n".join([f"a child process ended with code {self._process.returncode}", *said])
        )

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._complaints):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        with self._process.stdout as lines:
            for line in lines:
                self._news.put(NEWS.decode(line))
        self._news.put(None)


class Children:
    """Processes one after the other; the next is begun while one is at work.

    Args:
        folder: A folder for what they leave behind.
        hash_seeds: The seed of each, in order.
    """

    def __init__(self, folder: Path, hash_seeds: Iterator[int]) -> None:
        self._folder = folder
        self._hash_seeds = hash_seeds
        self._alive: list[Child] = []
        self._spare: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._alive:
            child.end()

    def one(self, hash_seed: int | None = None, *, more: bool = False) -> Child:
        """A process that waits for its order.

        Args:
            hash_seed: Its seed; the next one if None.
            more: Whether another will be wanted soon.
        """
        child = self._begun(hash_seed) if hash_seed is not None else self._spare
        if hash_seed is None:
            self._spare = None
        child = child or self._begun(next(self._hash_seeds))
        if more and self._spare is None:
            self._spare = self._begun(next(self._hash_seeds))
        return child

    def over(self, child: Child) -> None:
        """Let go of one."""
        self._alive.remove(child)
        child.end()

    def _begun(self, hash_seed: int) -> Child:
        child = Child(hash_seed, self._folder)
        self._alive.append(child)
        return child
