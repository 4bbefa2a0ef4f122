"""Evolution equations ∂ₜu = f(x, t, u, u_x, ...) of one or several fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of, no_text, sequence
from symdfi.symbolic.renaming import Renaming

#: A space derivative as the variables it is by, in their order: ``()`` is the field itself.
Order = tuple[sp.Symbol, ...]


@dataclass(frozen=True, init=False)
class EvolutionEquation(Rebuilt):
    """``Eq(u(t, x).diff(t), f)`` with f any expression in t, x, u and its space derivatives, or a list of such
    equations, one a field, each f in all ``fields``.

    Equations linear in the rates are solved for them: ``Eq(u.diff(t) + u*u.diff(x), 0)``, or
    ``[Eq(u.diff(t) + w.diff(t), f), Eq(u.diff(t) - w.diff(t), g)]``. ``right_sides`` are the f, in the order of
    ``fields``: that in which the equations give their rates. Further symbols of f are ``parameters``, given as numbers
    with the ``Problem``.

    Raises ``SymbolicError`` if the equations are not linear in the rates or do not determine them, or hold another time
    derivative or a function that is no field; ``TypeError`` for text, which is not evaluated.
    """

    fields: tuple[AppliedUndef, ...]
    variables: tuple[sp.Symbol, ...]
    right_sides: tuple[sp.Expr, ...]
    parameters: tuple[sp.Symbol, ...]

    def __init__(self, equations: sp.Eq | Sequence[sp.Eq]) -> None:
        no_text(equations, "the evolution equation")
        given = (equations,) if isinstance(equations, sp.Basic) else sequence(equations, "the evolution equations")
        pairs = [_sides(equation) for equation in given]
        rates = _rates(pairs)
        fields = tuple(rate.expr for rate in rates)
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "variables", _variables(fields))
        solved = dict(pairs)
        if set(solved) != set(rates) or any(side.has(*rates) for side in solved.values()):
            solved = _solved([lhs - rhs for lhs, rhs in pairs], rates)
        object.__setattr__(self, "right_sides", tuple(solved[rate] for rate in rates))
        for side in self.right_sides:
            self._check(side)
        free = set().union(*(side.free_symbols for side in self.right_sides)) - {t, *self.variables}
        object.__setattr__(self, "parameters", tuple(sorted(free, key=sp.default_sort_key)))

    def _check(self, side: sp.Expr) -> None:
        others = side.atoms(AppliedUndef) - set(self.fields)
        if others:
            which = f"not the field {self.fields[0]}" if len(self.fields) == 1 else f"none of the fields {self.fields}"
            raise SymbolicError(f"the right side holds {min(others, key=str)}, which is {which}")
        for derivative in sorted(side.atoms(sp.Derivative), key=str):
            if derivative.expr not in self.fields or not set(derivative.variables) <= set(self.variables):
                raise SymbolicError(f"{derivative} is no space derivative of {', '.join(map(str, self.fields))}")
        arrays = side.atoms(sp.Indexed)
        if arrays:
            raise SymbolicError(f"the right side holds {min(arrays, key=str)}: parameters must be numbers")

    @property
    def field(self) -> AppliedUndef:
        """The field, where there is one only; ``SymbolicError`` where there are several."""
        return self._only(self.fields)

    @property
    def rhs(self) -> sp.Expr:
        """f, where there is one field only; ``SymbolicError`` where there are several."""
        return self._only(self.right_sides)

    def _only(self, values: tuple) -> sp.Expr:
        if len(values) > 1:
            raise SymbolicError(f"there are several fields, {self.fields}: see fields and right_sides")
        return next(iter(values))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names, under which results hold them."""
        return tuple(map(name_of, self.fields))

    def renamed(self, renaming: Renaming) -> EvolutionEquation:
        """The same equations in symbols of our own: what is compiled."""
        put = dict(zip(self.fields, self._numbered(renaming.of), strict=True))
        fields = tuple(put[u] for u in self.fields)
        put |= {x: renaming.of(x) for x in (*self.variables, *self.parameters)}
        parameters = sorted(map(renaming.of, self.parameters), key=sp.default_sort_key)
        variables = tuple(map(renaming.of, self.variables))
        return _made(fields, variables, [f.xreplace(put) for f in self.right_sides], parameters)

    @property
    def terms(self) -> tuple[sp.Expr, ...]:
        """The right sides without the names of the fields, which are none of the symbols."""
        put = dict(zip(self.fields, self._numbered(lambda x: x), strict=True))
        return tuple(f.xreplace(put) for f in self.right_sides)

    def _numbered(self, of: Callable[[sp.Symbol], sp.Symbol]) -> list[AppliedUndef]:
        arguments = [[t if x == t else of(x) for x in u.args] for u in self.fields]
        return [sp.Function(f"u{k}")(*given) for k, given in enumerate(arguments)]

    @property
    def derivatives(self) -> tuple[Order, ...]:
        """``derivatives_of`` the field, where there is one only; ``SymbolicError`` where there are several."""
        return self.derivatives_of(self.field)

    def derivatives_of(self, field: AppliedUndef) -> tuple[Order, ...]:
        """The space derivatives of a field in the right sides, lower orders first, beginning with the field itself."""
        held = {d for f in self.right_sides for d in f.atoms(sp.Derivative) if d.expr == field}
        found = {(), *map(self._by, held)}
        return tuple(sorted(found, key=lambda d: (len(d), [self.variables.index(x) for x in d])))

    def _by(self, derivative: sp.Derivative) -> Order:
        return tuple(sorted(derivative.variables, key=self.variables.index))

    def with_values(self, values: Mapping[AppliedUndef, Mapping[Order, sp.Expr]]) -> tuple[sp.Expr, ...]:
        """The right sides with the given expressions in place of every field and its derivatives."""
        derivatives = {d for f in self.right_sides for d in f.atoms(sp.Derivative)}
        put = {d: values[d.expr][self._by(d)] for d in derivatives}
        fields = {u: values[u][()] for u in self.fields}
        return tuple(f.xreplace(put).xreplace(fields) for f in self.right_sides)

    def __str__(self) -> str:
        pairs = zip(self.fields, self.right_sides, strict=True)
        return ", ".join(str(sp.Eq(u.diff(t), f, evaluate=False)) for u, f in pairs)


def _made(
    fields: Iterable[AppliedUndef],
    variables: Iterable[sp.Symbol],
    right_sides: Iterable[sp.Expr],
    parameters: Iterable[sp.Symbol],
) -> EvolutionEquation:
    """Equations of parts that are known to fit."""
    equation = object.__new__(EvolutionEquation)
    for name, value in zip(("fields", "variables", "right_sides", "parameters"),
                           (fields, variables, right_sides, parameters), strict=True):  # fmt: skip
        object.__setattr__(equation, name, tuple(value))
    return equation


def _sides(equation: Any) -> tuple[sp.Expr, sp.Expr]:
    """Both sides of an equation."""
    if not isinstance(equation, sp.Eq):
        raise SymbolicError(f"an evolution equation is Eq(u(t, x).diff(t), f), not {equation!r}")
    # Carried out by the rules of differentiation, so that (u²/2)_x may be left as it is.
    lhs, rhs = (side.replace(sp.Derivative, lambda e, *by: e.diff(*by)) for side in equation.args)
    return lhs, rhs


def _rates(pairs: Sequence[tuple[sp.Expr, sp.Expr]]) -> tuple[sp.Derivative, ...]:
    """The time derivatives in the equations, of first order, as many as there are equations."""
    if not pairs:
        raise SymbolicError("an evolution equation is Eq(u(t, x).diff(t), f): the list of them is empty")
    rates: dict[sp.Derivative, None] = {}
    for lhs, rhs in pairs:
        found = {d for side in (lhs, rhs) for d in side.atoms(sp.Derivative) if t in d.variables}
        if not found:
            raise SymbolicError(f"the equation {lhs} = {rhs} holds no time derivative u(t, x).diff(t)")
        for rate in sorted(found, key=str):
            if rate.variables != (t,) or not isinstance(rate.expr, AppliedUndef):
                raise SymbolicError(
                    f"{rate} is not the first time derivative of a field: write the equation without it"
                )
        rates |= dict.fromkeys(sorted(found, key=lambda rate, lhs=lhs: (rate != lhs, str(rate))))
    if len(rates) > len(pairs):
        held = "the equation holds" if len(pairs) == 1 else f"the {len(pairs)} equations hold"
        more = "more than one time derivative" if len(pairs) == 1 else f"{len(rates)} time derivatives"
        raise SymbolicError(f"{held} {more}: {sorted(rates, key=str)}")
    if len(rates) < len(pairs):
        raise SymbolicError(f"{len(pairs)} equations hold only the time derivatives {sorted(rates, key=str)}")
    return tuple(rates)


def _variables(fields: tuple[AppliedUndef, ...]) -> tuple[sp.Symbol, ...]:
    """The space variables that all fields are functions of."""
    variables = tuple(a for a in fields[0].args if a != t)
    for field in fields:
        others = set(field.args) - {t}
        if t not in field.args or not all(isinstance(x, sp.Symbol) for x in others) or not others:
            raise SymbolicError(f"the field {field} must be a function of t and space variables")
        if others != set(variables):
            raise SymbolicError(f"the fields {fields[0]} and {field} are functions of different variables")
    for name in (names := [name_of(u) for u in fields]):
        if names.count(name) > 1:
            raise SymbolicError(f"two fields are named {name}")
    return variables


def _solved(zeros: Sequence[sp.Expr], rates: Sequence[sp.Derivative]) -> dict[sp.Derivative, sp.Expr]:
    """The right side of each rate, from expressions that are zero, and linear in the rates."""
    symbols = {rate: sp.Dummy("rate") for rate in rates}
    rows = []
    for zero in zeros:
        linear = zero.xreplace(symbols)
        factors = [sp.expand(linear.diff(symbol)) for symbol in symbols.values()]
        for rate, factor in zip(rates, factors, strict=True):
            if factor.has(*symbols.values()):
                raise SymbolicError(f"the equation {zero} = 0 is not linear in the time derivative {rate}")
        factors = [sp.S.Zero if sp.simplify(factor) == 0 else factor for factor in factors]
        if len(rates) == 1 and not any(factors):
            raise SymbolicError(f"the time derivative {rates[0]} cancels from the equation {zero} = 0")
        rows.append((factors, -linear.xreplace(dict.fromkeys(symbols.values(), sp.S.Zero))))
    matrix, sides = sp.Matrix([factors for factors, _ in rows]), sp.Matrix([side for _, side in rows])
    if len(rows) > 1 and sp.simplify(matrix.det()) == 0:
        which = ", ".join(f"{zero} = 0" for zero in zeros)
        raise SymbolicError(f"the equations {which} do not determine the time derivatives {', '.join(map(str, rates))}")
    return dict(zip(rates, matrix.LUsolve(sides, iszerofunc=lambda e: sp.simplify(e) == 0), strict=True))
