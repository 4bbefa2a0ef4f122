"""S2: classical Lagrangians against SymPy's ``LagrangesMethod`` and heyoka's ``lagrangian``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import LagrangesMethod, Point, ReferenceFrame, dynamicsymbols

import symdfi as sd
from symdfi.dynamics import Lagrangian

t = sd.t
sin, cos = sp.sin, sp.cos
g, m, M, l, k, B, e, w = sp.symbols("g m M l k B e omega", positive=True)
I1, I3 = sp.symbols("I1 I3", positive=True)
VALUES = {g: 9.81, m: 1.3, M: 0.7, l: 0.9, k: 1.7, B: 0.6, e: 0.8, w: 2.1, I1: 0.5, I3: 0.2}


@dataclass(frozen=True)
class Case:
    """A Lagrangian in functions of time, with states drawn around ``center``."""

    L: sp.Expr
    q: list
    center: tuple | float = 0.0
    dissipation: sp.Expr = sp.S.Zero
    forces: dict = field(default_factory=dict)


def pendulum(links: int) -> Case:
    """A chain of point masses on rigid links in a plane, angles from the vertical."""
    angles = dynamicsymbols(f"q1:{links + 1}")
    x = y = L = sp.S.Zero
    for number, angle in enumerate(angles):
        x, y = x + l * sin(angle), y - l * cos(angle)
        mass = m / (1 + number)
        L += mass * (x.diff(t) ** 2 + y.diff(t) ** 2) / 2 - mass * g * y
    return Case(L, list(angles))


x, y, z, r, phi, theta, psi = dynamicsymbols("x y z r phi theta psi")
xd, yd, zd = x.diff(t), y.diff(t), z.diff(t)
SPRING = m * xd**2 / 2 - k * x**2 / 2

CASES = {
    "double pendulum": pendulum(2),
    "Kepler, polar": Case(
        m * (r.diff(t) ** 2 + r**2 * phi.diff(t) ** 2) / 2 + k / r, [r, phi], center=(3.0, 0.0)
    ),
    "Kepler, Cartesian": Case(
        m * (xd**2 + yd**2 + zd**2) / 2 + k / sp.sqrt(x**2 + y**2 + z**2), [x, y, z], center=(3.0, 0.0, 0.0)
    ),
    "heavy top": Case(
        I1 * (theta.diff(t) ** 2 + phi.diff(t) ** 2 * sin(theta) ** 2) / 2
        + I3 * (psi.diff(t) + phi.diff(t) * cos(theta)) ** 2 / 2 - m * g * l * cos(theta),
        [phi, theta, psi], center=(0.0, 1.5, 0.0),
    ),
    "charge in a magnetic field": Case(
        m * (xd**2 + yd**2 + zd**2) / 2 + e * B * (1 + z**2) * (x * yd - y * xd) / 2 - e * k * z * x,
        [x, y, z],
    ),
    "spring of growing stiffness": Case(SPRING - x**2 * sin(w * t) ** 2 / 2 + x * cos(w * t), [x]),
    "growing mass": Case(sp.exp(w * t / 4) * SPRING, [x]),
    "pendulum on a moving pivot": Case(
        m * ((l * cos(x) * xd - w * sin(w * t)) ** 2 + (l * sin(x) * xd) ** 2) / 2 + m * g * l * cos(x), [x]
    ),
    "Rayleigh damping": Case(
        pendulum(2).L, pendulum(2).q,
        dissipation=k * (pendulum(2).q[0].diff(t) - pendulum(2).q[1].diff(t)) ** 2 / 2
    ),
    "cart and pole": Case(
        M * xd**2 / 2 + m * ((xd + l * cos(phi) * phi.diff(t)) ** 2 + (l * sin(phi) * phi.diff(t)) ** 2) / 2
        + m * g * l * cos(phi),
        [x, phi], forces={x: -k * xd + sin(w * t) * cos(phi), phi: -e * phi.diff(t) ** 3},
    ),
}  # fmt: skip


def parameters(case: Case) -> dict:
    expr = sp.Tuple(case.L, case.dissipation, *case.forces.values())
    return {symbol: VALUES[symbol] for symbol in expr.free_symbols if symbol in VALUES}


def states(case: Case, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (count, len(case.q))
    return (
        np.asarray(case.center) + rng.normal(size=shape) / 2,
        rng.normal(size=shape),
        rng.uniform(0, 2, count),
    )


def by_sympy(case: Case, q: np.ndarray, v: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """M, F and q̈ of SymPy's ``LagrangesMethod``; a generalized force acts on a point moving with its q."""
    frame = ReferenceFrame("N")
    forces = dict(case.forces)
    for angle in case.q:
        drag = -case.dissipation.diff(angle.diff(t))
        forces[angle] = forces.get(angle, 0) + drag
    loads = []
    for angle, force in forces.items():
        point = Point(f"P_{angle.func}")
        point.set_vel(frame, angle.diff(t) * frame.x)
        loads.append((point, force * frame.x))
    method = LagrangesMethod(case.L, case.q, forcelist=loads, frame=frame)
    method.form_lagranges_equations()
    speeds = [angle.diff(t) for angle in case.q]
    values = parameters(case)
    function = sp.lambdify([case.q, speeds, t, list(values)], [method.mass_matrix, method.forcing], cse=True)
    found = [function(*state, list(values.values())) for state in zip(q, v, times, strict=True)]
    mass, forcing = (np.array([pair[which] for pair in found], dtype=float) for which in (0, 1))
    return {"mass": mass, "forcing": forcing[..., 0], "acceleration": np.linalg.solve(mass, forcing)[..., 0]}


def by_heyoka(case: Case, q: np.ndarray, v: np.ndarray, times: np.ndarray) -> np.ndarray:
    """q̈ of heyoka's ``lagrangian`` (which knows no generalized forces)."""
    hy = pytest.importorskip("heyoka")
    names = [str(angle.func) for angle in case.q]
    coordinates, speeds = hy.make_vars(*names), hy.make_vars(*(f"{name}_dot" for name in names))
    if len(names) == 1:
        coordinates, speeds = [coordinates], [speeds]
    put = {angle.diff(t): sp.Symbol(f"{name}_dot") for angle, name in zip(case.q, names, strict=True)}
    put |= {angle: sp.Symbol(name) for angle, name in zip(case.q, names, strict=True)}
    put |= parameters(case)
    read = lambda expr: hy.from_sympy(expr.subs(put), s_dict={t: hy.time})  # noqa: E731
    equations = hy.lagrangian(read(case.L), list(coordinates), list(speeds), read(case.dissipation))
    right = [expr for _, expr in equations[len(names) :]]
    function = hy.cfunc(right, [*coordinates, *speeds])
    return function(np.ascontiguousarray(np.hstack([q, v]).T), time=times).T


def close(found, expected, tolerance=1e-11) -> None:
    scale = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.fixture(scope="module")
def systems():
    return {
        name: Lagrangian(case.L, case.q, dissipation=case.dissipation, forces=case.forces)
        for name, case in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_against_sympy(systems, name):
    case = CASES[name]
    q, v, times = states(case, 40)
    expected = by_sympy(case, q, v, times)
    kernels = systems[name].compile()
    close(kernels.acceleration(q, v, parameters(case), times), expected["acceleration"])
    # The formulas for reading, in the user's own notation.
    values = parameters(case)
    speeds = [angle.diff(t) for angle in case.q]
    system = systems[name]
    function = sp.lambdify([case.q, speeds, t, list(values)], [system.mass_matrix, sp.Matrix(system.forcing)], cse=True)
    for row in range(5):
        mass, forcing = function(q[row], v[row], times[row], list(values.values()))
        close(mass, expected["mass"][row])
        close(np.ravel(forcing), expected["forcing"][row])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.forces])
def test_against_heyoka(systems, name):
    case = CASES[name]
    q, v, times = states(case, 1000, seed=1)
    found = systems[name].compile().acceleration(q, v, parameters(case), times)
    close(found, by_heyoka(case, q, v, times))


SIX = pendulum(6)


def test_six_links():
    q, v, times = states(SIX, 1000, seed=2)
    system = Lagrangian(SIX.L, SIX.q)
    found = system.compile().acceleration(q, v, parameters(SIX), times)
    close(found, by_heyoka(SIX, q, v, times), tolerance=1e-10)


def test_six_links_in_symbols():
    """The same chain in ``coordinates``: the same formulas under other names, so the same kernel."""
    q, v = zip(*(sd.coordinates(f"q{number}") for number in range(1, 7)), strict=True)
    put = {angle.diff(t): speed for angle, speed in zip(SIX.q, v, strict=True)}
    put |= dict(zip(SIX.q, q, strict=True))
    system = Lagrangian(SIX.L.subs(put), q, v)
    other = Lagrangian(SIX.L, SIX.q)
    renamed = dict(zip((*q, *v), (*other.coordinates, *other.velocities), strict=True))
    difference = [a.xreplace(renamed) - b for a, b in zip(system.forcing_terms, other.forcing_terms, strict=True)]
    state = {s: 0.1 * number + 0.3 for number, s in enumerate(sorted(sp.Tuple(*difference).free_symbols, key=str))}
    assert all(abs(d.subs(state)) < 1e-12 for d in difference)
    assert system.parameters == other.parameters == (g, l, m)


def test_double_pendulum_in_symbols():
    case = CASES["double pendulum"]
    (q1, v1), (q2, v2) = sd.coordinates("q1"), sd.coordinates("q2")
    put = {case.q[0].diff(t): v1, case.q[1].diff(t): v2, case.q[0]: q1, case.q[1]: q2}
    system = Lagrangian(case.L.subs(put), [q1, q2], [v1, v2], parameters=[g, m, l])
    q, v, times = states(case, 20)
    found = system.compile().acceleration(q, v, parameters(case))
    close(found, by_sympy(case, q, v, times)["acceleration"])


def test_inputs():
    """The driven cart: its force as an input, by name, constant and changing from state to state."""
    case = CASES["cart and pole"]
    a = dynamicsymbols("a")
    system = Lagrangian(case.L, case.q, inputs=[a], forces={**case.forces, x: a * cos(phi) - k * xd})
    q, v, times = states(case, 20)
    expected = by_sympy(case, q, v, times)["acceleration"]
    params = {symbol: VALUES[symbol] for symbol in system.parameters}
    signal = np.sin(VALUES[w] * times)
    close(system.compile().acceleration(q, v, params, inputs={"a": signal}), expected)
    close(system.compile().acceleration(q[3], v[3], params, inputs={a: signal[3]}), expected[3])
    assert system.euler_lagrange[0].rhs.has(a)


@pytest.mark.parametrize("name", CASES)
def test_energy_and_hamiltonian(systems, name):
    """H(q, p(q, q̇)) = Σ q̇ ∂L/∂q̇ − L, and the energy changes by what acts: dE/dt = Q·q̇ − ∂R/∂q̇·q̇ − ∂L/∂t."""
    case, system = CASES[name], systems[name]
    q, v, times = states(case, 3)
    speeds = [angle.diff(t) for angle in case.q]
    p = [case.L.diff(speed) for speed in speeds]
    energy = sum(a * b for a, b in zip(p, speeds, strict=True)) - case.L
    H = system.hamiltonian
    assert not H.has(*speeds)
    for row in range(len(q)):
        at = {**dict(zip(speeds, v[row], strict=True)), **dict(zip(case.q, q[row], strict=True))}
        number = lambda expr: float(expr.subs(parameters(case)).subs(at).subs(t, times[row]))  # noqa: B023, E731
        momenta = {symbol: number(b) for symbol, b in zip(system.momentum_symbols, p, strict=True)}
        close(number(system.energy), number(energy))
        close(number(H.subs(momenta)), number(energy))
        close([number(b) for b in system.momenta], [number(b) for b in p])


def test_hamiltonians_as_in_the_textbook(systems):
    p = systems["Kepler, polar"].momentum_symbols
    expected = p[0] ** 2 / (2 * m) + p[1] ** 2 / (2 * m * r**2) - k / r
    assert sp.simplify(systems["Kepler, polar"].hamiltonian - expected) == 0
    p = systems["heavy top"].momentum_symbols
    expected = (
        p[1] ** 2 / (2 * I1) + (p[0] - p[2] * cos(theta)) ** 2 / (2 * I1 * sin(theta) ** 2)
        + p[2] ** 2 / (2 * I3) + m * g * l * cos(theta)
    )  # fmt: skip
    assert sp.simplify(systems["heavy top"].hamiltonian - expected) == 0


@pytest.mark.parametrize(
    ("L", "reason"),
    [
        (-m * sp.sqrt(1 - xd**2), "not affine"),
        (m * (xd + yd) ** 2 / 2, "singular"),
        (x * yd - y * xd, "is linear in xdot"),
        (m * xd**2 / 2 + x * y, "does not depend on|singular"),
    ],
)
def test_legendre_map_that_does_not_invert(L, reason):
    with pytest.raises(sd.SymbolicError, match=reason):
        Lagrangian(L, [x, y] if L.has(y) else [x]).hamiltonian
