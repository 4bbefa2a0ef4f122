"""Systems under constraints with known answers: SymPy's LagrangesMethod and KanesMethod, motions in closed form, and
the same motions in coordinates that need no constraint."""

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import LagrangesMethod, Particle, Point, ReferenceFrame, dynamicsymbols
from sympy.physics.mechanics import Lagrangian as energies

import symdfi as sd

EPS = np.finfo(float).eps
t = sd.t
m, g, r, l, alpha = sp.symbols("m g r l alpha", positive=True)
VALUES = {m: 1.3, g: 9.81, r: 0.7, l: 0.9, alpha: 0.4}


def used(system: sd.Lagrangian) -> dict:
    return {p: VALUES[p] for p in system.parameters}


# SymPy: sympy/physics/mechanics/tests/test_lagrange.py


def test_disc_on_an_incline() -> None:
    """It rolls down with ÿ = 2/3 g sin α."""
    y, theta = dynamicsymbols("y theta")
    L = m * y.diff(t) ** 2 / 2 + m * r**2 * theta.diff(t) ** 2 / 4 - m * g * (l - y) * sp.sin(alpha)
    for constraint in (y - r * theta, y.diff(t) - r * theta.diff(t)):  # once integrated, once not
        system = sd.Lagrangian(L, [y, theta], constraints=[constraint])
        found = system.compile().acceleration([0.35, 0.5], [0.7, 1.0], used(system))
        down = 2 / 3 * VALUES[g] * np.sin(VALUES[alpha])
        assert found == pytest.approx([down, down / VALUES[r]], rel=100 * EPS)


def test_nonminimal_pendulum() -> None:
    """Equations of motion and multiplier as SymPy's, whose λ has the other sign."""
    q1, q2 = dynamicsymbols("q1:3")
    N, origin = ReferenceFrame("N"), Point("N*")
    origin.set_vel(N, 0)
    P = origin.locatenew("P1", q1 * N.x + q2 * N.y)
    P.set_vel(N, P.pos_from(origin).dt(N))
    particle = Particle("pP", P, m)
    reference = LagrangesMethod(
        energies(N, particle), [q1, q2], hol_coneqs=[q1**2 + q2**2 - l**2], forcelist=[(P, m * g * N.x)], frame=N
    )  # fmt: skip
    reference.form_lagranges_equations()
    kinetic = m * (q1.diff(t) ** 2 + q2.diff(t) ** 2) / 2
    system = sd.Lagrangian(kinetic, [q1, q2], forces={q1: m * g}, constraints=[q1**2 + q2**2 - l**2])
    for ours, theirs in zip(system.euler_lagrange, reference.eom, strict=True):
        sign = {system.multipliers[0]: -reference.lam_vec[0]}
        assert sp.simplify((ours.lhs - ours.rhs).subs(sign) - theirs) == 0
    q, v = system.compile().project([0.5, 0.6], [0.3, -0.8], used(system))
    at = {q1.diff(t): v[0], q2.diff(t): v[1], q1: q[0], q2: q[1], **VALUES}
    solved = reference.solve_multipliers(sol_type="Matrix").subs(at)
    assert -system.compile().multipliers(q, v, used(system)) == pytest.approx([float(solved[0])], rel=100 * EPS)


def test_simple_pendulum_on_its_rod() -> None:
    """θ̈ = −g/l sin θ, from Cartesian coordinates and the angle at once, of which two follow."""
    x, y, theta = dynamicsymbols("x y theta")
    L = m * (x.diff(t) ** 2 + y.diff(t) ** 2) / 2 - m * g * y
    system = sd.Lagrangian(L, [x, y, theta], constraints=[x - l * sp.sin(theta), y + l * sp.cos(theta)])
    length, s, c = VALUES[l], np.sin(0.6), np.cos(0.6)
    found = system.compile().acceleration(
        [length * s, -length * c, 0.6], [length * c, length * s, 1.0], used(system)
    )  # fmt: skip
    assert found[2] == pytest.approx(-VALUES[g] / length * s, rel=100 * EPS)


def test_rolling_disc() -> None:
    """A disc that rolls without slipping, in the coordinates of its centre and three angles: the accelerations of
    KanesMethod in its own speeds (sympy/physics/mechanics/tests/test_kane.py), and energy kept."""
    x, y, z, q1, q2, q3 = q = dynamicsymbols("x y z q1:4")
    rates = [s.diff(t) for s in (q1, q2, q3)]
    u1, u2, u3 = rates[1], rates[0] * sp.sin(q2) + rates[2], rates[0] * sp.cos(q2)
    across = sp.Matrix([sp.cos(q1), sp.sin(q1), 0])
    forward = sp.Matrix([-sp.sin(q1) * sp.cos(q2), sp.cos(q1) * sp.cos(q2), sp.sin(q2)])
    spin = u1**2 / 4 + u2**2 / 2 + u3**2 / 4
    L = m * (x.diff(t) ** 2 + y.diff(t) ** 2 + z.diff(t) ** 2) / 2 + m * r**2 * spin / 2 - m * g * z
    rolling = [sp.Matrix([x, y, z])[k].diff(t) - r * (u2 * across[k] - u1 * forward[k]) for k in (0, 1)]
    system = sd.Lagrangian(L, q, constraints=[*rolling, z - r * sp.cos(q2)])
    assert [c.is_holonomic for c in system.constraints] == [False, False, True]
    compiled, numbers = system.compile(), used(system)
    radius, gravity = VALUES[r], VALUES[g]
    at = np.array([0.1, 0.2, 0.0, 0.3, 0.4, 0.5])
    start, speed = compiled.project(at, [0.0, 0.0, 0.0, 0.7, -0.3, 2.0], numbers)
    a = compiled.acceleration(start, speed, numbers)
    lean, (d1, d2, d3) = start[4], speed[3:]
    s, c = np.sin(lean), np.cos(lean)
    w1, w2, w3 = d2, d1 * s + d3, d1 * c
    turned = [a[4], a[3] * s + d1 * c * d2 + a[5], a[3] * c - d1 * s * d2]
    kane = [
        (6 * w2 * w3 * radius - w3**2 * radius * s / c + 4 * gravity * s) / (5 * radius),
        -2 * w1 * w3 / 3,
        w1 * (-2 * w2 + w3 * s / c),
    ]
    assert turned == pytest.approx(kane, rel=1000 * EPS)
    for method, drift in (("dop853", 1e-8), ("rk4", 1e-6)):
        run = sd.integrate(system, start, speed, (0, 0.4), 4e-3, numbers, method=method)
        assert run.energy_drift < drift
        for residual in compiled.constraint_residual(run.q, run.v, numbers):
            assert np.abs(residual).max() < 1000 * EPS


# Closed forms


def test_knife_edge_on_an_incline() -> None:
    """φ = ωt, x = g sin α/(2ω²) sin² ωt, y = g sin α/(2ω²) (ωt − sin(2ωt)/2) (Bloch, Nonholonomic Mechanics, 1.6)."""
    x, y, phi = dynamicsymbols("x y phi")
    L = m * (x.diff(t) ** 2 + y.diff(t) ** 2) / 2 + m * r**2 * phi.diff(t) ** 2 / 2 + m * g * sp.sin(alpha) * x
    system = sd.Lagrangian(L, [x, y, phi], constraints=[x.diff(t) * sp.sin(phi) - y.diff(t) * sp.cos(phi)])
    omega, reach = 1.7, VALUES[g] * np.sin(VALUES[alpha]) / 2 / 1.7**2
    run = sd.integrate(system, [0, 0, 0], [0, 0, omega], (0, 5), 0.1, used(system), method="dop853")
    angle = omega * run.t
    assert run["x"] == pytest.approx(reach * np.sin(angle) ** 2, abs=1e-8)
    assert run["y"] == pytest.approx(reach * (angle - np.sin(2 * angle) / 2), abs=1e-8)
    slip = system.compile().constraint_residual(run.q, run.v, used(system))[1]
    assert np.abs(slip).max() < 200 * EPS


def test_chaplygin_sleigh() -> None:
    """A blade a distance r behind the centre: ω = Ω sech kt, u = bΩ tanh kt, k = rΩ/b, b² = (I + m r²)/m; I = m l²."""
    x, y, phi = dynamicsymbols("x y phi")
    L = m * (x.diff(t) ** 2 + y.diff(t) ** 2) / 2 + m * l**2 * phi.diff(t) ** 2 / 2
    blade = -x.diff(t) * sp.sin(phi) + y.diff(t) * sp.cos(phi) - r * phi.diff(t)
    system = sd.Lagrangian(L, [x, y, phi], constraints=[blade])
    spin, a, b = 1.1, VALUES[r], np.hypot(VALUES[r], VALUES[l])
    run = sd.integrate(system, [0, 0, 0], [0, a * spin, spin], (0, 6), 0.2, used(system), method="dop853")
    k = a * spin / b
    assert run.v[:, 2] == pytest.approx(spin / np.cosh(k * run.t), abs=1e-8)
    along = run.v[:, 0] * np.cos(run.q[:, 2]) + run.v[:, 1] * np.sin(run.q[:, 2])
    assert along == pytest.approx(b * spin * np.tanh(k * run.t), abs=1e-8)


def test_nonlinear_nonholonomic() -> None:
    """Appell's kind, ψ = ẋ² + ẏ² − r² = 0: the speed stays, by a force along the velocity (Chetaev)."""
    x, y = dynamicsymbols("x y")
    L = m * (x.diff(t) ** 2 + y.diff(t) ** 2) / 2 - m * g * y
    system = sd.Lagrangian(L, [x, y], constraints=[x.diff(t) ** 2 + y.diff(t) ** 2 - r**2])
    run = sd.integrate(system, [0, 0], [VALUES[r], 0], (0, 0.5), 0.05, used(system), method="dop853")
    assert np.hypot(*run.v.T) == pytest.approx(VALUES[r], rel=20 * EPS)
    # The direction β obeys β̇ = −g cos β / r: sin β = −tanh(g t / r).
    assert run.v[:, 1] == pytest.approx(-VALUES[r] * np.tanh(VALUES[g] * run.t / VALUES[r]), abs=1e-8)


# The same motion without constraints


def test_double_pendulum() -> None:
    x1, y1, x2, y2, th1, th2 = dynamicsymbols("x1 y1 x2 y2 th1 th2")

    def of(a, b, c, d):
        return m * (a.diff(t) ** 2 + b.diff(t) ** 2 + c.diff(t) ** 2 + d.diff(t) ** 2) / 2 - m * g * (b + d)

    at = l * sp.sin(th1), -l * sp.cos(th1)
    angles = sd.Lagrangian(of(*at, at[0] + r * sp.sin(th2), at[1] - r * sp.cos(th2)).doit(), [th1, th2])
    rods = [x1**2 + y1**2 - l**2, (x2 - x1) ** 2 + (y2 - y1) ** 2 - r**2]
    plane = sd.Lagrangian(of(x1, y1, x2, y2), [x1, y1, x2, y2], constraints=rods)
    numbers, (a, b) = used(plane), (VALUES[l], VALUES[r])
    q = np.array([1.1, 0.4])
    place = [a * np.sin(q[0]), -a * np.cos(q[0])]
    place += [place[0] + b * np.sin(q[1]), place[1] - b * np.cos(q[1])]
    reference = sd.integrate(angles, q, [0, 0], (0, 3), 0.1, numbers, method=sd.DOP853(rtol=1e-13, atol=1e-14))
    run = sd.integrate(plane, place, np.zeros(4), (0, 3), 0.1, numbers, method=sd.DOP853(rtol=1e-12, atol=1e-13))
    first, second = reference.q.T
    assert run["x2"] == pytest.approx(a * np.sin(first) + b * np.sin(second), abs=1e-8)
    position, speed = plane.compile().constraint_residual(run.q, run.v, numbers)
    assert max(np.abs(position).max(), np.abs(speed).max()) < 200 * EPS


n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)


@pytest.mark.parametrize("size", [2, 7])
def test_chain_of_rigid_rods(size: int) -> None:
    """A hanging chain by RATTLE: bonds to rounding and bounded energy over 10⁴ steps, reversible."""
    X, V = sd.coordinates("X", (n, 3))
    L = sp.Sum(m * V[i, k] ** 2 / 2, (i, 0, n - 1), (k, 0, 2)) - m * g * sp.Sum(X[i, 2], (i, 0, n - 1))
    bonds = (sp.Sum((X[i + 1, k] - X[i, k]) ** 2, (k, 0, 2)) - l**2, (i, 0, n - 2))
    system = sd.Lagrangian(L, X, V, constraints=[bonds, (X[0, k], (k, 0, 2))])
    numbers = {**used(system), n: size}
    q = np.zeros((size, 3))
    q[:, 0] = VALUES[l] * np.arange(size)
    run = sd.integrate(system, q, np.zeros((size, 3)), (0, 10), 1e-3, numbers, save_every=100)
    lengths = np.linalg.norm(np.diff(run["X"], axis=1), axis=2)
    assert lengths == pytest.approx(VALUES[l], rel=100 * EPS)
    potential = VALUES[m] * VALUES[g] * VALUES[l] * size
    assert np.abs(run.energy - run.energy[0]).max() < 1e-3 * potential
    short = sd.integrate(system, q, np.zeros((size, 3)), (0, 0.5), 1e-3, numbers)
    back = sd.integrate(system, short.q[-1], short.v[-1], (0.5, 0), 1e-3, numbers)
    assert back.q[-1] == pytest.approx(q.ravel(), abs=1e-9)
    if size == 2:
        swing, speed = dynamicsymbols("s"), dynamicsymbols("s", 1)
        angle = sd.Lagrangian(m * l**2 * speed**2 / 2 + m * g * l * sp.cos(swing), swing)
        exact = sd.integrate(angle, np.pi / 2, 0.0, (0, 10), 0.1, used(angle), method="dop853")
        assert run["X"][:, 1, 0] == pytest.approx(VALUES[l] * np.sin(exact["s"]), abs=1e-3)
