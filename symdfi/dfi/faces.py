"""What holds on the faces of a box: Dirichlet's and Neumann's conditions, and which faces ask for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.dfi.boundary import BoundaryCondition
from symdfi.dfi.domain import Box
from symdfi.dfi.sampling import Quadrature
from symdfi.errors import SymbolicError
from symdfi.showing import Settings
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.decay import decays
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import Lookup, expression
from symdfi.symbolic.periodic import is_periodic

#: What a user says of an ansatz that fulfils the conditions of the remaining faces for every θ.
IN_THE_ANSATZ = "in the ansatz"
#: û at two ends is the same up to so much of its size.
_SAME = 1e-6
_WAYS = 'sd.Dirichlet(...), sd.Neumann(...), sd.BoundaryCondition(Eq(...)), a list of them, or "in the ansatz"'


@dataclass(frozen=True)
class _Given(Settings):
    value: Any = 0
    on: Mapping[Any, float | Sequence[float]] | None = None
    weight: float = 1.0
    rate: float = 0.0
    quadrature: Quadrature | None = None

    def conditions(self, fields: Sequence[AppliedUndef], ansatz: Ansatz, box: Box) -> Iterator[BoundaryCondition]:
        """The conditions as equations of the fields, the box's axes being the ansatz's variables."""
        raise NotImplementedError

    def _values(self, fields: Sequence[AppliedUndef]) -> dict[AppliedUndef, sp.Expr]:
        """The value by field: the same for all, or those that a mapping names."""
        what = f"the value of {type(self).__name__}"
        if not isinstance(self.value, Mapping):
            return dict.fromkeys(fields, expression(self.value, what))
        unknown = lambda name: f"{what} is given for {name}, which is no field: {', '.join(map(str, fields))}"  # noqa: E731
        found = Lookup(fields, "fields").read(self.value, unknown)
        return {field: expression(value, f"{what} for {field}") for field, value in found.items()}

    def _made(self, left: sp.Expr, value: sp.Expr, on: Mapping[Any, Any] | None) -> BoundaryCondition:
        equation = sp.Eq(left, value, evaluate=False)
        return BoundaryCondition(equation, on, self.weight, self.rate, self.quadrature)


@dataclass(frozen=True)
class Dirichlet(_Given):
    """u = ``value`` on faces of the box: 0, any expression in t and x, or a mapping, ``{u: 0, w: sp.sin(sd.t)}``, of
    some of several fields.

    ``on`` gives by variable the ends at which it holds, ``{x: -1}`` or ``{x: (-1, 1), y: 0}``; without it these are
    all faces but those of periodic axes. ``weight``, ``rate`` and ``quadrature`` are those of the
    ``BoundaryCondition`` that it stands for.

    Raises, with the problem, ``ValueError`` for a value of what is no field and what ``BoundaryCondition`` raises.
    """

    def conditions(self, fields: Sequence[AppliedUndef], ansatz: Ansatz, box: Box) -> Iterator[BoundaryCondition]:
        for field, value in self._values(fields).items():
            yield self._made(field, value, self.on)


@dataclass(frozen=True)
class Neumann(_Given):
    """∂u/∂n = ``value`` on faces of the box, n the outward normal: u_x at the upper end of x and −u_x at its lower.

    Everything else is as for ``Dirichlet``.
    """

    def conditions(self, fields: Sequence[AppliedUndef], ansatz: Ansatz, box: Box) -> Iterator[BoundaryCondition]:
        everywhere = BoundaryCondition(sp.Eq(fields[0], 0, evaluate=False), self.on)
        faces = list(everywhere.faces(ansatz.variables, box))
        for field, value in self._values(fields).items():
            for axis, end in faces:
                x = ansatz.variables[axis]
                outward = value if end == box.bounds[axis][1] else -value
                yield self._made(field.diff(x), outward, {x: end})


#: All that a problem takes as its ``boundary``.
Condition = BoundaryCondition | Dirichlet | Neumann | str


def conditions(
    boundary: Condition | Sequence[Condition] | None, equation: EvolutionEquation, ansatz: Ansatz, box: Box
) -> tuple[tuple[BoundaryCondition, ...], tuple[tuple[int, float], ...]]:
    """The conditions that ``boundary`` says, and the faces, an axis and an end each, that it says to be fulfilled by
    the ansatz.

    Raises ``SymbolicError`` where a face has neither and asks for one, ``TypeError`` for anything else than a
    condition, ``ValueError`` for another text.
    """
    one = boundary is None or isinstance(boundary, BoundaryCondition | Dirichlet | Neumann | str)
    given = () if boundary is None else (boundary,) if one else _listed(boundary)
    found: list[BoundaryCondition] = []
    for k, condition in enumerate(given):
        name = "boundary" if one else f"boundary[{k}]"
        if isinstance(condition, Dirichlet | Neumann):
            found += condition.conditions(equation.fields, ansatz, box)
        elif isinstance(condition, BoundaryCondition):
            found.append(condition)
        elif not isinstance(condition, str):
            raise TypeError(f"{name} is {condition}: give {_WAYS}")
        elif condition != IN_THE_ANSATZ:
            raise ValueError(f"{name} is {condition!r}: give {_WAYS}; an axis is made periodic by Box(periodic=True)")
    asking = tuple(_asking(equation, ansatz, box, {f for c in found for f in c.faces(ansatz.variables, box)}))
    if asking and IN_THE_ANSATZ not in given:
        raise SymbolicError(_advice(equation, ansatz, box, asking))
    return tuple(found), asking


def _listed(boundary: Any) -> tuple[Any, ...]:
    if not isinstance(boundary, Sequence):
        raise TypeError(f"boundary is {boundary}: give {_WAYS}")
    return tuple(boundary)


def _asking(
    equation: EvolutionEquation, ansatz: Ansatz, box: Box, held: set[tuple[int, float]]
) -> Iterator[tuple[int, float]]:
    """The faces that need a condition and are not ``held`` by one.

    They are the finite ends of axes that are not periodic, along which the equation has derivatives of a field whose
    ansatz does not decay: one that does is as on free space. Derivatives of first order carry values in through one of
    both ends and out through the other, which needs none.
    """
    for axis, (x, ends) in enumerate(zip(ansatz.variables, box.bounds, strict=True)):
        orders = [order_of(equation, field, x) for field in equation.fields]
        if box.periodic[axis] or not any(orders):
            continue
        faces = [(axis, end) for end in ends if abs(end) < float("inf")]
        if max(orders) == 1 and held & set(faces):
            continue
        pairs = zip(orders, ansatz.exprs, strict=True)
        if not all(decays(expr, x) for order, expr in pairs if order):
            yield from (face for face in faces if face not in held)


def check_periodic(problem: Any, boundary: Condition | Sequence[Condition] | None) -> None:
    """``SymbolicError`` where an axis is periodic, the equation has derivatives along it, and û is not the same at its
    two ends, whatever θ is.

    û is if its symbols tell so; where it falls to 0 far from where it lies, the box is a window; else it is evaluated
    at both ends with three θ at random. What the user says to be in the ansatz is taken as said.
    """
    given = boundary if isinstance(boundary, list | tuple) else (boundary,)
    equation, ansatz, box = problem.equation, problem.ansatz, problem.domain
    if IN_THE_ANSATZ in given:
        return
    for axis, (x, (low, high)) in enumerate(zip(ansatz.variables, box.bounds, strict=True)):
        orders = [order_of(equation, field, x) for field in equation.fields]
        pairs = [(f, expr) for f, order, expr in zip(equation.fields, orders, ansatz.exprs, strict=True) if order]
        if not box.periodic[axis] or not any(orders):
            continue
        if all(is_periodic(expr, x, high - low) or decays(expr, x) for _, expr in pairs):
            continue
        if (off := _apart(problem, axis)) > _SAME:
            raise SymbolicError(
                f"the axis {x} is periodic, and the ansatz is not: û at {x} = {low:g} and {high:g} differ by "
                f"{off:.0%} of its size for θ at random. Give it the period, sd.mlp([{x}], ..., "
                f"period=[{high - low:g}]) or sd.fourier, or functions of sin and cos of 2*pi*{x}/{high - low:g}; "
                f'or say by boundary="{IN_THE_ANSATZ}" that û fulfils it for every θ that occurs'
            )


def _apart(problem: Any, axis: int) -> float:
    """max |û(low) − û(high)| / max |û| at the two ends of an axis, for θ at random: the least of three, 0 where û is
    not finite. Sizes that are symbols are 2."""
    rng, box, ansatz = np.random.default_rng(0), problem.domain, problem.ansatz
    if len(ansatz.sizes) > 1:
        return 0.0  # no θ tells them, as whoever evaluates û will be told
    length = ansatz.length(dict.fromkeys(ansatz.sizes, 2))
    low, high = (np.where(np.isfinite(ends), ends, 0.0) for ends in np.transpose(box.bounds))
    inside = low + (high - low) * rng.random((8, box.dim))
    ends = [inside.copy(), inside.copy()]
    for points, end in zip(ends, box.bounds[axis], strict=True):
        points[:, axis] = end
    found = []
    for _ in range(3):
        theta = rng.normal(size=length)
        one, other, middle = (np.asarray(problem.values(theta, points)) for points in (*ends, inside))
        size = max(np.abs(one).max(), np.abs(other).max(), np.abs(middle).max())
        found.append(np.abs(one - other).max() / size if 0 < size < np.inf else 0.0)
    return float(min(found))


def order_of(equation: EvolutionEquation, field: AppliedUndef, x: sp.Symbol) -> int:
    """The highest derivative by x of a field in the right sides, those under integrals apart."""
    sides = [side.replace(lambda e: isinstance(e, sp.Integral), lambda e: sp.Dummy()) for side in equation.right_sides]
    held = {d for side in sides for d in side.atoms(sp.Derivative) if d.expr == field}
    return max((d.variables.count(x) for d in held), default=0)


def _advice(equation: EvolutionEquation, ansatz: Ansatz, box: Box, asking: Sequence[tuple[int, float]]) -> str:
    axes = sorted({axis for axis, _ in asking})
    where = " and ".join(f"{ansatz.variables[axis]} = {end:g}" for axis, end in asking)
    names = ", ".join(str(ansatz.variables[axis]) for axis in axes)
    bounds = ", ".join(f"({a:g}, {b:g})" for a, b in box.bounds)
    periodic = True if len(axes) == box.dim else [k in axes or flag for k, flag in enumerate(box.periodic)]
    return (
        f"the equation needs a condition at {where}: it has derivatives by {names}, and the ansatz does not fall to 0 "
        f"for {names} → ±∞ whatever its parameters. Say what holds there: "
        "boundary=sd.Dirichlet(0) or sd.Neumann(0) or sd.BoundaryCondition(Eq(...)), rows beside those of the "
        f'equation; boundary="{IN_THE_ANSATZ}" if the ansatz fulfils its condition for every θ, as (1 - x**2)*net does '
        f"u = 0 at x = ±1; or a periodic axis, Box([{bounds}], periodic={periodic}), with period= in "
        "the ansatz"
    )
