"""Echoes through a mirror: the machine itself run backward (E9)."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep.mirror import mirrors

EPS = float(np.finfo(float).eps)

# E9: two charges in a magnetic field along z, trapped, bound to each other, driven: a mirror turns the field round.
x, xd = sd.coordinates("x", 2)
y, yd = sd.coordinates("y", 2)
i = sp.Symbol("i", integer=True)
field, stiff, soft, bond, push, pull = sp.symbols("B stiff soft bond push pull")
each = (i, 0, 1)
trapped = sp.Sum(
    (stiff * (x[i] ** 2 + y[i] ** 2) + soft * (x[i] ** 4 + x[i] ** 2 * y[i] ** 2 + 2 * y[i] ** 4)) / 2, each
)
apart = (x[0] - x[1]) ** 2 + (y[0] - y[1]) ** 2
lattice = sd.Lagrangian(
    sp.Sum((xd[i] ** 2 + yd[i] ** 2) / 2 + field * (x[i] * yd[i] - y[i] * xd[i]) / 2, each)
    - trapped - bond * apart**2 / 4 + push * x[0] + pull * (y[1] - 2 * y[0]),
    [x, y], [xd, yd], parameters=[field, stiff, soft, bond], inputs=[push, pull],
)  # fmt: skip
cost = sd.Cost((y[1] - sp.Rational(1, 4)) ** 2 / 2 + xd[0] * y[0] / 5, terminal=y[0] ** 2 + x[1])
VALUES = {"B": 0.7, "stiff": 1.1, "soft": 0.3, "bond": 0.4}
BOUNDARY = sd.InitialState({x: [0.3, -0.1], y: [0.0, 0.2]}, {x: [0.1, 0.0], y: [-0.2, 0.3]}, 5.0)
DRIVES = {push: lambda t: 0.5 * np.cos(1.3 * t), pull: lambda t: 0.2 * np.sin(0.6 * t + 1)}
UPSIDE_DOWN = [1.0, 1.0, -1.0, -1.0]


@pytest.mark.parametrize("rule", (sd.Midpoint(), sd.Galerkin()))
def test_charged_lattice_in_a_magnetic_field(rule: sd.Midpoint | sd.Galerkin) -> None:
    trainer = sd.EPTrainer(lattice, cost, BOUNDARY, 40, VALUES, rule=rule)
    free = trainer.free(VALUES, DRIVES)
    exact = trainer.sensitivity(free)
    for mirror in (UPSIDE_DOWN, np.diag(UPSIDE_DOWN), "find"):
        echo = sd.Echo(mirror=mirror)
        assert echo.return_error(free) <= 1000 * EPS
        found = echo.sensitivity(free)
        for ours, theirs in (
            (list(found.params.values()), list(exact.params.values())), (found.q0, exact.q0), (found.v0, exact.v0),
            (found.signals["push"], exact.signals["push"]), (found.signals["pull"], exact.signals["pull"]),
        ):  # fmt: skip
            assert np.linalg.norm(np.subtract(ours, theirs)) < 1e-8 * np.linalg.norm(theirs)


def test_what_does_not_run_backward_is_refused() -> None:
    trainer = sd.EPTrainer(lattice, cost, BOUNDARY, 10, VALUES)
    free = trainer.free(VALUES, DRIVES)
    for mirror in ([1.0] * 4, np.eye(4)[[2, 3, 0, 1]]):  # none at all; x and y exchanged, which the trap does not allow
        with pytest.raises(sd.SymbolicError, match="does not run backward through this mirror"):
            sd.Echo(mirror=mirror).gradient(free)
    without = trainer.free({**VALUES, "B": 0.0}, DRIVES)
    assert sd.Echo(mirror=[1.0] * 4).return_error(without) <= 1000 * EPS
    for mirror, message in (
        ([1.0, -1.0], r"shape \(2,\), expected \(4, 4\), or 4 signs"), ([1.0, 1.0, 1.0, 0.5], "is to be signs"),
        (np.roll(np.eye(4), 1, axis=0), "a symmetric matrix with one ±1"), ("seek", "'seek' is to be a matrix"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            sd.Echo(mirror=mirror).gradient(free)


def test_no_mirror() -> None:
    """A field along a line of no symmetry: V has none."""
    q, v = zip(*(sd.coordinates(f"q{k}") for k in range(2)), strict=True)
    odd = sd.Lagrangian((v[0] ** 2 + v[1] ** 2) / 2 + q[0] * v[1] - (q[0] ** 4 + q[0] + q[1] ** 2 + 2 * q[1]), q, v)
    trainer = sd.EPTrainer(odd, sd.Cost(q[0]), sd.InitialState([0.1, 0.2], [0.0, 0.0], 1.0), 8, [])
    free = trainer.free({})
    with pytest.raises(sd.SymbolicError, match="no signed permutation of the 2 coordinates"):
        sd.Echo(mirror="find").gradient(free)


def test_mirrors_are_counted() -> None:
    """Signed permutations that are their own inverse: 2, 6, 20, 76, each once, the identity first."""
    for d, count in ((1, 2), (2, 6), (3, 20), (4, 76)):
        found = [m.matrix for m in mirrors(d)]
        assert len({m.tobytes() for m in found}) == len(found) == count
        assert (found[0] == np.eye(d)).all()
        assert all((m @ m == np.eye(d)).all() and (m == m.T).all() for m in found)
