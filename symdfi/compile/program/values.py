"""``Max``, ``Min`` and ``Mod`` of values, and which expressions are numbers whatever numbers the values in them are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from symdfi.compile.program.loops import Assignment, Variable


class maximum(sp.Function):
    """``Max`` of two values without SymPy's search for the larger one, which takes milliseconds a time."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args if argindex == 1 else self.args[::-1]
        return sp.Heaviside(a - b)

    def _sympystr(self, printer) -> str:
        return f"Max({', '.join(map(printer.doprint, self.args))})"


class minimum(sp.Function):
    """``Min`` of two values."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args if argindex == 1 else self.args[::-1]
        return sp.Heaviside(b - a)

    def _sympystr(self, printer) -> str:
        return f"Min({', '.join(map(printer.doprint, self.args))})"


class remainder(sp.Function):
    """``Mod`` of two values, a - b*floor(a/b), which nothing takes for a map of indices."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        a, b = self.args
        return sp.S.One if argindex == 1 else -sp.floor(a / b)

    def _sympystr(self, printer) -> str:
        return f"Mod({', '.join(map(printer.doprint, self.args))})"


#: Of any numbers a number, and none that is too large.
_FINITE = (sp.Add, sp.Mul, sp.Piecewise, sp.Max, sp.Min, sp.Abs, sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.Mod)
_FINITE += (
    sp.KroneckerDelta,
    sp.DiracDelta,
    sp.sin,
    sp.cos,
    sp.tanh,
    sp.atan,
    sp.asinh,
    sp.erf,
    sp.erfc,
    maximum,
    minimum,
)


class Finite:
    """Tells which expressions are numbers wherever the inputs are, such that 0 times them is 0: no logarithm, no
    reciprocal of a value and none of ``assignments`` that holds one."""

    def __init__(self, assignments: Mapping[Variable, Assignment]) -> None:
        self._assignments = assignments
        #: By assignment, in their order: each reads those before it.
        self._known: dict[Variable, bool] = {}

    def __call__(self, expr: sp.Expr) -> bool:
        for target, assignment in list(self._assignments.items())[len(self._known) :]:
            self._known[target] = self._is_finite(assignment.expr)
        return self._is_finite(expr)

    def _is_finite(self, expr: sp.Expr) -> bool:
        return all(map(self._is_node_finite, _nodes(expr)))

    def _is_node_finite(self, node: sp.Basic) -> bool:
        if isinstance(node, sp.Indexed | sp.Symbol):
            return self._known.get(node.base if isinstance(node, sp.Indexed) else node, True)
        if isinstance(node, sp.Pow):
            base, exponent = node.args
            if (exponent.is_Integer and exponent > 0) or base == -1:
                return True
            return exponent.is_number and (base.is_Symbol or base.is_Number) and base.is_positive is True
        return isinstance(node, _FINITE) or (node.is_number is True and node.is_finite is True)


def _nodes(expr: sp.Basic) -> Iterator[sp.Basic]:
    """The nodes that make up the value of an expression: without what stands in indices and conditions."""
    left = [expr]
    while left:
        node = left.pop()
        yield node
        if isinstance(node, sp.Piecewise):
            left += [value for value, _ in node.args]
        elif not isinstance(node, sp.Indexed):
            left += node.args
