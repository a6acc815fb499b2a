"""Which names are whose: the variables of a function, of what is nested in it, and of a module.

One pass over a tree notes, for each node, its parent and its scope, and for each scope how its names
come to their values. Annotations are kept, and not read: nothing in them is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

BindingKind: TypeAlias = Literal[
    "parameter", "assigned", "import", "def", "class", "unpacked", "loop", "other"
]
ScopeNode: TypeAlias = ast.AST

COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Binding:
    """One way in which a name gets a value.

    Attributes:
        value: The expression that is assigned; of a loop, what it goes over.
        annotation: What the author says of its type.
        node: The statement or definition.
        path: Of an import, the full name.
        tree: The number of the tree that it stands in.
    """

    kind: BindingKind
    node: ast.AST
    value: ast.expr | None = None
    annotation: ast.expr | None = None
    path: str = ""
    tree: int = 0


@dataclass
class Scope:
    """The names of a function, class, comprehension or module."""

    node: ast.AST
    parent: Scope | None = None
    names: dict[str, list[Binding]] = field(default_factory=dict[str, "list[Binding]"])
    outer: set[str] = field(default_factory=set[str])
    """Names that are declared ``global`` or ``nonlocal``."""

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    def find(self, name: str) -> list[Binding] | None:
        """How a name gets its value, seen from here; None if it is none of this tree's."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and name not in scope.outer and (scope is self or not scope.is_class):
                return scope.names[name]
            scope = scope.parent
        return None

    @property
    def function(self) -> Scope:
        """The scope in which an assignment expression puts its name."""
        scope = self
        while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
            scope = scope.parent
        return scope


class Layout:
    """Trees laid out: every node with its parent and scope, in the order of the text.

    Args:
        trees: Modules, or one function.
    """

    def __init__(self, *trees: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.nodes: list[ast.AST] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        self.root = Scope(trees[0] if trees else ast.Module(body=[], type_ignores=[]))
        self.globals: set[str] = set()
        """Names that some function declares ``global``."""
        self.stars: list[str] = []
        """Modules of which everything is imported."""
        self._tree = 0
        for number, tree in enumerate(trees):
            self._tree = number
            if isinstance(tree, ast.Module):
                self._place_all(tree.body, self.root, tree)
            else:
                self._inside(tree, self.root)

    def _bind(self, scope: Scope, name: str, binding: Binding) -> None:
        scope.names.setdefault(name, []).append(binding)

    def _place_all(self, nodes: Iterable[ast.AST | None], scope: Scope, parent: ast.AST) -> None:
        for node in nodes:
            if node is not None:
                self._place(node, scope, parent)

    def _place(self, node: ast.AST, scope: Scope, parent: ast.AST) -> None:
        self.nodes.append(node)
        self.parents[node] = parent
        self.scopes[node] = scope
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._bind(scope, node.name, Binding("def", node, tree=self._tree))
                self._place_all(node.decorator_list, scope, node)
                self._place_all([*node.args.defaults, *node.args.kw_defaults], scope, node)
                self._inside(node, Scope(node, scope))
            case ast.Lambda():
                self._place_all([*node.args.defaults, *node.args.kw_defaults], scope, node)
                inner = Scope(node, scope)
                self._parameters(node.args, inner)
                self._place(node.body, inner, node)
            case ast.ClassDef():
                self._bind(scope, node.name, Binding("class", node, tree=self._tree))
                self._place_all(node.decorator_list, scope, node)
                self._place_all([*node.bases, *node.keywords], scope, node)
                self._place_all(node.body, Scope(node, scope), node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                self._comprehension(node, node.generators, [node.elt], scope)
            case ast.DictComp():
                self._comprehension(node, node.generators, [node.key, node.value], scope)
            case _:
                self._bind_names(node, scope)
                for child in ast.iter_child_nodes(node):
                    if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
                        self._place(child, scope, node)

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        self._parameters(node.args, scope)
        self._place_all(node.body, scope, node)

    def _parameters(self, arguments: ast.arguments, scope: Scope) -> None:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in every:
            self._bind(scope, argument.arg, Binding("parameter", argument, annotation=argument.annotation))
        for argument in (arguments.vararg, arguments.kwarg):
            if argument is not None:  # what the annotation says is of each of them
                self._bind(scope, argument.arg, Binding("other", argument))

    def _comprehension(
        self, node: ast.AST, generators: list[ast.comprehension], results: list[ast.expr], scope: Scope
    ) -> None:
        inner = Scope(node, scope)
        for number, generator in enumerate(generators):
            self.nodes.append(generator)
            self.parents[generator] = node
            self.scopes[generator] = inner
            self._place(generator.iter, inner if number else scope, generator)
            self._target(generator.target, inner, Binding("loop", generator, generator.iter, tree=self._tree))
            self._place(generator.target, inner, generator)
            self._place_all(generator.ifs, inner, generator)
        self._place_all(results, inner, node)

    def _bind_names(self, node: ast.AST, scope: Scope) -> None:
        """Note the names that a statement, or an assignment expression, gives a value to."""
        match node:
            case ast.Assign():
                for target in node.targets:
                    self._target(target, scope, Binding("assigned", node, node.value, tree=self._tree))
            case ast.AnnAssign(target=ast.Name(id=name)):
                kind: BindingKind = "other" if node.value is None else "assigned"
                self._bind(scope, name, Binding(kind, node, node.value, node.annotation, tree=self._tree))
            case ast.AugAssign(target=ast.Name(id=name)):
                self._bind(scope, name, Binding("other", node, tree=self._tree))
            case ast.NamedExpr(target=ast.Name(id=name)):
                self._bind(scope.function, name, Binding("assigned", node, node.value, tree=self._tree))
            case ast.For() | ast.AsyncFor():
                self._target(node.target, scope, Binding("loop", node, node.iter, tree=self._tree))
            case ast.withitem(optional_vars=ast.expr() as target):
                self._target(target, scope, Binding("assigned", node, node.context_expr, tree=self._tree))
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.ExceptHandler(name=str(name)):
                self._bind(scope, name, Binding("other", node, tree=self._tree))
            case (
                ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name))
            ):
                self._bind(scope, name, Binding("other", node, tree=self._tree))
            case ast.Global() | ast.Nonlocal():
                scope.outer.update(node.names)
                if isinstance(node, ast.Global):
                    self.globals.update(node.names)
            case ast.Delete():
                for target in node.targets:
                    self._target(target, scope, Binding("other", node, tree=self._tree))
            case _:
                pass

    def _target(self, target: ast.expr, scope: Scope, binding: Binding) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(scope, name, binding)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self._target(part, scope, Binding("unpacked", binding.node, tree=binding.tree))
            case ast.Starred(value=inner):
                self._target(inner, scope, Binding("unpacked", binding.node, tree=binding.tree))
            case _:
                pass

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.partition(".")[0]
                path = alias.name if alias.asname else name
            elif alias.name == "*":
                self.stars.append(node.module or "")
                continue
            else:
                name = alias.asname or alias.name
                path = f"{'.' * node.level}{node.module or ''}.{alias.name}"
            self._bind(scope, name, Binding("import", node, path=path, tree=self._tree))
