"""Lagrangians that are linear in the velocities: canonical equations, vortices, lattices, and what is refused."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dynamics.compositions import substeps

(q, qd), (p, pd) = sd.coordinates("q"), sd.coordinates("p")
n, i, k = sp.Symbol("n", integer=True, positive=True), *sp.symbols("i k", integer=True)
(x, xd), (y, yd) = sd.coordinates("x", n), sd.coordinates("y", n)
OSCILLATOR = sd.Lagrangian(p * qd - p**2 / 2 - q**2 / 2, [q, p], [qd, pd])
DRIVEN = sd.Lagrangian(p * qd - p**2 / 2 - sp.cos(sd.t) * q, [q, p], [qd, pd])


@pytest.mark.parametrize("order", [2, 4, 6])
def test_order_and_energy(order):
    def error(dt):
        found = sd.integrate(OSCILLATOR, [1.0, 0.3], None, (0, 2), dt, method=sd.ImplicitMidpoint(order=order))
        # The energy is quadratic: kept to rounding, with the velocities those of the equations.
        assert found.energy_drift < 1e4 * np.finfo(float).eps
        assert np.abs(found.v - found.q[:, ::-1] * [1, -1]).max() < 1e4 * np.finfo(float).eps
        c, s = np.cos(2), np.sin(2)
        return np.abs(found.q[-1] - [c + 0.3 * s, 0.3 * c - s]).max()

    assert np.log2(error(0.2) / error(0.1)) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("order", [2, 4])
def test_explicit_time_and_second_order_systems_are_composed_too(order):
    (r, rd) = sd.coordinates("r")
    swing = sd.Lagrangian(rd**2 / 2 - sp.cos(sd.t) * r, r, rd)
    method = sd.ImplicitMidpoint(order=order)

    def errors(dt):
        first = sd.integrate(DRIVEN, [0.0, 0.0], None, (0, 2), dt, method=method).q[-1]
        second = sd.integrate(swing, 0.0, 0.0, (0, 2), dt, method=method).q[-1]
        return np.abs([first[0] - (np.cos(2) - 1), second[0] - (np.cos(2) - 1)])

    assert np.log2(errors(0.2) / errors(0.1)) == pytest.approx([order, order], abs=0.15)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_substeps_add_up_and_are_symmetric(order):
    found = substeps(order)
    assert found.sum() == pytest.approx(1.0, rel=1e-14)
    assert np.array_equal(found, found[::-1])
    # Of third order in the step, and of fifth: what they add up to vanishes.
    if order > 2:
        assert (found**3).sum() == pytest.approx(0.0, abs=1e-14)
    if order > 4:
        assert (found**5).sum() == pytest.approx(0.0, abs=1e-13)


def test_lattice_of_any_length_keeps_its_norm():
    """Discrete nonlinear Schroedinger on a chain: norm and energy, with the structure of the Newton matrix kept."""
    bonds = sp.Sum((x[i + 1] - x[i]) ** 2 + (y[i + 1] - y[i]) ** 2, (i, 0, n - 2)) / 2
    L = sp.Sum(y[i] * xd[i] - (x[i] ** 2 + y[i] ** 2) ** 2 / 4, (i, 0, n - 1)) - bonds
    chain = sd.Lagrangian(L, [x, y], [xd, yd])
    rng = np.random.default_rng(1)
    many = rng.normal(size=(3, 10))
    found = sd.integrate(chain, many, None, (0, 5), dt=0.01, method="midpoint", save_every=50)
    norm = (found.q**2).sum(axis=-1)
    assert np.ptp(norm, axis=-1).max() < 1e-12
    finer = sd.integrate(chain, many[1], None, (0, 5), dt=0.005, method="midpoint", save_every=100)
    assert np.abs(found.energy_drift[1] / finer.energy_drift - 4) < 0.5
    # i psi' = -∂H/∂psi*: the rates that are saved.
    psi = found.q[0, -1, :5] + 1j * found.q[0, -1, 5:]
    laplacian = np.diff(np.concatenate([psi[:1], psi, psi[-1:]]), 2)
    rate = found.v[0, -1, :5] + 1j * found.v[0, -1, 5:]
    assert np.abs(rate + 1j * (np.abs(psi) ** 2 * psi - laplacian)).max() < 1e-12


def test_point_vortices():
    """Ω that depends on the strengths; two equal vortices turn about their middle at Γ/(π d²)."""
    g = sp.IndexedBase("g", shape=(n,))
    pair = (x[i] - x[k]) ** 2 + (y[i] - y[k]) ** 2
    energy = -sp.Sum(sp.Sum(g[i] * g[k] * sp.log(pair), (k, 0, i - 1)), (i, 0, n - 1)) / (4 * sp.pi)
    vortices = sd.Lagrangian(sp.Sum(g[i] * y[i] * xd[i], (i, 0, n - 1)) - energy, [x, y], [xd, yd])
    strength = np.array([2.0, 2.0])
    start = np.array([1.0, -1.0, 0.0, 0.0])
    angle = 2.0 / (np.pi * 4) * 3
    found = sd.integrate(vortices, start, None, (0, 3), 0.02, {g: strength}, method=sd.ImplicitMidpoint(order=4))
    assert found.q[-1] == pytest.approx([np.cos(angle), -np.cos(angle), np.sin(angle), -np.sin(angle)], abs=1e-9)


def test_a_gradient_flow_is_of_first_order():
    flow = sd.Lagrangian(-(q**4) / 4, q, qd, dissipation=qd**2 / 2)
    found = sd.integrate(flow, 1.0, None, (0, 1), 1e-3, method="midpoint")
    assert found.q[-1, 0] == pytest.approx(1 / np.sqrt(3), abs=1e-6)


def test_redundant_coordinates_with_rtol():
    """q = r + 2 s: of r and s only the sum is told; the other direction stays where it is."""
    (r, rd), (s, sd_) = sd.coordinates("r"), sd.coordinates("s")
    L = p * (rd + 2 * sd_) - p**2 / 2 - (r + 2 * s) ** 2 / 2
    redundant = sd.Lagrangian(L, [r, s, p], [rd, sd_, pd])
    with pytest.raises(sd.SingularMatrixError, match="along r - 0.5 s"):
        sd.integrate(redundant, [1.0, 0.0, 0.3], None, (0, 2), 0.1, method="midpoint")
    found = sd.integrate(redundant, [1.0, 0.0, 0.3], None, (0, 2), 0.1, method=sd.ImplicitMidpoint(order=4, rtol=1e-9))
    c, w = np.cos(2), np.sin(2)
    assert found.q[-1] @ [1, 2, 0] == pytest.approx(c + 0.3 * w, abs=1e-6)
    assert found.q @ [2, -1, 0] == pytest.approx(2.0, abs=1e-9)
    assert found.energy_drift < 1e-12
    with pytest.raises(sd.SymbolicError, match="rtol is a setting for Lagrangians that are linear"):
        sd.integrate(sd.Lagrangian(qd**2 / 2, q, qd), 1.0, 0.0, (0, 1), 0.1, method=sd.ImplicitMidpoint(rtol=1e-9))
    with pytest.raises(ValueError, match="rtol = 2 must lie between 0 and 1"):
        sd.ImplicitMidpoint(rtol=2)


def test_what_is_refused():
    with pytest.raises(sd.SymbolicError, match="is linear in the velocities.*method='midpoint', not verlet"):
        sd.integrate(OSCILLATOR, [1.0, 0.0], None, (0, 1), 0.1)
    with pytest.raises(ValueError, match="v0 is None"):
        sd.integrate(sd.Lagrangian(qd**2 / 2, q, qd), 1.0, None, (0, 1), 0.1)
    with pytest.raises(ValueError, match="order = 3 of a composed method: one of 2, 4, 6"):
        sd.ImplicitMidpoint(order=3)
    (r, rd) = sd.coordinates("r")
    odd = sd.Lagrangian(p * qd + r * qd - p**2 - q**2 - r**2, [q, p, r], [qd, pd, rd])
    with pytest.raises(sd.SingularMatrixError, match=r"Ω of .* is singular at q = .*, along - p \+ r; with 3"):
        sd.integrate(odd, [1.0, 0.0, 0.0], None, (0, 1), 0.1, method="midpoint")
    force = sp.Symbol("force")
    forced = sd.Lagrangian(p * qd - p**2 / 2 + force * q, [q, p], [qd, pd], inputs=[force])
    with pytest.raises(sd.SymbolicError, match="takes no inputs that change in time"):
        sd.integrate(forced, [1.0, 0.0], None, (0, 1), 0.1, method=sd.ImplicitMidpoint(order=4), inputs={force: np.sin})
    found = sd.integrate(forced, [0.0, 0.0], None, (0, 1), 0.01, method="midpoint", inputs={force: np.sin})
    assert found.q[-1] == pytest.approx([1 - np.sin(1), 1 - np.cos(1)], abs=1e-4)
