"""Bicep files as Python values: what is written literally as such, all else as its text.

There is no compiler here (it is no package of the registries), so the grammar of tree-sitter-bicep
stands in for its parser, and these tests for its checks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRASTRUCTURE = Path(__file__).parents[2] / "manifests" / "infrastructure"
PARSER = Parser(Language(tree_sitter_bicep.language()))


class Expression(str):
    """What has to be computed, as it is written."""

    __slots__ = ()


@dataclass
class Declaration:
    """A parameter, variable, type, resource, module or output.

    Attributes:
        kind: "parameter", "variable", "type", "resource", "module" or "output".
        of: its type; of a resource TYPE@VERSION, of a module its path.
        value: what stands behind the "=", of each item for a loop.
        described: whether it has a @description.
        existing: whether a resource is made elsewhere.
        loops_over: name of the array, where there is one for each of its items.
    """

    kind: str
    name: str
    of: str = ""
    value: Any = None
    described: bool = False
    existing: bool = False
    loops_over: str = ""


@dataclass
class BicepFile:
    """What a file declares, by name (outputs apart: they may be called as something else is)."""

    path: Path
    root: Node
    declared: dict[str, Declaration]
    outputs: dict[str, Declaration]

    def names_used(self) -> set[str]:
        """Names in expressions: of what is declared here, and of functions."""
        nodes = [each for each in _all(self.root) if each.type == "identifier"]
        return {_text(each) for each in nodes if not _names_something(each)} - {
            _text(each.named_children[0])
            for each in _all(self.root)
            if each.type == "for_statement"
        }

    def of_kind(self, kind: str) -> dict[str, Declaration]:
        """Those of one kind."""
        return {name: each for name, each in self.declared.items() if each.kind == kind}


def read_bicep(path: Path) -> BicepFile:
    """Read a .bicep file, or a .bicepparam file as a file of variables.

    Raises:
        ValueError: its syntax is wrong.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".bicepparam":  # the grammar has no assignments to parameters
        text = re.sub(r"(?m)^using .*$", "", re.sub(r"(?m)^param ", "var ", text))
    root = PARSER.parse(text.encode()).root_node
    if wrong := next((each for each in _all(root) if each.is_error or each.is_missing), None):
        raise ValueError(f"{path.name}:{wrong.start_point.row + 1}: {_text(wrong)!r}")
    file = BicepFile(path, root, {}, {})
    described = False
    for node in root.named_children:
        if node.type == "decorators":
            described = "@description(" in _text(node)
        elif node.type.endswith("_declaration"):
            each = _declaration(node)
            each.described, described = described, False
            (file.outputs if each.kind == "output" else file.declared)[each.name] = each
    return file


def _declaration(node: Node) -> Declaration:
    kind = node.type.removesuffix("_declaration")
    name, *rest = (each for each in node.named_children if each.type != "comment")
    found = Declaration(kind, _text(name))
    if kind in {"parameter", "output"}:
        found.of = _text(rest.pop(0))
    elif kind in {"resource", "module"}:
        found.of = str(value_of(rest.pop(0)))
    found.existing = any(_text(each) == "existing" for each in node.children)
    if rest:
        found.value = value_of(rest[-1])
        if rest[-1].type == "for_statement":
            (found.value,) = found.value
            found.loops_over = _text(rest[-1].named_children[1])
    return found


def value_of(node: Node) -> Any:
    """What a node stands for."""
    children = [each for each in node.named_children if each.type != "comment"]
    literals = {
        "number": lambda: int(_text(node)),
        "boolean": lambda: _text(node) == "true",
        "array": lambda: [value_of(each) for each in children],
        "object": lambda: dict(map(_pair, children)),
        "for_statement": lambda: [value_of(children[-1])],
        "if_statement": lambda: value_of(children[-1]),
        "string": lambda: _text(node)[1:-1].replace("\\'", "'"),
    }
    computed = node.type not in literals or any(each.type == "interpolation" for each in children)
    return Expression(_text(node)) if computed else literals[node.type]()


def _pair(node: Node) -> tuple[str, Any]:
    key, value = node.named_children
    return str(value_of(key)), value_of(value)


def _names_something(node: Node) -> bool:
    """Whether an identifier is where something gets its name, or is no name of a value."""
    parent = node.parent
    if parent is None or parent.type == "type":
        return True
    if parent.type == "call_expression" and parent.parent and parent.parent.type == "decorator":
        return True
    places = parent.type == "object_property" or parent.type.endswith("_declaration")
    return places and node == parent.named_children[0]


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _all(node: Node) -> list[Node]:
    return [node, *(deeper for child in node.children for deeper in _all(child))]
