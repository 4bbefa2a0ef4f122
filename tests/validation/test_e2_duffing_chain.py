"""E2: a periodic driven Duffing chain: the gradient error of equilibrium propagation against the nudge."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep import Nudging
from symdfi.ep.newton import nudge

BETAS = np.array([0.02, 0.01, 0.005, 0.0025])
WIDE = 10 * BETAS
PERIOD = 2 * np.pi / 1.7

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, v = sd.coordinates("x", n)
k = sp.IndexedBase("k", shape=(n,))
cubic, coupling, drive, y = sp.symbols("alpha kappa a y")
system = sd.Lagrangian(
    sp.Sum(v[i] ** 2 / 2 - k[i] * x[i] ** 2 / 2 - cubic * x[i] ** 4 / 4, (i, 0, n - 1))
    - coupling * sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2
    + drive * x[0],
    x, v, inputs=[drive],
)  # fmt: skip
cost = sd.Cost((x[n - 1] - y) ** 2 / 2, targets=[y])
INPUTS = {drive: lambda t: 0.9 * np.cos(1.7 * t)}
TARGETS = {y: lambda t: 0.3 * np.sin(1.7 * t)}


def trainer(nudging: Nudging | None = None, steps: int = 64) -> sd.EPTrainer:
    return sd.EPTrainer(system, cost, sd.Periodic(PERIOD), steps, [k, cubic, coupling], nudging)


def parameters(d: int) -> dict:
    return {k: 1 + 0.3 * np.sin(2.0 * np.arange(d)), cubic: 0.5, coupling: 0.7}


def flat(gradient: dict) -> np.ndarray:
    return np.concatenate([np.ravel(gradient[name]) for name in ("k", "alpha", "kappa")])


@pytest.fixture(scope="module")
def errors() -> dict[type, np.ndarray]:
    """Relative errors against the adjoint gradient."""
    free = trainer().free(parameters(3), INPUTS, TARGETS)
    exact = flat(trainer().adjoint(free))

    def error(nudging: Nudging) -> float:
        return float(np.linalg.norm(flat(trainer(nudging).response(free)) - exact) / np.linalg.norm(exact))

    schemes = {sd.OneSided: sd.OneSided, sd.Centered: sd.Centered, sd.Holomorphic: partial(sd.Holomorphic, 4)}
    betas = {sd.Holomorphic: WIDE}
    return {name: np.array([error(scheme(beta=b)) for b in betas.get(name, BETAS)]) for name, scheme in schemes.items()}


@pytest.mark.parametrize("scheme, order", ((sd.OneSided, 1), (sd.Centered, 2)))
def test_slope(errors: dict, scheme: type, order: int) -> None:
    slope = np.polyfit(np.log(BETAS), np.log(errors[scheme]), 1)[0]
    assert slope == pytest.approx(order, abs=0.03)


def test_slope_of_a_contour(errors: dict) -> None:
    """N = 4 points: β⁴. With N = 8, rounding at the β = 0.01 of the table, 1.8e−13 there."""
    slope = np.polyfit(np.log(WIDE), np.log(errors[sd.Holomorphic]), 1)[0]
    assert slope == pytest.approx(4, abs=0.03)
    free = trainer().free(parameters(3), INPUTS, TARGETS)
    exact = flat(trainer().adjoint(free))
    found = flat(trainer(sd.Holomorphic(8, 0.01)).response(free))
    assert np.linalg.norm(found - exact) < 1e-11 * np.linalg.norm(exact)


@pytest.mark.parametrize("scheme, size", ((sd.OneSided, 7.8e-3), (sd.Centered, 7.2e-5)))
def test_size_of_the_error(errors: dict, scheme: type, size: float) -> None:
    """The figures of theory of EP, "Nudges", at β = 0.01, for another chain of the same kind."""
    assert size / 3 < errors[scheme][BETAS == 0.01][0] < 3 * size


@pytest.mark.parametrize("d, steps", ((2, 64), (3, 64), (5, 33)))
def test_check_gradient(d: int, steps: int) -> None:
    checked = trainer(sd.Centered(1e-4), steps).check_gradient(parameters(d), INPUTS, TARGETS)
    assert checked.finite_difference_error < 1e-6
    assert checked.error < 1e-6


def test_response_of_the_action_is_the_cost() -> None:
    """dS_β/dβ = C: the sign and size of the nudge."""
    free = trainer().free(parameters(3), INPUTS, TARGETS)
    up, down = nudge(free, 1e-4), nudge(free, -1e-4)
    assert (up.value - down.value) / 2e-4 == pytest.approx(free.cost, rel=1e-7)
