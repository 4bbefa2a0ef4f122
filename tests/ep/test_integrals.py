"""Costs that are functions of integrals, against complex steps of formulas written out anew."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.errors import DivergenceError, SymbolicError
from tests.ep.complex_step import TINY, Written

EPS = float(np.finfo(float).eps)

i, c = (sp.Symbol(name, integer=True) for name in "ic")
x, u = sd.coordinates("x", 2)
k, a, b, r = sp.symbols("k a b r")
s = sp.Symbol("s")
z, y = (sp.IndexedBase(name, shape=(3,)) for name in "zy")
w = sp.IndexedBase("w", shape=(3, 2))
T, STEPS = 2 * np.pi / 1.3, 9
drive = sp.cos(sp.Symbol("W") * sd.t)

system = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - k * x[i] ** 2 / 2 - a * x[i] ** 4 / 4, (i, 0, 1)) - (x[0] - x[1]) ** 2 / 3 + drive * x[0],
    x, u, dissipation=r * u[0] ** 2 / 2,
)  # fmt: skip
#: The cross-entropy of the softmax of time averages, and the square of another integral, beside other costs.
cross_entropy = sp.log(sp.Sum(sp.exp(z[c]), (c, 0, 2))) - sp.Sum(y[c] * z[c], (c, 0, 2))
cost = sd.Cost(
    k * x[1] ** 2 / 9, [y], terminal=b * x[0] ** 2 / 5,
    integrals={z[c]: sp.Sum(w[c, i] * x[i], (i, 0, 1)) ** 2 / T + y[c] * x[0], s: k * u[1] ** 2},
    of_integrals=cross_entropy + b * s**2 * k,
)  # fmt: skip
TRAINED = [k, a, b, r, w]
VALUES = np.array([1.9, 0.3, 0.7, 0.2, 0.8, -0.4, 0.3, 1.1, -0.6, 0.5])
CLASS = np.array([0.0, 1.0, 0.0])

# The same in plain symbols
q, v, W = sp.symbols("q0:2"), sp.symbols("v0:2"), sp.Symbol("W")
P = [k, a, b, r, *sp.symbols("w0:6"), *sp.symbols("y0:3"), W]
L = sum(v[j] ** 2 / 2 - k * q[j] ** 2 / 2 - a * q[j] ** 4 / 4 for j in range(2)) - (q[0] - q[1]) ** 2 / 3
L += sp.cos(W * sd.t) * q[0]
G = [(P[4 + 2 * j] * q[0] + P[5 + 2 * j] * q[1]) ** 2 / T + P[10 + j] * q[0] for j in range(3)] + [k * v[1] ** 2]
written = [
    Written(L, r * v[0] ** 2 / 2, (0, 0), g, psi, q, v, sd.t, P)
    for g, psi in ((k * q[1] ** 2 / 9, b * q[0] ** 2 / 5), *((g, sp.S.Zero) for g in G))
]


def total(path, values, *problem, **options):
    (plain, residual), *integrals = (one.cost(path, values, *problem, **options) for one in written)
    found = np.array([value for value, _ in integrals])
    phi = np.log(np.exp(found[:3]).sum()) - found[:3] @ values[10:13] + values[2] * found[3] ** 2 * values[0]
    return plain + phi, residual


BOUNDARIES = {
    "initial": (sd.InitialState([0.4, -0.2], [0.1, 0.3], T), {"start": (np.array([0.4, -0.2]), [0.1, 0.3], None)}),
    "periodic": (sd.Periodic(T), {}),
    "ends": (
        sd.FixedEnds([0.4, -0.2], [0.1, 0.3], T),
        {"ends": (np.array([0.4, -0.2]), np.array([0.1, 0.3]))},
    ),
}


def given() -> dict:
    return {k: VALUES[0], a: VALUES[1], b: VALUES[2], r: VALUES[3], w: VALUES[4:].reshape(3, 2), "W": 1.3}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_exact(name: str) -> None:
    boundary, options = BOUNDARIES[name]
    trainer = sd.EPTrainer(system, cost, boundary, STEPS, TRAINED)
    free = trainer.free(given(), targets={y: CLASS})
    values = np.concatenate([VALUES, CLASS, [1.3]])
    exact = []
    for j in range(13):
        moved = values.astype(complex)
        moved[j] += 1j * TINY
        value, residual = total(free.q, moved, "midpoint", name, T, **options)
        exact.append(value.imag / TINY)
        assert residual <= 1000 * EPS
    assert free.cost == pytest.approx(np.real(total(free.q, values, "midpoint", name, T, **options)[0]), rel=1e-13)
    found = trainer.sensitivity(free)
    ours = np.concatenate([np.ravel(found.params[p]) for p in ("k", "a", "b", "r", "w")])
    by_target = found.signals["y"].sum(axis=0)
    error = np.linalg.norm(np.concatenate([ours, by_target]) - exact) / np.linalg.norm(exact)
    assert error < 1e-12
    for other in (trainer.response(free), trainer.adjoint(free)):
        assert np.concatenate([np.ravel(other[p]) for p in ("k", "a", "b", "r", "w")]) == pytest.approx(ours, rel=1e-10)


def test_finite_nudge() -> None:
    """The weights stay those of the free orbit: what is left is a bias of order beta squared."""
    still = sd.Lagrangian(system.lagrangian, x, u)
    trainer = sd.EPTrainer(still, cost, sd.FixedEnds([0.4, -0.2], [0.1, 0.3], 1.0), STEPS, [k, a, b, w])
    free = trainer.free({key: value for key, value in given().items() if key != r}, targets={y: CLASS})
    exact = np.concatenate([np.ravel(g) for g in trainer.response(free).values()])
    errors = []
    for beta in (2e-2, 2e-3):
        found = sd.Centered(beta).gradient(free)
        errors.append(np.abs(np.concatenate([np.ravel(found[p]) for p in trainer.trainable]) - exact).max())
    assert errors[0] < 1e-2 * np.abs(exact).max()
    assert errors[1] == pytest.approx(errors[0] / 100, rel=0.1)


n = sp.Symbol("n", integer=True)
REFUSED = {
    "no integrals": ({"of_integrals": s**2}, "no integrals"),
    "unused": ({"integrals": {s: x[0]}}, "not in the function"),
    "in the running cost": ({"running": s, "integrals": {s: x[0]}, "of_integrals": s**2}, "may only be"),
    "of an integral": ({"integrals": {s: s * x[0]}, "of_integrals": s**2}, "may only be"),
    "an element": ({"integrals": {z[0]: x[0]}, "of_integrals": z[0]}, "is no integral"),
    "no symbol": ({"integrals": {s**2: x[0]}, "of_integrals": s}, "is no integral"),
    "twice": ({"integrals": {z[c]: x[0], z[n]: x[1]}, "of_integrals": z[0]}, "given twice"),
}


@pytest.mark.parametrize("options, match", REFUSED.values(), ids=REFUSED)
def test_refused(options: dict, match: str) -> None:
    with pytest.raises(SymbolicError, match=match):
        sd.Cost(**options)


def test_refused_with_a_system_and_on_a_path() -> None:
    with pytest.raises(SymbolicError, match="holds no coordinate"):
        sd.EPTrainer(system, sd.Cost(integrals={s: x[0]}, of_integrals=s * x[0]), sd.Periodic(T), STEPS, [k])
    root = sd.Cost(integrals={s: b * x[0]}, of_integrals=sp.sqrt(s))
    trainer = sd.EPTrainer(system, root, sd.Periodic(T), STEPS, [k])
    with pytest.raises(DivergenceError, match="derivatives by the integrals of the cost are not finite"):
        trainer.free({k: 1.9, a: 0.3, r: 0.2, b: 0.0, "W": 1.3})


def test_one_reciprocal_run() -> None:
    """Linear, the system has the gradient of any cost from one run of its own."""
    given = {"k": 1.9, "a": 0.0, "b": 0.7, "r": 0.2, "w": VALUES[4:10].reshape(3, 2), "W": 1.3}
    trainer = sd.EPTrainer(system, cost, BOUNDARIES["initial"][0], STEPS, TRAINED)
    free = trainer.free(given, None, {y: CLASS})
    found, default = sd.Reciprocal().sensitivity(free), trainer.sensitivity(free)
    for name, value in default.params.items():
        assert found.params[name] == pytest.approx(value, rel=1e-12, abs=1e-13)
    assert found.signals["y"] == pytest.approx(default.signals["y"], rel=1e-12, abs=1e-13)
