"""Generated source as the Python interpreter runs it: with the arithmetic of compiled code, which divides by zero."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np


def executed(source: str, names: dict[str, Any]) -> dict[str, Any]:
    """The namespace after ``source`` has run in that of ``names``. Its numbers are ``np.float64``: 1.0/0.0 is inf."""
    numbers = _Numbers()
    tree = ast.fix_missing_locations(numbers.visit(ast.parse(source)))
    namespace = names | numbers.names
    exec(compile(tree, "<kernel>", "exec"), namespace)
    return namespace


class _Numbers(ast.NodeTransformer):
    """Names in place of floating-point numbers."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        name = f"number_{len(self.names)}"
        self.names[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)
