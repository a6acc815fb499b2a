"""From the text of a workflow to its steps: statement by statement, what doesn't matter left out.

What matters is what takes time or ends the workflow: calls, timers, waits, and the decisions and
loops that lead to them. Code between them (sums, prints, a loop that only counts) is not drawn.
Nothing is run and nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from nbflow.views.graph.calls import Calls
from nbflow.views.graph.model import (
    Box,
    Branch,
    Choice,
    Flow,
    GroupKind,
    Jump,
    Leaf,
    Loop,
    NodeKind,
    Step,
    Try,
)
from nbflow.views.graph.names import Names, Words
from nbflow.views.graph.nesting import Item, arrange, arrange_group, does_something, has_node, steps_of
from nbflow.views.graph.scope import (
    FunctionNode,
    Numbers,
    Scope,
    TooLargeError,
    names_in,
    parse_function,
    waits_by_yield,
)
from nbflow.views.graph.wiring import wire
from nbflow.views.graph.wording import cut, short, span_words

_GROUPS: Final = frozenset({"TaskGroup", "create_task_group"})
_LIMITS: Final = frozenset({"timeout", "timeout_at", "fail_after", "fail_at"})
_LEAVES: Final = frozenset({"move_on_after", "move_on_at"})


def read_flow(
    text: str,
    name: str,
    *,
    names: Names | None = None,
    file: str = "",
    first_line: int = 1,
    function: str | None = None,
) -> Flow | None:
    """Read a workflow's text; None where it can't be read.

    Args:
        text: The text of the function, or of a cell or module that holds it.
        name: Of the workflow.
        names: What the names in it mean; by their looks alone, if nothing else is known.
        file: The name under which frames know the text.
        first_line: The number of its first line there.
        function: The function's own name, where that is another one.
    """
    parsed = parse_function(text, function or name)
    if parsed is None:
        return None
    node, shift = parsed
    scope = Scope(
        numbers=Numbers(),
        names=names or Words(),
        file=file,
        offset=first_line - 1 + shift,
        is_generator=waits_by_yield(node),
    )
    try:
        steps = _read_function(node, scope)
        return Flow(
            name=name, steps=steps, graph=wire(name, steps, file=file, line=node.lineno + scope.offset)
        )
    except (RecursionError, TooLargeError):
        return None


def _read_function(function: FunctionNode, scope: Scope) -> tuple[Step, ...]:
    for statement in function.body:
        scope.awaited.update(scope.waits_for(statement))
    return Statements(scope).body(function.body)


class Statements:
    """Reads the statements of one scope.

    Args:
        scope: Where they stand.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.calls = Calls(scope, _read_function)

    def body(self, statements: Sequence[ast.stmt]) -> tuple[Step, ...]:
        """The steps of a block."""
        return self.arranged(self.items(statements), statements[0] if statements else ast.Pass())

    def arranged(self, items: Sequence[Item], at: ast.AST) -> tuple[Step, ...]:
        """Items as steps; what goes on side by side among them is framed at a piece of code."""

        def parallel(branches: Sequence[tuple[Step, ...]], first: bool) -> Step:
            return self.calls.parallel(branches, first, at)

        return arrange(items, parallel, self._scope.awaited)

    def items(self, statements: Sequence[ast.stmt]) -> list[Item]:
        """The items of a block, in order."""
        for statement in statements:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._scope.local[statement.name] = (statement, self._scope)
        found: list[Item] = []
        for statement in statements:
            found += self._statement(statement)
            if isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                break
        return found

    def _statement(self, node: ast.stmt) -> list[Item]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return []
        items = self._read(node)
        if not any(item.step is not None for item in items):  # it may wait for something all the same
            items.append(Item(joins=self._scope.waits_for(node)))
        return items

    def _read(self, node: ast.stmt) -> list[Item]:
        match node:
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                return self._jump(node)
            case ast.If():
                return self._if(node)
            case ast.Match():
                return self._match(node)
            case ast.For() | ast.AsyncFor():
                return self._for(node)
            case ast.While():
                return self._while(node)
            case ast.With() | ast.AsyncWith():
                return self._with(node)
            case ast.Try() | ast.TryStar():
                return self._try(node)
            case _:
                return self._plain(node)

    # -- statements without others in them ---------------------------------------------------

    def _plain(self, node: ast.stmt) -> list[Item]:
        items = [item for child in ast.iter_child_nodes(node) for item in self.calls.read(child)]
        names = self._bound_by(node)
        aliased = names_in(node) & self._scope.holders
        for item in items:
            if item.started:
                item.names |= names
        if aliased or any(item.started for item in items):
            self._scope.holders.update(names)
            if names and aliased and not any(item.started for item in items):
                items.append(Item(started=True, names=names))
        return items

    def _bound_by(self, node: ast.stmt) -> frozenset[str]:
        """Variables that hold a statement's value: assigned, or a list that it is put into."""
        match node:
            case ast.Assign(targets=targets):
                return frozenset[str]().union(*(names_in(target) for target in targets))
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                return names_in(target)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr))) if attr in (
                "append",
                "add",
                "extend",
                "insert",
            ):
                return names_in(owner)
            case _:
                return frozenset()

    def _jump(self, node: ast.Return | ast.Raise | ast.Break | ast.Continue) -> list[Item]:
        items: list[Item] = []
        match node:
            case ast.Return(value=value):
                items = self.calls.read(value)
                for item in items:
                    item.started = False
                label = _return_label(value)
                made = None if self._scope.opened else self._scope.node(NodeKind.RETURN, label, node)
                step = Jump("return", made)
            case ast.Raise(exc=error):
                items = self.calls.read(error)
                label = "raise" if error is None else f"raise {short(error, 28)}"
                step = Jump("raise", self._scope.node(NodeKind.RAISE, label, node))
            case ast.Break():
                step = Jump("break")
            case ast.Continue():
                step = Jump("continue")
        joins = self._scope.waits_for(node)
        return [*items, Item(step=step, joins=joins)]

    # -- decisions ---------------------------------------------------------------------------

    def _if(self, node: ast.If) -> list[Item]:
        items = self.calls.read(node.test)
        before = self._scope.numbers.nodes
        decision = self._scope.node(NodeKind.DECISION, f"{short(node.test)}?", node.test)
        branches = (Branch("yes", self.body(node.body)), Branch("no", self.body(node.orelse)))
        return [*items, *self._choice(Choice(decision, branches), node, before)]

    def _match(self, node: ast.Match) -> list[Item]:
        items = self.calls.read(node.subject)
        before = self._scope.numbers.nodes
        decision = self._scope.node(NodeKind.DECISION, f"{short(node.subject)}?", node.subject)
        branches = [Branch(_case_label(case), self.body(case.body)) for case in node.cases]
        last = node.cases[-1]
        if not (
            last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        ):
            branches.append(Branch("else", ()))
        return [*items, *self._choice(Choice(decision, tuple(branches)), node, before)]

    def _choice(self, choice: Choice, node: ast.stmt, before: int) -> list[Item]:
        if not any(branch.steps for branch in choice.branches):
            self._scope.numbers.nodes = before
            return []
        return [Item(step=choice, joins=self._scope.waits_for(node))]

    # -- loops -------------------------------------------------------------------------------

    def _for(self, node: ast.For | ast.AsyncFor) -> list[Item]:
        items = self.calls.read(node.iter, awaited=isinstance(node, ast.AsyncFor))
        for item in items:  # the loop waits for what it goes over
            item.started = False
        before: tuple[Step, ...] = ()
        last = items[-1].step if items else None
        if isinstance(node, ast.AsyncFor) and isinstance(last, Box):
            before = (last,)  # a generator of the author's: it goes on each time the loop asks
            items.pop()
        inner = Statements(self._scope.again())
        label = f"for each {short(node.target, 14)} in {short(node.iter, 22)}"
        found = inner.items(node.body)
        done = [item for item in found if item.step is not None]
        if done and not before and not node.orelse and all(item.started for item in done):
            return [*items, *self.calls.many(found, label, node)]
        body = inner.arranged(found, node)
        after = self.body(node.orelse)
        if not has_node((*before, *body)):
            return [*items, *(Item(step=step) for step in after)]
        loop = Loop(
            self._scope.group(GroupKind.LOOP, "", node),
            self._scope.again().node(NodeKind.LOOP, label, node.target),
            body,
            before,
            after,
        )
        return [*items, self._item(loop, node)]

    def _while(self, node: ast.While) -> list[Item]:
        inner = Statements(self._scope.again())
        before = steps_of(inner.calls.read(node.test))
        body = inner.body(node.body)
        after = self.body(node.orelse)
        if not has_node((*before, *body)):
            return [Item(step=step) for step in after]
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        loop = Loop(
            self._scope.group(GroupKind.LOOP, "", node),
            self._scope.again().node(
                NodeKind.LOOP, "again and again" if endless else f"while {short(node.test)}", node.test
            ),
            body,
            before,
            after,
            endless,
        )
        return [self._item(loop, node)]

    def _item(self, step: Step, node: ast.stmt) -> Item:
        return Item(step=step, joins=self._scope.waits_for(node))

    # -- with and try ------------------------------------------------------------------------

    def _with(self, node: ast.With | ast.AsyncWith) -> list[Item]:
        return self._entered(node, list(node.items))

    def _entered(self, node: ast.With | ast.AsyncWith, entries: list[ast.withitem]) -> list[Item]:
        if not entries:
            return self.items(node.body)
        entry, *others = entries
        call = entry.context_expr
        library = self._scope.library(call.func) if isinstance(call, ast.Call) else ""
        if library in _GROUPS:
            return self._group(node, entry, others)
        inside = self._entered(node, others)
        if not isinstance(call, ast.Call) or library not in _LIMITS | _LEAVES:
            return [*self.calls.read(call), *inside]
        steps = self.arranged(inside, node)
        awaited = sorted(frozenset[str]().union(*(item.joins for item in inside)) & self._scope.holders)
        if not has_node(steps):
            if not awaited:
                return inside
            made = self._scope.node(NodeKind.CALL, f"await {cut(', '.join(awaited), 26)}", node.body[0])
            steps = (Leaf(made),)
        span = span_words(call.args[0] if call.args else next((w.value for w in call.keywords), None))
        leaves = "time is up" if library in _LEAVES else ""
        label = f"timeout {span}" if span and span != "None" else "time limit"
        return [self._item(Box(self._scope.group(GroupKind.TIMEOUT, label, call), steps, leaves), node)]

    def _group(
        self, node: ast.With | ast.AsyncWith, entry: ast.withitem, others: list[ast.withitem]
    ) -> list[Item]:
        variable = entry.optional_vars.id if isinstance(entry.optional_vars, ast.Name) else ""
        inside = self._entered(node, others)

        def parallel(branches: Sequence[tuple[Step, ...]], first: bool) -> Step:
            return self.calls.parallel(branches, first, node)

        steps = arrange_group(inside, variable, parallel, self._scope.awaited)
        return [self._item(step, node) for step in steps]

    def _try(self, node: ast.Try | ast.TryStar) -> list[Item]:
        body, otherwise, final = self.body(node.body), self.body(node.orelse), self.body(node.finalbody)
        numbers = self._scope.numbers
        before = (numbers.nodes, numbers.groups)
        handlers = tuple(Branch(_handler_label(one), self.body(one.body)) for one in node.handlers)
        if not does_something(body) or not (handlers or final):
            if not has_node(body):
                numbers.nodes, numbers.groups = before
                handlers = ()
            if not handlers and not final:
                return [self._item(step, node) for step in (*body, *otherwise)]
        group = self._scope.group(GroupKind.TRY, "", node)
        return [self._item(Try(group, body, handlers, otherwise, final), node)]


def _return_label(value: ast.expr | None) -> str:
    waits = value is not None and any(isinstance(part, (ast.Await, ast.Yield)) for part in ast.walk(value))
    if value is None or (waits and isinstance(value, (ast.Await, ast.Call))):
        return "return"
    return f"return {short(value, 26)}"


def _case_label(case: ast.match_case) -> str:
    is_default = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and not case.guard
    return "else" if is_default else short(case.pattern, 24)


def _handler_label(handler: ast.ExceptHandler) -> str:
    if handler.type is None:
        return "any error"
    names = [
        short(part, 24)
        for part in (handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])
    ]
    return " or ".join(names[:2]) + (" …" if len(names) > 2 else "")
