"""A Lagrangian density on a parametrized ansatz: L(θ, θ̇) = Σ_s w_s 𝓛(û(x_s; θ), J(x_s; θ) θ̇, ∂û/∂x, ...).

Everything stays in index form: one sum over the samples around the sums of the ansatz, whatever their sizes are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic import private
from symdfi.symbolic.complexes import parts
from symdfi.symbolic.coordinates import rate_name, t
from symdfi.symbolic.density import LagrangianDensity
from symdfi.symbolic.euler import Order, jet
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable, derivative, tangent
from symdfi.symbolic.sums import PlainSum, canonical, normalise


@dataclass(frozen=True)
class Reduction:
    """``lagrangian`` L in the ``coordinates`` θ and ``velocities`` θ̇; ``points`` x_s, an array a space variable, and
    the ``weights`` w_s are its arrays of ``size`` elements each."""

    lagrangian: sp.Expr
    coordinates: tuple[Variable, ...]
    velocities: tuple[Variable, ...]
    points: tuple[sp.IndexedBase, ...]
    weights: sp.IndexedBase
    size: sp.Symbol


def reduction(
    density: LagrangianDensity,
    ansatz: Mapping[AppliedUndef, sp.Expr],
    variables: Sequence[sp.Symbol],
    parameters: Sequence[Variable],
) -> Reduction:
    """The density with the ``ansatz`` û(x; θ) in place of each field, over ``parameters`` θ; a complex field's may be.

    Raises ``SymbolicError`` where density and ansatz share the name of a parameter, for a complex ansatz of a real
    field, and for what has no derivative.
    """
    names = {name_of(p) for p in parameters} | {s.name for p in parameters for s in _extent_symbols(p)}
    for symbol in density.parameters:
        if symbol.name in names:
            raise SymbolicError(f"{symbol} is a parameter of both the density and the ansatz")
    names |= {name_of(s) for s in (*density.parameters, *variables)}
    velocities = tuple(_velocity(p, names) for p in parameters)
    size = sp.Symbol(_free("n_samples", names), integer=True, positive=True)
    arrays = [_free("weights", names), *(_free(f"samples_{name_of(x)}", names) for x in variables)]
    weights, *points = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(size,)) for name in arrays)
    moves = dict(zip(parameters, velocities, strict=True))
    put: dict[sp.Basic, sp.Expr] = {}
    for field, own in density.components.items():
        for component, expr in zip(own, _real_exprs(field, own, ansatz[field]), strict=True):
            values = _derivatives(expr, jet(density.real_expr, component), moves)
            put |= {node: values[order] for order, node in jet(density.real_expr, component).items()}
    s = private.dummy("s")
    at_sample = {x: array[s] for x, array in zip(variables, points, strict=True)}
    # Derivatives hold the fields: one pass from the outside in.
    body = normalise(_placed(density.real_expr, put)).xreplace(at_sample)
    lagrangian = canonical(PlainSum(weights[s] * body, (s, sp.S.Zero, size - 1)))
    return Reduction(lagrangian, tuple(parameters), velocities, tuple(points), weights, size)


def _real_exprs(field: AppliedUndef, own: tuple[AppliedUndef, ...], expr: sp.Expr) -> tuple[sp.Expr, ...]:
    real, imaginary = parts(normalise(expr))
    if len(own) == 2:
        return real, imaginary
    if imaginary != 0:
        raise SymbolicError(f"the ansatz of the real field {field} is complex: {expr}")
    return (real,)


def _derivatives(expr: sp.Expr, wanted: Iterable[Order], moves: Mapping[Variable, Variable]) -> dict[Order, sp.Expr]:
    """û and its derivatives, in space first; in time along θ̇."""
    found: dict[Order, sp.Expr] = {(): expr}

    def of(order: Order) -> sp.Expr:
        if order not in found:
            last = t if t in order else order[-1]
            rest = list(order)
            rest.remove(last)
            below = of(tuple(rest))
            found[order] = tangent(below, moves) if last == t else derivative(below, last)
        return found[order]

    return {order: of(order) for order in wanted}


def _placed(expr: sp.Basic, put: Mapping[sp.Basic, sp.Expr]) -> sp.Expr:
    """``expr`` with nodes replaced; functions are not evaluated: SymPy's search for special values walks all sums."""
    if expr in put:
        return put[expr]
    if not expr.args or not any(expr.has(node) for node in put):
        return expr
    args = [_placed(arg, put) for arg in expr.args]
    return expr.func(*args, evaluate=False) if isinstance(expr, sp.Function) else expr.func(*args)


def _velocity(parameter: Variable, names: set[str]) -> Variable:
    label = sp.Symbol(_free(rate_name(name_of(parameter)), names), real=True)
    return sp.IndexedBase(label, shape=parameter.shape) if isinstance(parameter, sp.IndexedBase) else label


def _free(name: str, names: set[str]) -> str:
    """A name that is not taken, which it is from then on."""
    while name in names:
        name = f"{name}_"
    names.add(name)
    return name


def _extent_symbols(parameter: Variable) -> set[sp.Symbol]:
    shape = parameter.shape if isinstance(parameter, sp.IndexedBase) else ()
    return {s for extent in shape for s in sp.sympify(extent, strict=True).free_symbols}
