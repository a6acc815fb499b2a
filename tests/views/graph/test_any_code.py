"""The graph of any code whatever: no crash, no edge to nowhere, a picture and an outline of everything."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path
from textwrap import dedent

import pytest

from nbflow.jupyter.cells import body_form
from nbflow.jupyter.headers import parse_header
from nbflow.views.graph import Flow, Words, dot_of, html_graph, overlay, read_flow, text_graph
from nbflow.views.graph.model import NodeKind
from tests.views.graph.reading import ACTIVITIES, WORKFLOWS

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def whole(read: Flow) -> None:
    """Whatever the code, this holds of its graph."""
    ids = [node.id for node in read.graph.nodes]
    groups = [group.id for group in read.graph.groups]
    assert len(ids) == len(set(ids))
    assert len(groups) == len(set(groups))
    assert ids[0] == "start"
    for edge in read.graph.edges:
        assert {edge.source, edge.target} <= set(ids)
        assert edge.tail_group is None or edge.tail_group in groups
    seen: set[str | None] = {None}
    for group in read.graph.groups:
        assert group.parent in seen, "a frame stands behind the one around it"
        seen.add(group.id)
    assert all(node.group in seen for node in read.graph.nodes)
    laid = overlay(read, ())
    assert dot_of(read, laid).startswith("digraph")
    assert text_graph(read, laid)
    assert html_graph(read, laid)


def workflows_of(path: Path) -> list[tuple[str, str]]:
    """The workflows of a notebook, as texts of functions."""
    found: list[tuple[str, str]] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and text.startswith("%%workflow"):
            first, _, body = text.partition("\n")
            header = parse_header(first.removeprefix("%%workflow").strip(), "workflow")
            if header.name is not None:
                found.append((header.name, body_form("workflow", header, body, line=1, filename="cell").text))
            else:
                tree = ast.parse(body)
                names = [
                    node.name
                    for node in tree.body
                    if isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef))
                ]
                found += [(name, body) for name in names]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_workflow_of_the_notebooks_is_drawn(path: Path) -> None:
    for name, text in workflows_of(path):
        called = {
            node.func.id
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        awaited = {
            part.id
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Await)
            for part in ast.walk(node.value)
            if isinstance(part, ast.Name) and part.id in called
        }
        read = read_flow(text, name, names=Words(activities=frozenset(awaited)))
        assert read is not None
        whole(read)
        assert any(
            node.kind not in (NodeKind.START, NodeKind.END, NodeKind.RETURN) for node in read.graph.nodes
        ), name


def test_the_notebooks_have_workflows() -> None:
    assert sum(len(workflows_of(path)) for path in NOTEBOOKS) > 12


@pytest.mark.parametrize("folder", ["nbflow/core", "nbflow/engine", "tests/core", "tests/semantics"])
def test_no_function_of_this_repository_is_too_odd(folder: str) -> None:
    count = 0
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                segment = dedent(ast.get_source_segment(text, node, padded=True) or "")
                read = read_flow(segment, node.name, names=Words(activities=frozenset({"fetch", "undo"})))
                if read is not None:
                    whole(read)
                    count += 1
    assert count > 20


class Writer:
    """Writes programs at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, depth: int) -> str:
        calls = [
            *(
                f"await {name}(x)"
                for name in ("fetch", "charge", "child", "helper", "unknown", "self.method")
            ),
            "await asyncio.sleep(x * 60)",
            'await ctx.wait_for_external_event("go", timeout=5)',
            "await asyncio.gather(fetch(1), helper(2), *[store(y) for y in x])",
            "await asyncio.wait_for(helper(x), 3)",
            "[await fetch(y) for y in x if y]",
            "await t",
            "x + 1",
            "lambda: fetch(1)",
            "fetch(x)",
            "asyncio.create_task(helper(x))",
        ]
        if depth and self.chance.random() < 0.2:
            return f"({self.value(depth - 1)}) if ({self.value(depth - 1)}) else ({self.value(depth - 1)})"
        return self.chance.choice(calls)

    def block(self, depth: int, in_loop: bool = False) -> list[str]:
        lines: list[str] = []
        for _ in range(self.chance.randint(1, 3)):
            lines += self.statement(depth, in_loop)
        return lines

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        def inner(loop: bool = in_loop) -> list[str]:
            return [f"    {line}" for line in self.block(depth - 1, loop)]

        value = self.value(2)
        simple = [
            [f"t = {value}"],
            [value],
            [f"return {value}"],
            ["raise ValueError(x)"],
            [f"x.append({value})"],
        ]
        if in_loop:
            simple += [["break"], ["continue"]]
        if depth <= 0:
            return self.chance.choice(simple)
        match self.chance.randint(0, 9):
            case 0 | 1:
                return [f"if {value}:", *inner(), "else:", *inner()]
            case 2:
                return [f"for x in {value}:", *inner(True), "else:", *inner()]
            case 3:
                return [f"while {value}:", *inner(True)]
            case 4:
                return ["try:", *inner(), "except (A, B) as t:", *inner(), "finally:", *inner()]
            case 5:
                return ["async with asyncio.TaskGroup() as tg:", "    tg.create_task(helper(1))", *inner()]
            case 6:
                return ["async with asyncio.timeout(x), lock:", *inner()]
            case 7:
                return [
                    f"match {value}:",
                    "    case 1:",
                    *(f"    {line}" for line in inner()),
                    "    case _: pass",
                ]
            case 8:
                return ["async def local(x):", *inner(False), "t = local(x)"]
            case _:
                return self.chance.choice(simple)


@pytest.mark.parametrize("part", range(6))
def test_generated_programs_are_drawn(part: int) -> None:
    helpers = {"helper": "async def helper(x):\n    if x:\n        return 1\n    await store(x)\n"}
    names = Words(activities=ACTIVITIES, workflows=WORKFLOWS, helpers=helpers)
    for seed in range(part * 50, part * 50 + 50):
        text = "async def work(ctx, x):\n" + "\n".join(f"    {line}" for line in Writer(seed).block(3)) + "\n"
        read = read_flow(text, "work", names=names)
        assert read is not None, f"seed {seed}:\n{text}"
        whole(read)
        assert read == read_flow(text, "work", names=names), "the same code, the same ids"
