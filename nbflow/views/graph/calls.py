"""What an expression does: the calls in it, in the order in which they run, as items.

A call is told by its name: an activity or workflow, a function of asyncio, anyio or nbflow, a method of
the workflow's context (whatever that is called), or a helper of the author's, which is opened if its text
is known. Anything else only counts where it is awaited: then it may take its time.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from nbflow.views.graph.model import (
    Box,
    Branch,
    Choice,
    GroupKind,
    Jump,
    Leaf,
    Node,
    NodeKind,
    Parallel,
    Step,
)
from nbflow.views.graph.names import LIBRARIES, Helper, Library, Named
from nbflow.views.graph.nesting import Item, does_something, steps_of
from nbflow.views.graph.scope import (
    FunctionNode,
    Scope,
    dotted_name,
    is_helper,
    names_in,
    open_helper,
    waits_by_yield,
)
from nbflow.views.graph.wording import cut, name_label, seconds_of, short, span_words, text_of

ReadBody = Callable[[FunctionNode, Scope], tuple[Step, ...]]

_JOINS: Final = frozenset({"gather", "when_all", "when_any", "wait", "as_completed"})
_STARTS: Final = frozenset({"create_task", "ensure_future"})
_SLEEPS: Final = frozenset({"sleep", "sleep_until", "sleep_forever"})
_INSTANT: Final = frozenset({"checkpoint", "checkpoint_if_cancelled", "cancel_shielded_checkpoint"})
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Calls:
    """Reads the expressions of one scope.

    Args:
        scope: Where they stand.
        read_body: Reads the body of a function in a scope of its own.
    """

    def __init__(self, scope: Scope, read_body: ReadBody) -> None:
        self._scope = scope
        self._read_body = read_body

    def read(self, node: ast.AST | None, *, awaited: bool = False) -> list[Item]:
        """The items of an expression; ``awaited``: its value is waited for."""
        match node:
            case None | ast.Lambda():
                return []
            case ast.Await(value=value):
                return self._wait(value)
            case ast.Yield(value=value) | ast.YieldFrom(value=value) if self._scope.is_generator and value:
                return self._wait(value)
            case ast.Call():
                return self._call(node, awaited)
            case ast.IfExp():
                return self._either(node, awaited)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                items = self.read(value, awaited=awaited)
                for item in items:
                    item.names |= {name}
                return items
            case _:
                return [item for child in ast.iter_child_nodes(node) for item in self.read(child)]

    def _wait(self, value: ast.AST) -> list[Item]:
        joins = names_in(value)
        items = self.read(value, awaited=True)
        first = any(item.first for item in items)
        for item in items:
            item.started = False
        return [*items, Item(joins=joins, first=first)]

    def _either(self, node: ast.IfExp, awaited: bool) -> list[Item]:
        yes = steps_of(self.read(node.body, awaited=awaited))
        no = steps_of(self.read(node.orelse, awaited=awaited))
        items = self.read(node.test)
        if yes or no:
            decision = self._scope.node(NodeKind.DECISION, f"{short(node.test)}?", node.test)
            items.append(Item(step=Choice(decision, (Branch("yes", yes), Branch("no", no)))))
        return items

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> list[Item]:
        first, *others = node.generators
        items = self.read(first.iter)
        inner = Calls(self._scope.again(), self._read_body)
        parts: list[ast.AST] = [*first.ifs]
        for generator in others:
            parts += [generator.iter, *generator.ifs]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        found = [item for part in parts for item in inner.read(part)]
        each = f"for each {short(first.target, 14)} in {short(first.iter, 22)}"
        return [*items, *self.many(found, each, node)]

    def many(self, items: Sequence[Item], each: str, at: ast.AST) -> list[Item]:
        """One item for what is done for each element of something."""
        joins = frozenset[str]().union(*(item.joins for item in items))
        steps = steps_of(items)
        if not steps:
            return [Item(joins=joins)] if joins else []
        started = all(item.started for item in items if item.step is not None)
        names = frozenset[str]().union(*(item.names for item in items))
        spawns = {item.spawn for item in items if item.step is not None}
        if not started:
            each += ", in turn"
        match steps:
            case (Leaf(node=node),) if not node.each:
                step: Step = Leaf(msgspec.structs.replace(node, each=each))
            case _:
                step = Box(self._scope.group(GroupKind.MANY, each, at), steps)
        spawn = spawns.pop() if len(spawns) == 1 else ""
        return [Item(step=step, started=started, names=names, joins=joins, spawn=spawn)]

    # -- calls -------------------------------------------------------------------------------

    def _call(self, node: ast.Call, awaited: bool) -> list[Item]:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        of_context = self._of_context(node, method, awaited)
        if of_context is not None:
            return of_context
        dotted = dotted_name(node.func)
        known = self._scope.find(dotted)
        if method in _STARTS or (isinstance(known, Library) and known.name in _STARTS):
            return self._start(node.args[:1], dotted)
        is_soon = method in ("start_soon", "start") and dotted is not None and node.args
        if is_soon and is_helper(self._scope.find(dotted_name(node.args[0]))):
            return self._start_soon(node, dotted or "")
        match known:
            case Named():
                return [*self._arguments(node), self.named(node, known, awaited)]
            case Library(name=name):
                return self._of_library(node, name, awaited)
            case Helper() | tuple():
                return [*self._arguments(node), *self.helper(node, known, awaited)]
            case None if dotted == "map" and len(node.args) > 1:
                return self._map(node)
            case None:
                return [*self._receiver(node), *self._arguments(node), *self._unknown(node, dotted, awaited)]

    def _arguments(self, node: ast.Call) -> list[Item]:
        values = [*node.args, *(word.value for word in node.keywords)]
        return [item for value in values for item in self.read(value)]

    def _receiver(self, node: ast.Call) -> list[Item]:
        return self.read(node.func.value) if isinstance(node.func, ast.Attribute) else []

    def named(self, at: ast.AST, known: Named, awaited: bool) -> Item:
        kind = NodeKind.ACTIVITY if known.kind == "activity" else NodeKind.CHILD
        made = self._scope.node(kind, name_label(known.name), at, name=known.name)
        return Item(step=Leaf(made), started=not awaited)

    def _unknown(self, node: ast.Call, dotted: str | None, awaited: bool) -> list[Item]:
        root = (dotted or "").partition(".")[0]
        if not awaited or (root in self._scope.holders and "." in (dotted or "")):
            return []
        name = (dotted or "").rpartition(".")[2]
        label = f"{cut(dotted, 30)}()" if dotted else short(node)
        return [Item(step=Leaf(self._scope.node(NodeKind.CALL, label, node, name=name)))]

    def _map(self, node: ast.Call) -> list[Item]:
        over = [item for value in node.args[1:] for item in self.read(value)]
        known = self._scope.find(dotted_name(node.args[0]))
        inner = Calls(self._scope.again(), self._read_body)
        if isinstance(known, Named):
            found = [inner.named(node, known, False)]
        else:
            found = inner.helper(node, known, False) if isinstance(known, (Helper, tuple)) else []
        return [*over, *self.many(found, f"for each in {short(node.args[1], 26)}", node)]

    def helper(self, node: ast.AST, known: Helper | tuple[FunctionNode, Scope], awaited: bool) -> list[Item]:
        """A helper of the author's, opened where that is possible."""
        opened = open_helper(known, self._scope)
        name = known.name if isinstance(known, Helper) else known[0].name
        if opened is not None:
            function, scope = opened
            steps = self._read_body(function, scope)
            in_place = isinstance(function, ast.FunctionDef) and not waits_by_yield(function)
            if not does_something(steps):
                return []
            group = self._scope.group(GroupKind.HELPER, f"{name_label(name)}()", node)
            return [Item(step=Box(group, steps), started=not awaited and not in_place)]
        if isinstance(known, tuple) and isinstance(known[0], ast.FunctionDef) and not awaited:
            return []
        closed = self._scope.node(NodeKind.CALL, f"{name_label(name)}()", node, name=name)
        is_plain = isinstance(known, Helper) and not known.text and not awaited
        return [] if is_plain else [Item(step=Leaf(closed), started=not awaited)]

    # -- what the context does ---------------------------------------------------------------

    def _of_context(self, node: ast.Call, method: str, awaited: bool) -> list[Item] | None:
        """Items of a method that only a workflow's context has; None for any other call."""
        match method:
            case "call_activity" | "call_child_workflow" if node.args or node.keywords:
                made = self._called(node, method)
            case "create_timer":
                made = self._timer("timer", node, _argument(node, 0, "due"))
            case "wait_for_external_event":
                made = self._event(node)
            case "send_event":
                name = _argument(node, 1, "name")
                text = text_of(name) or ""
                label = name_label(text) if text else _short_or(name, "an event")
                made = self._scope.node(NodeKind.SEND, label, node, name=text)
                return [*self._arguments(node), Item(step=Leaf(made))]
            case "set_custom_status":
                label = _short_or(_argument(node, 0, "value"), "status")
                made = self._scope.node(NodeKind.STATUS, label, node)
                return [*self._arguments(node), Item(step=Leaf(made))]
            case "continue_as_new":
                made = self._scope.node(NodeKind.CONTINUE, "continue as new", node)
                return [*self._arguments(node), Item(step=Jump("continue as new", made))]
            case _:
                return None
        return [*self._arguments(node), Item(step=Leaf(made), started=not awaited)]

    def _called(self, node: ast.Call, method: str) -> Node:
        is_activity = method == "call_activity"
        target = _argument(node, 0, "activity" if is_activity else "workflow")
        known = self._scope.find(dotted_name(target))
        name = known.name if isinstance(known, Named) else text_of(target)
        if name is None:
            dotted = dotted_name(target) or ""
            name = dotted.rpartition(".")[2]
        label = name_label(name) if name else _short_or(target, "a call")
        kind = NodeKind.ACTIVITY if is_activity else NodeKind.CHILD
        return self._scope.node(kind, label, node, name=name)

    def _event(self, node: ast.Call) -> Node:
        name = _argument(node, 0, "name")
        text = text_of(name) or ""
        label = name_label(text) if text else _short_or(name, "an event")
        span = span_words(_argument(node, 99, "timeout"))
        limit = f"timeout {span}" if span and span != "None" else ""
        return self._scope.node(NodeKind.WAIT, label, node, name=text, limit=limit)

    def _timer(self, word: str, node: ast.Call, due: ast.AST | None) -> Node:
        return self._scope.node(NodeKind.TIMER, f"{word} {span_words(due, 24)}".strip(), node, name="timer")

    # -- what libraries do -------------------------------------------------------------------

    def _of_library(self, node: ast.Call, name: str, awaited: bool) -> list[Item]:
        if name in _JOINS:
            return self._join(node, name, awaited)
        if name in _SLEEPS:
            due = _argument(node, 0, "delay")
            if seconds_of(due) == 0:
                return []
            if name == "sleep_forever":
                forever = self._scope.node(NodeKind.TIMER, "sleep for ever", node)
                return [Item(step=Leaf(forever), started=not awaited)]
            timer = self._timer("sleep", node, due)
            return [*self._arguments(node), Item(step=Leaf(timer), started=not awaited)]
        if name == "shield":
            return self.read(_argument(node, 0, "arg"), awaited=awaited)
        if name == "wait_for":
            return self._limited(node, awaited)
        items = self._arguments(node)
        if awaited and name not in _INSTANT:
            label = f"{cut(dotted_name(node.func) or name, 30)}()"
            items.append(Item(step=Leaf(self._scope.node(NodeKind.CALL, label, node, name=name))))
        return items

    def _limited(self, node: ast.Call, awaited: bool) -> list[Item]:
        target = _argument(node, 0, "fut")
        span = span_words(_argument(node, 1, "timeout"))
        items = self.read(target, awaited=awaited)
        last = next((item for item in reversed(items) if item.step is not None), None)
        if last is None or not span or span == "None":
            return items
        limit = f"timeout {span}"
        if isinstance(last.step, Leaf) and not last.step.node.limit:
            last.step = Leaf(msgspec.structs.replace(last.step.node, limit=limit))
        elif last.step is not None:
            last.step = Box(self._scope.group(GroupKind.TIMEOUT, limit, node), (last.step,))
        return items

    def _join(self, node: ast.Call, name: str, awaited: bool) -> list[Item]:
        before: list[Item] = []
        branches: list[tuple[Step, ...]] = []
        joins: frozenset[str] = frozenset()
        for value in _elements(node.args):
            joins |= names_in(value)
            items = self.read(value)
            before += [item for item in items if not item.started]
            branches += [steps_of([item]) for item in items if item.started and item.step is not None]
        is_first = name == "when_any" or any(
            word.arg == "return_when" and "FIRST" in ast.unparse(word.value) for word in node.keywords
        )
        step: Step | None = None
        if len(branches) == 1 and len(branches[0]) == 1:
            step = branches[0][0]
        elif branches:
            step = self.parallel(branches, is_first, node)
        return [
            *before,
            Item(step=step, started=step is not None and not awaited, joins=joins, first=is_first),
        ]

    def parallel(self, branches: Sequence[tuple[Step, ...]], first: bool, at: ast.AST) -> Parallel:
        """Branches side by side, in a frame."""
        label = "in parallel, until the first is done" if first else "in parallel"
        return Parallel(self._scope.group(GroupKind.PARALLEL, label, at), tuple(branches))

    def _start(self, values: Sequence[ast.expr], dotted: str | None) -> list[Item]:
        items = [item for value in values for item in self.read(value)]
        owner = (dotted or "").rpartition(".")[0]
        for item in items:
            if item.started:
                item.spawn = owner if owner not in LIBRARIES else ""
        return items

    def _start_soon(self, node: ast.Call, dotted: str) -> list[Item]:
        known = self._scope.find(dotted_name(node.args[0]))
        items = [item for value in node.args[1:] for item in self.read(value)]
        if isinstance(known, (Helper, tuple)):
            owner = dotted.rpartition(".")[0]
            found = self.helper(node, known, False)
            items += [Item(step=item.step, started=True, spawn=owner) for item in found]
        return items


def _argument(node: ast.Call, place: int, name: str) -> ast.expr | None:
    for word in node.keywords:
        if word.arg == name:
            return word.value
    return node.args[place] if place < len(node.args) else None


def _short_or(node: ast.AST | None, otherwise: str) -> str:
    return otherwise if node is None else short(node, 28)


def _elements(values: Sequence[ast.expr]) -> list[ast.expr]:
    """Arguments with lists, tuples and stars taken apart."""
    found: list[ast.expr] = []
    for value in values:
        match value:
            case ast.Starred(value=inner):
                found += _elements([inner])
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                found += _elements(elements)
            case _:
                found.append(value)
    return found
