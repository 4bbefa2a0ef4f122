"""One run of a linear damped system with symmetric matrices (E4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.ep.course import Course, run
from symdfi.ep.frame import TwoPoint
from symdfi.ep.nudging import pushed, pushes
from symdfi.ep.sensitivity import sensitivity
from tests.ep.complex_step import TINY, Written

EPS = float(np.finfo(float).eps)

q, v = zip(*(sd.coordinates(f"q{k}") for k in range(3)), strict=True)
t = sd.t
names = "m k c damp both odd gyro soft pump y wave"
m, k, c, damp, both, odd, gyro, soft, pump, y, wave = SYMBOLS = sp.symbols(names)
# A damped network with a mass matrix that is not diagonal, K pumped in time, driven; what breaks each condition is 0.
L = (
    m * v[0] ** 2 / 2 + v[1] ** 2 / 2 + v[2] ** 2 + v[0] * v[1] / 4 - k * (1 + pump * sp.cos(2 * t)) * q[0] ** 2 / 2
    - q[1] ** 2 / 2 - 2 * q[2] ** 2 - c * (q[0] - q[1]) ** 2 / 2 - c * (q[1] - q[2]) ** 2 / 3
    + sp.cos(wave * t) * q[0] + gyro * (q[0] * v[1] - q[1] * v[0]) - soft * q[0] ** 4
)  # fmt: skip
R = damp * v[0] ** 2 / 2 + (v[1] ** 2 + 3 * v[2] ** 2) / 10 + both * (v[0] - v[2]) ** 2 / 2
Q = (odd * q[1], sp.S.Zero, sp.S.Zero)
# Any cost.
RUNNING = (q[2] - y) ** 4 / 4 + q[0] * sp.sin(q[1]) + v[1] ** 2 * q[0] / 5
TERMINAL = (q[1] - y) ** 2 / 2 + q[0] * q[2] ** 2
system = sd.Lagrangian(L, q, v, dissipation=R, forces={q[0]: Q[0]})
cost = sd.Cost(RUNNING, terminal=TERMINAL)
written = Written(L, R, Q, RUNNING, TERMINAL, q, v, t, SYMBOLS)
VALUES = np.array([1.3, 1.1, 0.4, 0.3, 0.2, 0.0, 0.0, 0.0, 0.5, 0.3, 1.2])
GIVEN = {s.name: x for s, x in zip(SYMBOLS, VALUES, strict=True)}
T, Q0, V0 = 6.0, np.array([0.3, -0.2, 0.5]), np.array([0.1, 0.4, -0.3])
RULES = {"midpoint": sd.Midpoint(), "trapezoidal": sd.Trapezoidal(), "galerkin": sd.Galerkin()}


@pytest.mark.parametrize("rule", RULES)
def test_damped_network(rule: str) -> None:
    """At amplitude 1 and 100 exact, by mass, damping, stiffness, drive, initial state and cost; also by parameters
    that, were they not 0, would break reciprocity."""
    trainer = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 16, SYMBOLS, sd.Reciprocal(), rule=RULES[rule])
    free = trainer.free(GIVEN)
    exact, residual = written.derivatives(free.q, VALUES, rule, "initial", T, (Q0, V0, None))
    assert residual <= 1000 * EPS  # of forces of order one
    for scheme in (sd.Reciprocal(), sd.Reciprocal(-100.0)):
        found = scheme.sensitivity(free)
        ours = np.array([float(found.params[s.name]) for s in SYMBOLS])
        assert np.linalg.norm(ours - exact) <= 1000 * EPS * np.linalg.norm(exact)
        for j in range(3):
            moved = 1j * TINY * np.eye(3)[j]
            by_q = written.cost(free.q, VALUES, rule, "initial", T, (Q0 + moved, V0, None))[0].imag / TINY
            by_v = written.cost(free.q, VALUES, rule, "initial", T, (Q0, V0 + moved, None))[0].imag / TINY
            assert [found.q0[j], found.v0[j]] == pytest.approx([by_q, by_v], rel=1e-12, abs=1e-13)
    assert trainer.gradient(GIVEN)[1]["damp"] == pytest.approx(exact[3], rel=1e-12)


@pytest.mark.parametrize("amplitude", [1e-9, 1e-200])
def test_amplitudes_far_below_the_drives(amplitude: float) -> None:
    """A source loses no digit to the drives that the run is without."""
    trainer = sd.EPTrainer(system, cost, sd.InitialState(Q0, V0, T), 16, SYMBOLS)
    free = trainer.free(GIVEN)
    exact, found = trainer.adjoint(free), sd.Reciprocal(amplitude).gradient(free)
    for name, value in exact.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("rule", RULES)
def test_periodic(rule: str) -> None:
    """The convolution action: one periodic motion under the time-reversed derivative of the cost; not reversed it is
    another gradient."""
    values = VALUES * (np.array(SYMBOLS) != pump)
    values[-1] = 2 * np.pi / T
    given = {s.name: x for s, x in zip(SYMBOLS, values, strict=True)}
    trainer = sd.EPTrainer(system, cost, sd.Periodic(T), 15, SYMBOLS, sd.Reciprocal(3.0), rule=RULES[rule])
    free = trainer.free(given)
    exact, _ = written.derivatives(free.q, values, rule, "periodic", T)
    ours = np.array([float(trainer.response(free)[s.name]) for s in SYMBOLS])
    assert np.linalg.norm(ours - exact) < 1e-12 * np.linalg.norm(exact)
    assert isinstance(free.linear, TwoPoint)
    push = pushed(free)
    naive = sensitivity(free, push, free.linear.response(push)).params
    assert np.linalg.norm([float(naive[s.name]) for s in SYMBOLS] - exact) > 0.1 * np.linalg.norm(exact)


def steady() -> np.ndarray:
    """The network without its pump, driven at the period T."""
    values = VALUES * (np.array(SYMBOLS) != pump)
    values[-1] = 2 * np.pi / T
    return values


def action_slope(free, path: np.ndarray) -> np.ndarray:
    """∂_θ of the convolution action, with the sign of L: Σ ½ ũ·∂_θ(r(u) + r(0)) over u = ``path``."""
    system, setting = free.system, free.setting
    along = np.concatenate(system.points(setting, path[::-1].copy()), axis=1)
    widths, total = [*system.impulse_widths(setting), 2 * path.shape[1]], 0.0
    for at in (path, np.zeros_like(path)):
        terms = system.run(system.kernels.doubled, setting, system.points(setting, at), (1.0, 0.0), widths, along)
        total = total + setting.weights @ terms[0] / 2
    return total


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("boundary", (sd.Periodic(T), sd.AtRest(T)), ids=("periodic", "at rest"))
def test_convolution_action(boundary, rule: str) -> None:
    """Exact at any β for any cost, by parameters of the damping too; as the response of the action itself by all that
    leave the system reciprocal; without the reversal wrong."""
    values = steady()
    trainer = sd.EPTrainer(system, cost, boundary, 15, SYMBOLS, rule=RULES[rule])
    free = trainer.free({s.name: x for s, x in zip(SYMBOLS, values, strict=True)})
    how = ("periodic", T) if boundary.periodic else ("initial", T, (np.zeros(3), np.zeros(3), None))
    exact, _ = written.derivatives(free.q, values, rule, *how)
    for beta in (1.0, -30.0, 1e-3):
        scheme = sd.Convolution(beta)
        found = scheme.gradient(free)
        ours = np.array([float(found[s.name]) for s in SYMBOLS])
        assert np.linalg.norm(ours - exact) <= 1e4 * EPS * np.linalg.norm(exact) / min(abs(beta), 1)
        nudged = [action_slope(free, scheme.nudged(free, share)) for share in (beta, -beta)]
        names = list(free.system.shapes(free.setting))
        response = dict(zip(names, (nudged[0] - nudged[1]) / (2 * beta), strict=True))
        for name in ("damp", "both", "c", "wave"):  # none of them in the cost
            assert response[name] == pytest.approx(float(found[name]), rel=1e-9, abs=1e-11)
    if isinstance(free.linear, TwoPoint):
        moved = free.linear.response(pushed(free))
    else:
        path = np.zeros_like(free.q)
        run(free.system, replace(Course.forward(free.setting), source=pushes(free)[0]), path, np.zeros(3))
        moved = path - free.q
    naive = sensitivity(free, pushed(free), moved[::-1]).params
    assert np.linalg.norm([float(naive[s.name]) for s in SYMBOLS] - exact) > 0.1 * np.linalg.norm(exact)


def test_no_convolution_action() -> None:
    def refused(boundary, match: str, **changes: float) -> None:
        values = {**dict(zip([s.name for s in SYMBOLS], steady(), strict=True)), **changes}
        trainer = sd.EPTrainer(system, cost, boundary, 15, [k], sd.Convolution())
        with pytest.raises(sd.SymbolicError, match=match):
            trainer.gradient(values)

    refused(sd.InitialState(Q0, V0, T), "begin at rest, at 0: this one does not")
    refused(sd.FixedEnds(Q0, V0, T), "Periodic or begins AtRest")
    refused(sd.AtRest(T), "K changes with time", pump=0.5)
    refused(sd.AtRest(T), "K is not symmetric", odd=0.2)
    with pytest.raises(ValueError, match="the nudge beta = 0 must be finite and not zero"):
        sd.Convolution(0)


@pytest.mark.parametrize(
    ("change", "reason"),
    (
        ({"soft": 0.1}, "it is not linear, for K depends on the state"), ({"gyro": 0.1}, "D is not symmetric"),
        ({"odd": 0.1}, "K is not symmetric"),
        ({"periodic": True}, "K changes with time"),
    ),
)  # fmt: skip
def test_what_is_not_reciprocal(change: dict, reason: str) -> None:
    periodic = "periodic" in change
    boundary = sd.Periodic(2 * np.pi) if periodic else sd.InitialState(Q0, V0, T)
    trainer = sd.EPTrainer(system, cost, boundary, 16, [k], sd.Reciprocal())
    with pytest.raises(sd.SymbolicError, match=reason):
        trainer.gradient({**GIVEN, "wave": 1.0} if periodic else {**GIVEN, **change})


def test_refusals() -> None:
    growing = sd.Lagrangian(sp.exp(t) * (v[0] ** 2 - q[0] ** 2), q[0], v[0])
    for boundary, reason in (
        (sd.InitialState(1.0, 0.0, 1.0), "M changes with time"),
        (sd.FixedEnds(1.0, 0.0, 1.0), "given by its beginning"),
    ):
        with pytest.raises(sd.SymbolicError, match=reason):
            sd.EPTrainer(growing, sd.Cost(q[0]), boundary, 8, [], sd.Reciprocal()).gradient({})
    still = sd.Lagrangian(v[0] ** 2 - q[0] ** 2, q[0], v[0])
    for mirror in ("find", {"q0": 1}):
        trainer = sd.EPTrainer(still, sd.Cost(k * q[0]), sd.AtRest(1.0, 1.0), 8, [k], sd.Reciprocal(mirror=mirror))
        with pytest.raises(ValueError, match=r"the mirror is .*: give 1 signs"):
            trainer.gradient({k: 1.0})
    with pytest.raises(ValueError, match="the amplitude = 0 must be finite and not zero"):
        sd.Reciprocal(0)
