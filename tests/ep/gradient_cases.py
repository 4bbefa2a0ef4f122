"""Systems, costs and ends, and their gradients by dense algebra: what gradients are tested on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
q, v = sd.coordinates("q")
r, s = sd.coordinates("r")
x, u = sd.coordinates("x", n)
k = sp.IndexedBase("k", shape=(n,))
K = sp.IndexedBase("K", shape=(e,))
left, right = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in ("l", "m"))
weight = sp.IndexedBase("w", shape=(n,))
y = sp.IndexedBase("y", shape=(n,))
a, b, c, f, z = sp.symbols("a b c f z")
theta, phi, drive, target = dynamicsymbols("theta phi f z")
WAVE = 2 * np.pi / 1.3


duffing = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - a * x[i] ** 4 / 4, (i, 0, n - 1))
    - b * sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2 + f * x[0],
    x, u, inputs=[f],
)  # fmt: skip
readout = sd.Cost((x[n - 1] - z) ** 2 / 2, targets=[z])


@dataclass(frozen=True)
class Case:
    """A system as it is written for symdfi, and L and c once more as plain functions of numbers or symbols.

    These are called as ``L(q, v, t, p, w)``: lists of coordinates and velocities, the time, all numbers of
    the trainable parameters one after the other, and all inputs and targets.
    """

    system: sd.Lagrangian
    cost: sd.Cost
    boundary: Any
    params: dict
    plain: Callable
    plain_cost: Callable
    trainable: tuple
    inputs: dict = field(default_factory=dict)
    targets: dict = field(default_factory=dict)
    steps: int = 12


def smooth(d: int, shift: float = 0.0) -> np.ndarray:
    return np.sin(1.0 + shift + 1.7 * np.arange(d))


def chain_case(d: int, steps: int) -> Case:
    """A Duffing chain of symbolic length, its springs an array, its last element read out."""
    return Case(
        duffing,
        readout,
        sd.Periodic(WAVE),
        {k: 3 + 0.4 * smooth(d), a: 0.5, b: 0.7},
        lambda q, v, t, p, w: sum(v[j] ** 2 / 2 - p[j] * q[j] ** 2 / 2 for j in range(d))
        - p[d] * sum(q[j] ** 4 for j in range(d)) / 4
        - p[d + 1] * sum((q[j + 1] - q[j]) ** 2 for j in range(d - 1)) / 2 + w[0] * q[0],
        lambda q, v, t, p, w: (q[d - 1] - w[1]) ** 2 / 2,
        (k, a, b),
        {f: lambda t: 0.8 * np.cos(1.3 * t)},
        {z: lambda t: 0.3 * np.sin(1.3 * t)},
        steps,
    )  # fmt: skip


CASES = {
    "one oscillator": chain_case(1, 9),
    "chain of two": chain_case(2, 16),
    "chain of five": chain_case(5, 11),
    "mass that depends on position": Case(
        sd.Lagrangian(
            (1 + a * q**2) * v**2 / 2 + s**2 / 2 + b * v * s * sp.cos(q - r) - q**2 - r**2, [q, r], [v, s]
        ),
        sd.Cost(q**2 / 2 + r * q),
        sd.FixedEnds([0.3, -0.4], [0.8, 0.5], 1.3),
        {a: 0.7, b: 0.4},
        lambda q, v, t, p, w: (1 + p[0] * q[0] ** 2) * v[0] ** 2 / 2 + v[1] ** 2 / 2
        + p[1] * v[0] * v[1] * sp.cos(q[0] - q[1]) - q[0] ** 2 - q[1] ** 2,
        lambda q, v, t, p, w: q[0] ** 2 / 2 + q[0] * q[1],
        (a, b),
    ),
    "magnetic field": Case(
        sd.Lagrangian(
            (v**2 + s**2) / 2 + a * (q * s - r * v) * (1 + b * q**2) - (q**2 + 2 * r**2) / 2, [q, r], [v, s]
        ),
        sd.Cost((q - r) ** 2 / 2),
        sd.FixedEnds([0.3, -0.4], [0.8, 0.5], 1.3),
        {a: 0.7, b: 0.4},
        lambda q, v, t, p, w: (v[0] ** 2 + v[1] ** 2) / 2
        + p[0] * (q[0] * v[1] - q[1] * v[0]) * (1 + p[1] * q[0] ** 2) - (q[0] ** 2 + 2 * q[1] ** 2) / 2,
        lambda q, v, t, p, w: (q[0] - q[1]) ** 2 / 2,
        (a, b),
    ),
    "relativistic particle": Case(
        sd.Lagrangian(-sp.sqrt(1 - v**2 / a**2) * a**2 - b * q**2 / 2, q, v),
        sd.Cost(q**2 / 2),
        sd.FixedEnds(0.1, 0.7, 1.0),
        {a: 1.2, b: 0.5},
        lambda q, v, t, p, w: -sp.sqrt(1 - v[0] ** 2 / p[0] ** 2) * p[0] ** 2 - p[1] * q[0] ** 2 / 2,
        lambda q, v, t, p, w: q[0] ** 2 / 2,
        (a, b),
    ),
    "explicit time": Case(
        sd.Lagrangian(
            v**2 / 2 * (2 + sp.sin(1.3 * sd.t)) - a * q**2 - b * q**4 + q * sp.cos(1.3 * sd.t), q, v
        ),
        sd.Cost(q**2 / 2 * sp.sin(sd.t) ** 2),
        sd.Periodic(WAVE),
        {a: 3.0, b: 0.4},
        lambda q, v, t, p, w: v[0] ** 2 / 2 * (2 + sp.sin(1.3 * t)) - p[0] * q[0] ** 2 - p[1] * q[0] ** 4
        + q[0] * sp.cos(1.3 * t),
        lambda q, v, t, p, w: q[0] ** 2 / 2 * sp.sin(t) ** 2,
        (a, b),
        steps=20,
    ),
    "functions of time": Case(
        sd.Lagrangian(
            theta.diff(sd.t) ** 2 / 2 + phi.diff(sd.t) ** 2 / 2 + a * sp.cos(theta)
            - b * (theta - phi) ** 2 / 2 - phi**2 + drive * phi,
            [theta, phi], inputs=[drive],
        ),
        sd.Cost((theta - target) ** 2 / 2 + c * phi.diff(sd.t) ** 2, targets=[target]),
        sd.Periodic(WAVE),
        {a: 3.0, b: 0.7, c: 0.2},
        lambda q, v, t, p, w: v[0] ** 2 / 2 + v[1] ** 2 / 2 + p[0] * sp.cos(q[0])
        - p[1] * (q[0] - q[1]) ** 2 / 2 - q[1] ** 2 + w[0] * q[1],
        lambda q, v, t, p, w: (q[0] - w[1]) ** 2 / 2 + p[2] * v[1] ** 2,
        (a, b, c),
        {drive: lambda t: np.cos(1.3 * t)},
        {target: 0.4},
    ),
    "gathered springs": Case(
        sd.Lagrangian(
            sp.Sum(u[i] ** 2 / 2 - x[i] ** 2 - a * x[i] ** 4 / 4, (i, 0, n - 1))
            - sp.Sum(K[i] * (x[left[i]] - x[right[i]]) ** 2, (i, 0, e - 1)) / 2,
            x, u,
        ),
        sd.Cost(sp.Sum(weight[i] * (x[i] - y[i]) ** 2, (i, 0, n - 1)) / 2, targets=[y]),
        sd.FixedEnds([0.1, 0.4, -0.3], [0.5, 0.2, 0.3], 1.2),
        {K: np.array([0.5, 1.0, 0.8, 0.3]), a: 0.5, weight: np.array([1.0, 0.4, 2.0]),
         left: np.array([0, 1, 2, 0]), right: np.array([1, 2, 0, 1])},
        lambda q, v, t, p, w: sum(v[j] ** 2 / 2 - q[j] ** 2 - p[4] * q[j] ** 4 / 4 for j in range(3))
        - sum(p[j] * (q[l] - q[m]) ** 2 for j, (l, m) in enumerate(((0, 1), (1, 2), (2, 0), (0, 1)))) / 2,
        lambda q, v, t, p, w: sum(p[5 + j] * (q[j] - w[j]) ** 2 for j in range(3)) / 2,
        (K, a, weight),
        {},
        {y: np.outer(np.linspace(0, 1, 12), [0.1, -0.2, 0.3])},
    ),
    "chain on a wall": Case(
        sd.Lagrangian(
            b * s**2 / 2 - r**2
            + sp.Sum(u[i] ** 2 / 2 - k[i] * (x[i] - r) ** 2 / 2 - x[i] ** 4, (i, 0, n - 1)),
            [r, x], [s, u],
        ),
        sd.Cost(a * (r - x[0]) ** 2 * s**2 / 2 + sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2 + k[0] * k[1] * r),
        sd.FixedEnds([0.2, 0.1, 0.4], [0.5, 0.2, -0.3], 1.2),
        {k: np.array([0.5, 1.0]), a: 0.5, b: 1.3},
        lambda q, v, t, p, w: v[0] ** 2 * p[3] / 2 - q[0] ** 2
        + sum(v[j] ** 2 / 2 - p[j - 1] * (q[j] - q[0]) ** 2 / 2 - q[j] ** 4 for j in (1, 2)),
        lambda q, v, t, p, w: p[2] * (q[0] - q[1]) ** 2 * v[0] ** 2 / 2 + (v[1] ** 2 + v[2] ** 2) / 2
        + p[0] * p[1] * q[0],
        (k, a, b),
    ),
}  # fmt: skip


def dense_gradient(case: Case, path: np.ndarray) -> tuple[np.ndarray, float]:
    """dC/dθ and C by implicit differentiation of the discrete action, written out interval by interval."""
    steps, d = path.shape[0] - 1, path.shape[1]
    theta = np.concatenate([np.ravel(case.params[p]) for p in case.trainable]).astype(float)
    h = case.boundary.T / steps
    times = h * (np.arange(steps) + 0.5)
    signals = {**case.inputs, **case.targets}.values()
    rows = [np.array([g(t) for t in times]) if callable(g) else np.asarray(g) for g in signals]
    rows = [row if row.ndim else np.full(steps, row) for row in rows]
    signal = np.column_stack([np.empty((steps, 0)), *rows])

    ends = sp.symbols(f"a:{2 * d}", real=True)
    p, w, t = sp.symbols(f"p:{theta.size}"), sp.symbols(f"w:{signal.shape[1]}"), sp.Symbol("t")
    middle = [(ends[j] + ends[d + j]) / 2 for j in range(d)]
    speed = [(ends[d + j] - ends[j]) / h for j in range(d)]
    L, cost = (h * sp.sympify(g(middle, speed, t, p, w)) for g in (case.plain, case.plain_cost))
    slope = [L.diff(z) for z in ends]
    parts = sp.lambdify(
        [ends, p, w, t],
        [cost, [cost.diff(z) for z in ends], [cost.diff(z) for z in p], slope,
         [[g.diff(z) for z in ends] for g in slope], [[g.diff(z) for z in p] for g in slope]],
    )  # fmt: skip

    size = (steps + 1) * d
    total, pull, explicit, force = 0.0, np.zeros(size), np.zeros(theta.size), np.zeros(size)
    hessian, mixed = np.zeros((size, size)), np.zeros((size, theta.size))
    for step in range(steps):
        at = np.arange(step * d, (step + 2) * d)
        numbers = parts(path[step : step + 2].ravel(), theta, signal[step], times[step])
        cost_value, cost_slope, cost_theta, S_slope, S_hessian, S_mixed = map(np.array, numbers)
        total += cost_value
        pull[at] += cost_slope
        explicit += cost_theta
        force[at] += S_slope
        hessian[np.ix_(at, at)] += S_hessian
        mixed[at] += S_mixed
    free = np.eye(size)[:, d:-d]
    if case.boundary.periodic:
        free = np.eye(size)[:, :-d]
        free[-d:, :d] = np.eye(d)
    assert np.abs(free.T @ force).max() < 1e-11 * np.abs(hessian).max()
    moved = np.linalg.solve(free.T @ hessian @ free, free.T @ mixed)
    return explicit - (free.T @ pull) @ moved, float(total)
