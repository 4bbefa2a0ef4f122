"""Evolution equations ∂ₜu = f(x, t, u, u_x, ...) of one or several fields."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.pickling import Rebuilt
from symdfi.showing import formulas, shortened
from symdfi.symbolic.coordinates import other_time, t
from symdfi.symbolic.given import name_of, no_text, sequence
from symdfi.symbolic.in_fields import InFields, Order, components
from symdfi.symbolic.nonlocals import NonlocalTerm, separated
from symdfi.symbolic.renaming import Renaming


@dataclass(frozen=True, init=False)
class EvolutionEquation(InFields, Rebuilt):
    """``Eq(u(t, x).diff(t), f)`` with f any expression in t, x, u and its space derivatives, or a list of such
    equations, one a field, each f in all ``fields``.

    A right side may hold ``Integral``s over the domain, or over some of the space variables, ``Integral(u, (x, a, b))``
    and ``Integral(W(x - y)*u.subs(x, y), (y, a, b))``, y running along x, in whose place u(t, y) has it.

    Equations linear in the rates are solved for them: ``Eq(u.diff(t) + u*u.diff(x), 0)``, or
    ``[Eq(u.diff(t) + w.diff(t), f), Eq(u.diff(t) - w.diff(t), g)]``. ``right_sides`` are the f, in the order of
    ``fields``: that in which the equations give their rates. Further symbols of f are ``parameters``, given as numbers
    with the ``Problem``.

    A field is ``complex`` where its right side holds i (``sp.I``), where one holds its conjugate, real or imaginary
    part, where it is declared so, ``Function("psi", complex=True)``, or where ``complex`` says so: True of all fields,
    or a list of fields. One declared real is not. t, space and parameters are real.

    Raises ``SymbolicError`` if the equations are not linear in the rates or do not determine them, or hold another time
    derivative or a function that is no field, or another integral; ``TypeError`` for text, which is not evaluated.
    """

    fields: tuple[AppliedUndef, ...]
    variables: tuple[sp.Symbol, ...]
    right_sides: tuple[sp.Expr, ...]
    parameters: tuple[sp.Symbol, ...]
    complex: tuple[bool, ...]

    def __init__(self, equations: sp.Eq | Sequence[sp.Eq], *, complex: bool | Sequence[AppliedUndef] = False) -> None:
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
            self.check_terms(side, "the right side")
        free = set().union(*(side.free_symbols for side in self.right_sides)) - {t, *self.variables}
        object.__setattr__(self, "parameters", tuple(sorted(free, key=sp.default_sort_key)))
        object.__setattr__(self, "complex", _complex(fields, self.right_sides, complex))

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

    @property
    def exprs(self) -> tuple[sp.Expr, ...]:
        """The right sides."""
        return self.right_sides

    def apart(self, variables: Sequence[sp.Symbol]) -> tuple[EvolutionEquation, tuple[NonlocalTerm, ...]]:
        """The same with a symbol in place of every integral, and these, their axes and places by number of
        ``variables``."""
        if not any(f.has(sp.Integral) for f in self.right_sides):
            return self, ()
        sides, terms = separated(self.right_sides, self.fields, variables)
        return _made(self.fields, self.variables, sides, self.parameters), terms

    def renamed(self, renaming: Renaming) -> EvolutionEquation:
        """The same equations in symbols of our own: what is compiled."""
        return _made(*self.in_own_symbols(renaming))

    @functools.cached_property
    def real(self) -> EvolutionEquation:
        """The same in real fields: the real and then the imaginary part in place of every complex one.

        Raises ``SymbolicError`` where the right side of a real field is not real, and for a function of a complex
        argument without a formula.
        """
        if not any(self.complex) and not any(f.has(sp.I) for f in self.right_sides):
            return self
        sides: list[sp.Expr] = []
        for u, both, f, (real, imaginary) in zip(
            self.fields, self.complex, self.right_sides, self.parts(self.complex), strict=True
        ):
            if not both and sp.simplify(imaginary) != 0:
                raise SymbolicError(f"the right side {f} of the real field {u} is complex")
            sides += [real, imaginary][: 1 + both]
        return _made(components(self.fields, self.complex), self.variables, sides, self.parameters)

    @property
    def derivatives(self) -> tuple[Order, ...]:
        """``derivatives_of`` the field, where there is one only; ``SymbolicError`` where there are several."""
        return self.derivatives_of(self.field)

    def __repr__(self) -> str:
        return f"EvolutionEquation({shortened(str(self), 160)})"

    def _repr_latex_(self) -> str:
        pairs = zip(self.fields, self.right_sides, strict=True)
        return formulas(sp.Eq(u.diff(t), f, evaluate=False) for u, f in pairs)

    def __str__(self) -> str:
        pairs = zip(self.fields, self.right_sides, strict=True)
        return ", ".join(str(sp.Eq(u.diff(t), f, evaluate=False)) for u, f in pairs)


def _made(
    fields: Iterable[AppliedUndef],
    variables: Iterable[sp.Symbol],
    right_sides: Iterable[sp.Expr],
    parameters: Iterable[sp.Symbol],
) -> EvolutionEquation:
    """Equations of real fields, of parts that are known to fit."""
    equation = object.__new__(EvolutionEquation)
    fields = tuple(fields)
    given = {"fields": fields, "variables": variables, "right_sides": right_sides, "parameters": parameters}
    for name, value in {**given, "complex": (False,) * len(fields)}.items():
        object.__setattr__(equation, name, tuple(value))
    return equation


def _complex(
    fields: Sequence[AppliedUndef], sides: Sequence[sp.Expr], said: bool | Sequence[AppliedUndef]
) -> tuple[bool, ...]:
    """Which of the fields are complex."""
    named = () if isinstance(said, bool) else sequence(said, "complex")
    for field in named:
        if field not in fields:
            raise SymbolicError(f"complex holds {field}, which is none of the fields {fields}")
        if field.is_real:
            raise SymbolicError(f"complex holds {field}, which is declared real")
    halves = {part for f in sides for part in f.atoms(sp.conjugate, sp.re, sp.im)}
    split = {u.func for part in halves for u in part.atoms(AppliedUndef)}
    return tuple(
        not u.is_real and bool(said is True or u in named or u.func in split or u.is_complex or f.has(sp.I))
        for u, f in zip(fields, sides, strict=True)
    )


def _sides(equation: Any) -> tuple[sp.Expr, sp.Expr]:
    """Both sides of an equation."""
    if not isinstance(equation, sp.Eq):
        raise SymbolicError(f"an evolution equation is Eq(u(t, x).diff(t), f), not {equation!r}")
    # Carried out by the rules of differentiation, so that (u²/2)_x may be left as it is.
    lhs, rhs = (_inside(side.replace(sp.Derivative, lambda e, *by: e.diff(*by))) for side in equation.args)
    for integral in {*lhs.atoms(sp.Integral), *rhs.atoms(sp.Integral)}:
        if any(t in d.variables for d in integral.atoms(sp.Derivative)):
            raise SymbolicError(f"{integral} holds a time derivative: write the equation without it")
    return lhs, rhs


def _inside(side: sp.Expr) -> sp.Expr:
    """Derivatives of conjugates, real and imaginary parts as those of derivatives: time and space are real."""
    found = [d for d in side.atoms(sp.Derivative) if isinstance(d.expr, sp.conjugate | sp.re | sp.im)]
    return side.xreplace({d: d.expr.func(d.expr.args[0].diff(*d.variables)) for d in found})


def _rates(pairs: Sequence[tuple[sp.Expr, sp.Expr]]) -> tuple[sp.Derivative, ...]:
    """The time derivatives in the equations, of first order, as many as there are equations."""
    if not pairs:
        raise SymbolicError("an evolution equation is Eq(u(t, x).diff(t), f): the list of them is empty")
    rates: dict[sp.Derivative, None] = {}
    for lhs, rhs in pairs:
        found = {d for side in (lhs, rhs) for d in side.atoms(sp.Derivative) if t in d.variables}
        if not found:
            of_another = other_time(lhs, rhs)
            advice = f"; its {of_another} is not sd.t" if of_another else ""
            raise SymbolicError(f"the equation {lhs} = {rhs} holds no time derivative u(sd.t, x).diff(sd.t){advice}")
        for rate in sorted(found, key=str):
            if rate.variables != (t,) or not isinstance(rate.expr, AppliedUndef):
                raise SymbolicError(_not_a_rate(rate))
        rates |= dict.fromkeys(sorted(found, key=lambda rate, lhs=lhs: (rate != lhs, str(rate))))
    if len(rates) > len(pairs):
        held = "the equation holds" if len(pairs) == 1 else f"the {len(pairs)} equations hold"
        more = "more than one time derivative" if len(pairs) == 1 else f"{len(rates)} time derivatives"
        raise SymbolicError(f"{held} {more}: {sorted(rates, key=str)}")
    if len(rates) < len(pairs):
        raise SymbolicError(f"{len(pairs)} equations hold only the time derivatives {sorted(rates, key=str)}")
    return tuple(rates)


def _not_a_rate(rate: sp.Derivative) -> str:
    """What to do about a time derivative that is none of first order of a field."""
    found = f"{rate} is not the first time derivative of a field"
    if isinstance(rate.expr, AppliedUndef) and rate.variables.count(t) > 1:
        name = name_of(rate.expr)
        return (
            f"{found}: write the equation as a system of first order, with a further field p for {name}_t, "
            f"[Eq({name}.diff(t), p), Eq(p.diff(t), ...)], or give its sd.LagrangianDensity, whose evolution() is one"
        )
    return f"{found}: write the equation without it"


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
