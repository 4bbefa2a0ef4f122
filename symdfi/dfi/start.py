"""Where a fit begins when nothing is known of the ansatz."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.errors import SingularMatrixError
from symdfi.linalg import QR

#: ``rows(theta)``: J (n, p) and √w û (n,) where the fit is made.
Rows = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_TRIALS = 300
#: Relative weight on the linear parameters: units that cancel each other are no good start.
_RIDGE = 1e-6


def extent(problem: Problem, points: np.ndarray) -> np.ndarray:
    """The bounds (dim, 2) of the domain, those of the points where it has no end."""
    bounds = np.array(problem.domain.bounds)
    met = np.stack([points.min(axis=0), points.max(axis=0)], axis=1)
    found = np.where(np.isfinite(bounds), bounds, met)
    # Of a single point nothing is told but where it is.
    found[found[:, 0] >= found[:, 1]] += [-0.5, 0.5]
    return found


def proposals(
    problem: Problem, points: np.ndarray, rows: Rows, goal: np.ndarray, length: int, seed: int, count: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The ``count`` best of many random θ, best first, each with the units of its components: of every parameter
    array the change that changes û by 1, from the norms of J's columns.

    Parameters in which û is linear are solved for (variable projection). What the others mean is not known, so each
    array of them is drawn in one of several roles, changing from trial to trial: places spread over the domain, rates
    between the domain's length and the distance of points, phases, and plain numbers.

    θ has the given ``length``. Trials at which û is not finite, or zero whatever the linear parameters, do not count.
    """
    ansatz = problem.ansatz
    generator = np.random.default_rng(seed)
    places = ansatz.unpack(np.arange(length))
    solved = {str(getattr(p, "label", p)) for p in ansatz.linear}
    linear = np.concatenate([places[n].ravel() for n in ansatz.names if n in solved] or [[]]).astype(int)
    others = [n for n in ansatz.names if n not in solved]
    found: list[tuple[float, np.ndarray]] = []
    for _ in range(_TRIALS if others else 1):
        values = {n: np.zeros(places[n].shape) for n in solved}
        values |= {n: _drawn(extent(problem, points), len(points), places[n].shape, generator) for n in others}
        theta = ansatz.pack(values)
        jacobian, value = rows(theta)
        if not (np.isfinite(jacobian).all() and np.isfinite(value).all()):
            continue
        missing = goal - value
        if linear.size:
            basis = jacobian[:, linear]
            try:
                theta[linear] = QR().solve([(basis, missing)], np.zeros(linear.size), _RIDGE**2, relative=True).v
            except SingularMatrixError:
                continue  # nothing of û at any point
            missing = missing - basis @ theta[linear]
        found.append((float(np.linalg.norm(missing)), theta))
    best = [theta for _, theta in sorted(found, key=lambda one: one[0])[:count]]
    return [(theta, _units(rows(theta)[0], list(places.values()))) for theta in best]


def _units(jacobian: np.ndarray, places: list[np.ndarray]) -> np.ndarray:
    """1 over the root mean square of J's column norms in each parameter array, 1 for an array without effect."""
    units = np.ones(jacobian.shape[1])
    for place in places:
        columns = place.ravel().astype(int)
        norm = float(np.linalg.norm(jacobian[:, columns])) / np.sqrt(max(columns.size, 1))
        if np.isfinite(norm) and norm > 0:
            units[columns] = 1 / norm
    return units


def _drawn(bounds: np.ndarray, samples: int, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """One parameter array in a random role."""
    dim, number = len(bounds), int(np.prod(shape, dtype=int))
    # The variable that each entry may belong to: by its last index, where there are as many of both.
    one_each = dim > 1 and shape[-1:] == (dim,)
    axis = np.broadcast_to(np.arange(dim) if one_each else generator.integers(dim), shape).ravel()
    low, span = bounds[axis, 0], bounds[axis, 1] - bounds[axis, 0]
    role = generator.integers(4)
    if role == 0:
        # One in each of as many parts of the domain, in random order unless there is only one variable.
        parts = np.arange(number) if dim == 1 else generator.permutation(number)
        values = low + span * (parts + generator.random(number)) / max(number, 1)
    elif role == 1:
        finest = max(2.0, samples ** (1 / dim) / 4)
        values = finest ** generator.random() * np.exp(0.3 * generator.normal(size=number)) / span
    elif role == 2:
        values = generator.uniform(-np.pi, np.pi, number)
    else:
        values = 10 ** generator.uniform(-1, 1) * generator.normal(size=number)
    return values.reshape(shape)
