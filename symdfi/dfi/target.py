"""What an ansatz is fitted to: expressions, functions of the points, or data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dfi.problem import Problem
from symdfi.dfi.sampling.base import finite_points
from symdfi.errors import SymbolicError
from symdfi.numbers import complexes, reals
from symdfi.symbolic.complexes import parts
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import explicit, normalise

#: A SymPy expression in the variables, or a function of points (n, dim) or (n,); of several fields one each, in a list
#: or by field; or ``(points, values)``.
Target = sp.Expr | Callable | tuple | Sequence[sp.Expr | Callable] | Mapping[Any, sp.Expr | Callable]


class Fitted(np.ndarray):
    """θ with the ``target`` it was fitted to and the names of the fields that is of: ``evolve`` measures the initial
    error by it. What is computed from it, copies too, is plain: its target is None."""

    target: Target | None
    fields: tuple[str, ...]

    def __new__(cls, theta: np.ndarray, target: Target, problem: Problem) -> Fitted:
        made = np.array(theta).view(cls)
        made.target, made.fields = target, tuple(problem.equation.names)
        return made

    def __array_finalize__(self, obj: np.ndarray | None) -> None:
        self.target, self.fields = None, ()


def samples(problem: Problem, u0: Target, fresh: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, dim), weights (n,) and values (n, components): a target at the problem's points (or at the independent
    ones, ``fresh``), or data.

    Raises ``ValueError`` for shapes that do not fit, for what is not finite, and naming a field without a target,
    ``TypeError`` for what is no target.
    """
    if isinstance(u0, tuple) and not all(map(_is_one, u0)):
        points, values = _data(problem, u0)
        # Where the domain has no end nothing tells the measure of the data: it is then 1.
        weights = np.full(len(points), (problem.domain.volume if problem.domain.finite else 1.0) / len(points))
    else:
        points, weights = problem.points, problem.weights
        if fresh:
            points, weights = problem.fresh_points, problem.fresh_weights
        targets = enumerate(_targets(problem, u0))
        values = problem.components.stacked([_evaluated(problem, one, points, field) for field, one in targets])
    finite_points(points, "point")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(f"the initial value at sample {bad} (x = {points[bad]}) is not finite: {_shown(values[bad])}")
    return np.require(points, requirements=["C", "W"]), weights, values


def at_points(problem: Problem, u0: Any, points: np.ndarray) -> np.ndarray:
    """A target that is no data at ``points`` (n, dim): (n,), or (F, n) of F fields, complex where one of them is.

    Raises what ``samples`` does.
    """
    values = [_evaluated(problem, one, points, field) for field, one in enumerate(_targets(problem, u0))]
    return problem.components.joined(problem.components.stacked(values))


def distance(problem: Problem, theta: np.ndarray, u0: Target) -> float:
    """‖û − u₀‖ in L² on points independent of those solved on, or over the data; infinite or NaN where it overflows."""
    points, weights, values = samples(problem, u0, fresh=True)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.linalg.norm(problem.roots(weights) * (problem.values(theta, points) - values)))


def in_time(problem: Problem, reference: Any) -> Callable[[float], list[Callable[[np.ndarray], np.ndarray]]]:
    """A target at any time, from expressions in the variables and t, or functions of points and a time, one a field.

    Raises what ``samples`` does.
    """
    functions = []
    for field, one in enumerate(_targets(problem, reference)):
        if isinstance(one, sp.Expr | int | float | complex):
            compiled = _compiled(problem, one, field, "the reference", t)
            flat = problem.domain.dim == 1
            one = lambda x, time, f=compiled, flat=flat: f(x[:, None] if flat else x, time)  # noqa: E731
        elif not callable(one):
            raise TypeError(f"a reference is a SymPy expression or a function of points and time, not {one!r}")
        functions.append(one)
    return lambda time: [functools.partial(_at, one, time) for one in functions]


def _at(function: Callable[..., np.ndarray], time: float, points: np.ndarray) -> np.ndarray:
    return function(points, time)


def _is_one(target: Any) -> bool:
    """Whether a target is one of a single field."""
    return isinstance(target, sp.Expr | int | float | complex) or callable(target)


def _shown(values: np.ndarray) -> str:
    return str(values[0]) if len(values) == 1 else str(values)


def _data(problem: Problem, u0: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, dim) and values (n, components) of data."""
    if len(u0) != 2:
        raise ValueError(f"u0 is data (points, values), not {len(u0)} arrays")
    points, values = reals(u0[0], "u0, the points of the data,"), complexes(u0[1], "u0, the values of the data,")
    points = points[:, None] if points.ndim == 1 else points
    fields = len(problem.equation.fields)
    one_each = (len(points),) if fields == 1 else (len(points), fields)
    if points.ndim != 2 or points.shape[1] != problem.domain.dim or values.shape != one_each:
        shape = "(n,)" if fields == 1 else f"(n, {fields})"
        raise ValueError(
            f"data of shapes {points.shape} and {values.shape}: expected (n, {problem.domain.dim}) and {shape}"
        )
    if len(points) == 0:
        raise ValueError("the data holds no sample")
    columns = [values] if fields == 1 else list(values.T)
    for k, column in enumerate(columns):
        columns[k] = _fitting(problem, k, column, "u0, the data,")
    return points, problem.components.stacked(columns)


def _targets(problem: Problem, u0: Any) -> Sequence[Any]:
    """One target a field, in their order."""
    names = problem.equation.names
    if isinstance(u0, Mapping):
        given = {name_of(field): target for field, target in u0.items()}
        for name in given:
            if name not in names:
                raise ValueError(f"u0 is given for {name}, which is no field: {', '.join(names)}")
        for name in names:
            if name not in given:
                raise ValueError(f"u0 holds nothing for the field {name}")
        return [given[name] for name in names]
    targets = list(u0) if isinstance(u0, list | tuple) else [u0]
    if len(targets) != len(names):
        raise ValueError(f"u0 holds {len(targets)} initial values for the fields {', '.join(names)}: give one each")
    return targets


def _evaluated(problem: Problem, u0: Any, points: np.ndarray, field: int) -> np.ndarray:
    """The target of one field at the points."""
    what = "u0" if len(problem.equation.fields) == 1 else f"u0 of {problem.equation.names[field]}"
    if isinstance(u0, sp.Expr | int | float | complex):
        values = _compiled(problem, u0, field, what)(points)
    elif callable(u0):
        values = complexes(u0(points[:, 0] if problem.domain.dim == 1 else points), f"what {what} gave")
    else:
        raise TypeError(f"{what} is a SymPy expression, a function or (points, values), not {type(u0).__name__}")
    if values.shape != (len(points),):
        raise ValueError(f"{what} gave values of shape {values.shape} at {len(points)} points")
    return _fitting(problem, field, values, what)


def _compiled(
    problem: Problem, target: sp.Expr | complex, field: int, what: str, *more: sp.Symbol
) -> Callable[..., np.ndarray]:
    """An expression as a function of points (n, dim), and of a number for each of ``more`` symbols."""
    variables = (*problem.ansatz.variables, *more)
    real, imaginary = parts(normalise(explicit(sp.sympify(target, strict=True))))
    if imaginary != 0 and not problem.equation.complex[field]:
        raise SymbolicError(f"{what} is complex, but {problem.equation.names[field]} is a real field: {target}")
    function = compile_function({"real": real, "imaginary": imaginary}, list(variables))

    def values(points: np.ndarray, *numbers: float) -> np.ndarray:
        columns = (*points.T, *(np.full(len(points), number) for number in numbers))
        found = function(dict(zip(variables, columns, strict=True)))
        return found["real"] + 1j * found["imaginary"] if problem.equation.complex[field] else found["real"]

    return values


def _fitting(problem: Problem, field: int, values: np.ndarray, what: str) -> np.ndarray:
    """Values of a field: real ones where it is real."""
    if problem.equation.complex[field]:
        return values
    if np.any(np.imag(values) != 0):
        raise ValueError(f"{what} is complex, but {problem.equation.names[field]} is a real field")
    return np.real(values)
