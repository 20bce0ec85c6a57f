"""Bicep files as Python values: what is written literally as such, all else as its text.

There is no compiler here (it is no package of the registries), so the grammar of tree-sitter-bicep
stands in for its parser, and these tests for its checks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
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
        described: its @description.
        existing: whether a resource is made elsewhere.
    """

    kind: str
    name: str
    of: str = ""
    value: Any = None
    described: str = ""
    existing: bool = False
    decorators: list[str] = field(default_factory=list)


@dataclass
class BicepFile:
    """What a file declares, by name (outputs apart: they may be called as something else is)."""

    path: Path
    root: Node
    declared: dict[str, Declaration]
    outputs: dict[str, Declaration]

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
    decorators: list[str] = []
    for node in root.named_children:
        if node.type == "decorators":
            decorators = [_text(each) for each in node.named_children]
        elif node.type.endswith("_declaration"):
            each = _declaration(node, decorators)
            (file.outputs if each.kind == "output" else file.declared)[each.name] = each
            decorators = []
    return file


def _declaration(node: Node, decorators: list[str]) -> Declaration:
    kind = node.type.removesuffix("_declaration")
    name, *rest = (each for each in node.named_children if each.type != "comment")
    described = next((each for each in decorators if each.startswith("@description(")), "")
    found = Declaration(kind, _text(name), described=described, decorators=decorators)
    if kind in {"parameter", "output"}:
        found.of = _text(rest.pop(0))
    elif kind in {"resource", "module"}:
        found.of = str(value_of(rest.pop(0)))
    found.existing = any(_text(each) == "existing" for each in node.children)
    if rest:
        last = rest[-1]
        looped = kind in {"resource", "module"} and last.type == "for_statement"
        found.value = value_of(last)[0] if looped else value_of(last)
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


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _all(node: Node) -> list[Node]:
    return [node, *(deeper for child in node.children for deeper in _all(child))]
