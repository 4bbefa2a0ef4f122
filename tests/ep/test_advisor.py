"""E10: which schemes ten systems admit, and the condition that decided it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

EPS = float(np.finfo(float).eps)

(q, v), (r, w) = sd.coordinates("q"), sd.coordinates("r")
m, g, k, soft, drive, damp, odd = sp.symbols("m g k soft drive damp odd")

magnet = sd.Lagrangian(
    m * (v**2 + w**2) / 2 + g * (q * w - r * v) - k * (q**2 + r**2) / 2 - soft * q**4 / 4 + drive * q, [q, r], [v, w],
    inputs=[drive],
)  # fmt: skip
caldirola = sd.Lagrangian(
    m * (v**2 + w**2) / 2 - k * (q**2 + r**2) / 2 - soft * q**4 / 4, [q, r], [v, w],
    dissipation=damp * v**2 / 2 + odd * w**2 / 2,
)  # fmt: skip
damped = sd.Lagrangian(
    m * (v**2 + w**2) / 2 - k * (q**2 + r**2) / 2 - soft * q**4 / 4, [q, r], [v, w],
    dissipation=damp * (v**2 + 2 * w**2) / 2, forces={q: odd * r, r: -odd * q},
)  # fmt: skip
still = sd.Lagrangian(-(q**4) / 4 - k * q, q, v)
creeping = sd.Lagrangian(-k * (1 + sp.cos(sd.t) / 2) * q**2 / 2 + q * sp.sin(sd.t), q, v, dissipation=damp * v**2)
START, ENDS = sd.InitialState([0.1, 0.2], [0.0, 0.3], 2.0), sd.FixedEnds([0.0, 0.0], [1.0, 1.0], 2.0)
RING, REST = sd.Periodic(2.0), sd.Static()
ALONE, NUDGED = ("Infinitesimal()",), ("Infinitesimal()", "Centered()")
STRONG = "γT = 20 is more than 18: backward a rounding error ε grows by up to e^γT, to 1.1e-07"
GAIN = "GainFlippedEcho()"
ECHO, ONE = ("Infinitesimal()", "Echo()", "Echo(mirror=...)"), ("Infinitesimal()", "Reciprocal()")

CASES = {
    "nonlinear, even": (magnet, START, {g: 0}, ECHO, "Echo(mirror=...)", "L is even in the velocities"),
    "gyroscopic": (magnet, START, {}, ECHO, "Echo(mirror=...)", "L(Πq, −Πq̇) = L(q, q̇) for Πq = (+q0, -q1)"),
    "linear": (magnet, START, {g: 0, soft: 0}, (*ECHO, "Reciprocal()"), "Reciprocal()", "M, D and K symmetric"),
    "periodic": (magnet, RING, {}, NUDGED, "Centered()", "it has an action"),
    "held": (magnet, ENDS, {}, NUDGED, "Echo()", "a trajectory given by its beginning: this one is not"),
    "linear, damped": (damped, START, {odd: 0, soft: 0}, ONE, "Echo()", "there is dissipation"),
    "twisted": (damped, START, {soft: 0}, (*ALONE, "Reciprocal(mirror=...)"), "Reciprocal()", "K is not symmetric"),
    "nonlinear, damped": (damped, START, {odd: 0}, ALONE, "Reciprocal()", "it is not linear, for K depends"),
    "damped like its mass": (caldirola, START, {m: 2, damp: 1, odd: 1}, (*ALONE, GAIN), GAIN, "γ = 0.5, γT = 1 ≤ 18"),
    "damped strongly": (caldirola, START, {m: 1, damp: 10, odd: 10}, ALONE, GAIN, STRONG),
    "damped otherwise": (caldirola, START, {}, ALONE, GAIN, "D = γM: it is another"),
    "equilibrium": (still, REST, {}, NUDGED, "Centered()", "F_u is symmetric: ordinary equilibrium propagation"),
    "overdamped": (creeping, sd.InitialState(0.1, T=2.0, p0=0.0), {}, ONE, "Reciprocal()", "of first order, linear"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_advice(name: str) -> None:
    system, boundary, params, admitted, decided, condition = CASES[name]
    found = sd.schemes(system, boundary, params)
    assert found.admitted == admitted
    assert condition in found[decided].condition
    for row in found:
        assert not row.admitted or row.cost
        assert re.search(rf"(yes|no) +{re.escape(row.name)} +{re.escape(row.condition)}", str(found))


def test_further_conditions() -> None:
    assert sd.schemes(sd.Lagrangian(v**2 - k * q**2, q, v), sd.Autonomous(2.0, energy=1.0)).admitted == NUDGED
    assert "is not symmetric, by the doubled action" in sd.schemes(damped, REST, {}).rows[0].condition
    assert sd.schemes(damped, RING, {}).admitted == ALONE
    assert sd.schemes(damped, RING, {odd: 0, soft: 0}).admitted == (*ONE, "Convolution()")
    assert sd.schemes(damped, sd.AtRest(2.0), {odd: 0, soft: 0}).admitted == (*ONE, "Convolution()")
    assert "this one does not" in sd.schemes(damped, START, {odd: 0, soft: 0})["Convolution()"].condition
    assert "K changes with time" in sd.schemes(creeping, sd.AtRest(2.0))["Convolution()"].condition
    assert "for Sq = (+q0, -q1)" in sd.schemes(damped, START, {soft: 0})["Reciprocal(mirror=...)"].condition
    with pytest.raises(KeyError, match="Echoes is none of Infinitesimal"):
        sd.schemes(magnet, START)["Echoes"]


def test_sizes_are_asked_for() -> None:
    n, i = sp.Symbol("n", integer=True), sp.Symbol("i", integer=True)
    x, xd = sd.coordinates("x", n)
    chain = sd.Lagrangian(sp.Sum(xd[i] ** 2 - k * x[i] ** 2, (i, 0, n - 1)), x, xd)
    with pytest.raises(ValueError, match="sizes do not follow"):
        sd.schemes(chain, sd.Periodic(1.0))
    with pytest.raises(sd.SymbolicError, match="no boundary condition"):
        sd.schemes(chain, "periodic")  # pyright: ignore[reportArgumentType]


def test_advice_is_true() -> None:
    """Of the twisted and of the first-order system: one run, the default gradient to rounding."""
    for system, boundary, params, scheme in (
        (damped, START, {"m": 1.2, "k": 1.5, "damp": 0.3, "odd": 0.4, "soft": 0.0}, sd.Reciprocal(mirror=[1, -1])),
        (creeping, sd.InitialState(0.4, T=2.0, p0=0.0), {"k": 1.2, "damp": 0.7}, sd.Reciprocal()),
    ):
        trainer = sd.EPTrainer(system, sd.Cost(q**4 / 4, terminal=q), boundary, 12, params)
        free = trainer.free(params)
        ours, exact = scheme.sensitivity(free), trainer.sensitivity(free)
        for name in params:
            assert ours.params[name] == pytest.approx(exact.params[name], rel=1e-12)
        assert np.abs(ours.q0 - exact.q0).max() <= 1000 * EPS
    with pytest.raises(sd.SymbolicError, match="SDS is not Dᵀ|SKS is not Kᵀ"):
        trainer = sd.EPTrainer(damped, sd.Cost(q**4 / 4, terminal=q), START, 12, ["k"])
        values = {"m": 1.2, "k": 1.5, "damp": 0.3, "odd": 0.4, "soft": 0.0}
        sd.Reciprocal(mirror=[-1, -1]).gradient(trainer.free(values))
