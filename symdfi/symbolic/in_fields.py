"""Expressions in fields u(t, x), their space derivatives, t, x and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.complexes import Parts, parts
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of
from symdfi.symbolic.integrals import axes_of
from symdfi.symbolic.renaming import Renaming

#: A space derivative as the variables it is by, in their order: ``()`` is the field itself.
Order = tuple[sp.Symbol, ...]


class InFields:
    """What holds ``exprs`` in ``fields`` of t and space ``variables``, and in ``parameters``."""

    fields: tuple[AppliedUndef, ...]
    variables: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]

    @property
    def exprs(self) -> tuple[sp.Expr, ...]:
        raise NotImplementedError

    @property
    def terms(self) -> tuple[sp.Expr, ...]:
        """The expressions without the names of the fields, which are none of the symbols."""
        put = dict(zip(self.fields, self._numbered(lambda x: x), strict=True))
        return tuple(f.xreplace(put) for f in self.exprs)

    def derivatives_of(self, field: AppliedUndef) -> tuple[Order, ...]:
        """The space derivatives of a field in the expressions, lower orders first, beginning with the field itself."""
        held = {d for f in self.exprs for d in f.atoms(sp.Derivative) if d.expr == field}
        found = {(), *map(self._by, held)}
        return tuple(sorted(found, key=lambda d: (len(d), [self.variables.index(x) for x in d])))

    def with_values(self, values: Mapping[AppliedUndef, Mapping[Order, sp.Expr]]) -> tuple[sp.Expr, ...]:
        """The expressions with given ones in place of every field and its derivatives."""
        derivatives = {d for f in self.exprs for d in f.atoms(sp.Derivative)}
        put = {d: values[d.expr][self._by(d)] for d in derivatives}
        fields = {u: values[u][()] for u in self.fields}
        return tuple(f.xreplace(put).xreplace(fields) for f in self.exprs)

    def parts(self, complex: Sequence[bool]) -> list[Parts]:
        """Real and imaginary part of every expression, in the ``components`` of the fields."""
        known: dict[sp.Basic, Parts] = {}
        held = set().union(*(f.atoms(AppliedUndef) for f in self.exprs), self.fields)
        for u, both in zip(self.fields, complex, strict=True):
            for at in (at for at in held if at.func == u.func):  # under an integral a field is at other places too
                one = [half.func(*at.args) for half in components([u], [both])]
                known[at] = one[0], one[1] if both else sp.S.Zero
        return [parts(f, known) for f in self.exprs]

    def in_own_symbols(self, renaming: Renaming) -> tuple[tuple, ...]:
        """Fields, variables, expressions and parameters in symbols of our own."""
        put = dict(zip(self.fields, self._numbered(renaming.of), strict=True))
        fields = tuple(put[u] for u in self.fields)
        put |= {x: renaming.of(x) for x in (*self.variables, *self.parameters)}
        parameters = sorted(map(renaming.of, self.parameters), key=sp.default_sort_key)
        exprs = tuple(f.xreplace(put) for f in self.exprs)
        return fields, tuple(map(renaming.of, self.variables)), exprs, tuple(parameters)

    def _by(self, derivative: sp.Derivative) -> Order:
        return tuple(sorted(derivative.variables, key=self.variables.index))

    def _numbered(self, of: Callable[[sp.Symbol], sp.Symbol]) -> list[AppliedUndef]:
        arguments = [[t if x == t else of(x) for x in u.args] for u in self.fields]
        return [sp.Function(f"u{k}")(*given) for k, given in enumerate(arguments)]

    def check_terms(self, expr: sp.Expr, what: str) -> None:
        """``SymbolicError`` where ``expr``, which is ``what``, holds other functions, derivatives or arrays."""
        arrays = expr.atoms(sp.Indexed)
        if arrays:
            raise SymbolicError(f"{what} holds {min(arrays, key=str)}: parameters must be numbers")
        for integral in expr.atoms(sp.Integral):
            axes_of(integral, self.fields, self.variables)
        expr = expr.replace(lambda e: isinstance(e, sp.Integral), lambda e: sp.Dummy())
        others = expr.atoms(AppliedUndef) - set(self.fields)
        if others:
            which = f"not the field {self.fields[0]}" if len(self.fields) == 1 else f"none of the fields {self.fields}"
            raise SymbolicError(f"{what} holds {min(others, key=str)}, which is {which}")
        for derivative in sorted(expr.atoms(sp.Derivative), key=str):
            if derivative.expr not in self.fields or not set(derivative.variables) <= set(self.variables):
                raise SymbolicError(f"{derivative} is no space derivative of {', '.join(map(str, self.fields))}")


@dataclass(frozen=True)
class FieldExpressions(InFields):
    """Any number of real expressions in the fields."""

    fields: tuple[AppliedUndef, ...]
    variables: tuple[sp.Symbol, ...]
    given: tuple[sp.Expr, ...]
    parameters: tuple[sp.Symbol, ...]

    @property
    def exprs(self) -> tuple[sp.Expr, ...]:
        return self.given

    def real(self, complex: Sequence[bool], what: str) -> FieldExpressions:
        """The same in real fields. ``SymbolicError`` for an expression, which is ``what``, that is complex."""
        pairs = self.parts(complex)
        for expr, (_, imaginary) in zip(self.given, pairs, strict=True):
            if sp.simplify(imaginary) != 0:
                raise SymbolicError(f"{what} {expr} is complex")
        return self._made(complex, [real for real, _ in pairs])

    def halves(self, complex: Sequence[bool]) -> FieldExpressions:
        """The same in real fields, real and imaginary part one after the other where they are not zero."""
        return self._made(complex, [part for both in self.parts(complex) for part in both if part != 0])

    def _made(self, complex: Sequence[bool], exprs: Sequence[sp.Expr]) -> FieldExpressions:
        return FieldExpressions(tuple(components(self.fields, complex)), self.variables, tuple(exprs), self.parameters)

    def renamed(self, renaming: Renaming) -> FieldExpressions:
        """The same in symbols of our own: what is compiled."""
        return FieldExpressions(*self.in_own_symbols(renaming))


def components(fields: Sequence[AppliedUndef], complex: Sequence[bool]) -> list[AppliedUndef]:
    """Real fields: functions for the real and then the imaginary part in place of every complex one."""
    found: list[AppliedUndef] = []
    for u, both in zip(fields, complex, strict=True):
        halves = [sp.Function(f"{part}({name_of(u)})", real=True)(*u.args) for part in ("re", "im")]
        found += halves if both else [u]
    return found
