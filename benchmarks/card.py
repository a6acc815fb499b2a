"""W8: a card is opened on a run of many events, and its slider goes a step: ``python -m benchmarks.card``.

``--size`` is the number of events. The other end of the card's wire is this program: what a browser takes to draw comes
on top of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.kernels import Kernel, Message, kernel
from benchmarks.program import tell
from benchmarks.stores import with_events

STEPS = 30


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--options", type=json.loads, default={})
    asked = parser.parse_args()
    with_events(asked.size, asked.folder / "history.duckdb")
    with kernel(asked.folder) as running:
        running.run("%load_ext nbflow")
        before = running.resident_mb()
        shown, came = running.run("%wf show long")
        opened = next(each for each in came if each["msg_type"] == "comm_open" and is_card(each))
        comm_id = opened["content"]["comm_id"]
        hello = {"type": "hello", "view": "v"}
        greeted, snapshot = running.tell(comm_id, hello, lambda content: content.get("type") == "snapshot")
        after = running.resident_mb()
        ask = asking(running, comm_id)
        first, moment = ask(asked.size)
        steps = [ask(asked.size // 2 + step)[0] * 1e3 for step in range(STEPS)]
        steps += [ask(asked.size // 2 + STEPS - step)[0] * 1e3 for step in range(1, STEPS)]
        events = int(moment["seq"])
    details = {
        "cell_ms": shown * 1e3,
        "snapshot_ms": greeted * 1e3,
        "first_moment_ms": first * 1e3,
        "step_ms": statistics.median(steps[1:]),
        "slowest_step_ms": max(steps[1:]),
        "output_kb": sum(size(each["content"]) for each in came) / 1e3,
        "snapshot_kb": size(snapshot) / 1e3,
        "memory_mb": after - before,
        "events": events,
    }
    tell({"figure": (shown + greeted) * 1e3, "unit": "ms", "details": details})


def is_card(message: Message) -> bool:
    """Whether a comm is a card's, and not that of its layout."""
    return "snapshot" in message["content"]["data"].get("state", {})


def asking(running: Kernel, comm_id: str) -> Any:
    """A function that gives the seconds until the moment at a position is here, and the moment."""
    numbers = count(1)

    def ask(seq: int) -> tuple[float, Message]:
        name = f"ask-{next(numbers)}"
        question = {"type": "ask", "id": name, "what": "moment", "seq": seq}

        def is_reply(content: Message) -> bool:
            return content.get("type") == "reply" and content.get("id") == name and "ok" in content

        took, reply = running.tell(comm_id, question, is_reply)
        return took, reply["ok"]

    return ask


def size(content: Any) -> int:
    """Bytes of a message as JSON."""
    return len(json.dumps(content, default=str).encode())


if __name__ == "__main__":
    main()
