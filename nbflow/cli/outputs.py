"""What cells show, in the notebook format's words, as the kernel's messages tell it.

Not every output comes while its cell runs: a card is written anew when its run comes
to rest, which may be two cells later. So messages are sorted by the cell that they
belong to, whenever they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Output: TypeAlias = dict[str, Any]
"""One output of a cell, as nbformat 4 has it."""

_WIDGET: Final = "application/vnd.jupyter.widget-view+json"


class Outputs:
    """The outputs of all cells that one kernel ran."""

    def __init__(self) -> None:
        self._by_request: dict[str, list[Output]] = {}
        self._by_display: dict[str, list[Output]] = {}
        self._to_clear: set[str] = set()

    def expect(self, request: str) -> list[Output]:
        """The list that fills with what a request shows; other requests' outputs are dropped."""
        return self._by_request.setdefault(request, [])

    def take(self, message: Mapping[str, Any]) -> None:
        """Put a message of the kernel where it belongs."""
        request = str(message["parent_header"].get("msg_id", ""))
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "update_display_data":
            for shown in self._by_display.get(_display_id(content), []):
                shown.update(_bundle(content))
            return
        outputs = self._by_request.get(request)
        if outputs is None:
            return
        if kind == "clear_output" and content.get("wait"):
            self._to_clear.add(request)
        elif kind == "clear_output":
            outputs.clear()
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if request in self._to_clear:
                self._to_clear.discard(request)
                outputs.clear()
            self._add(outputs, kind, content)

    def _add(self, outputs: list[Output], kind: str, content: Mapping[str, Any]) -> None:
        if kind == "stream":
            last = outputs[-1] if outputs else {}
            if last.get("name") == content["name"]:
                last["text"] += content["text"]
            else:
                outputs.append({"output_type": kind, "name": content["name"], "text": content["text"]})
        elif kind == "error":
            outputs.append(
                {"output_type": kind, **{key: content[key] for key in ("ename", "evalue", "traceback")}}
            )
        else:
            output: Output = {"output_type": kind, **_bundle(content)}
            if kind == "execute_result":
                output["execution_count"] = content["execution_count"]
            outputs.append(output)
            self._by_display.setdefault(_display_id(content), []).append(output)


def _display_id(content: Mapping[str, Any]) -> str:
    transient: Mapping[str, Any] = content.get("transient") or {}
    return str(transient.get("display_id", ""))


def _bundle(content: Mapping[str, Any]) -> Output:
    """What is shown, without the live widget: it dies with its kernel, the HTML beside it stays."""
    data = {mime: value for mime, value in content["data"].items() if mime != _WIDGET}
    return {"data": data, "metadata": content["metadata"]}


def text_of(outputs: list[Output]) -> str:
    """The last result of a cell as plain text; empty if it has none."""
    results = [output for output in outputs if output["output_type"] == "execute_result"]
    return str(results[-1]["data"].get("text/plain", "")) if results else ""


def error_of(outputs: list[Output]) -> str:
    """Why a cell failed, in one line; empty if it didn't."""
    error = next((output for output in outputs if output["output_type"] == "error"), None)
    if error is None:
        return ""
    first_line = str(error["evalue"]).strip().partition("\n")[0]
    return f"{error['ename']}: {first_line}"
