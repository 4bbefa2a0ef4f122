"""Extremal trajectories against exact ones, and the errors where there is none."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import sympy as sp
from scipy.special import ellipj

import symdfi as sd
from symdfi.ep import Boundary
from symdfi.ep.discrete import DiscreteSystem

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
q, v = sd.coordinates("q")
x, u = sd.coordinates("x", n)
w, force = sp.symbols("omega f")
oscillator = sd.Lagrangian(v**2 / 2 - w**2 * q**2 / 2, q, v)
bratu = sd.Lagrangian(v**2 / 2 - w * sp.exp(q), q, v)
driven = sd.Lagrangian(v**2 / 2 - w**2 * q**2 / 2 + force * q, q, v, inputs=[force])
chain = sd.Lagrangian(
    sp.Sum(u[i] ** 2 / 2 - x[i] ** 2 / 2, (i, 0, n - 1))
    - w * sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)) / 2
    + force * x[0],
    x, u, inputs=[force],
)  # fmt: skip


EPS = np.finfo(float).eps


def roundoff(steps: int) -> float:
    """Room for the rounding errors of a path of size 1: the condition of ∂²S/∂q∂q grows as N², and 16 units of it."""
    return 16 * EPS * steps**2


def order(errors: list[float]) -> np.ndarray:
    """Orders of convergence when the step is halved each time."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


# Exact solutions


def test_oscillator_is_the_discrete_oscillation() -> None:
    """Between fixed ends the midpoint rule gives the frequency Ω with tan(Ωh/2) = ωh/2, exactly."""
    orbit = sd.extremize(oscillator, sd.FixedEnds(0.4, -0.7, 2.0), 40, {w: 1.1})
    rate = 2 * np.arctan(1.1 * 0.05 / 2) / 0.05
    exact = (0.4 * np.sin(rate * (2 - orbit.t)) - 0.7 * np.sin(rate * orbit.t)) / np.sin(2 * rate)
    assert np.abs(orbit.q[:, 0] - exact).max() < roundoff(40)
    # max |∂S/∂q|, a difference of momenta of size |q|/h.
    assert orbit.residual < 100 * EPS / 0.05


def test_pendulum_to_second_order() -> None:
    """q = 2 arcsin(k sn(t, k)): an orbit of finite amplitude in elliptic functions."""
    pendulum, modulus, T = sd.Lagrangian(v**2 / 2 + sp.cos(q), q, v), 0.8, 2.5
    errors = []
    for steps in (40, 80, 160):
        t = np.linspace(0, T, steps + 1)
        exact = 2 * np.arcsin(modulus * ellipj(t, modulus**2)[0])
        orbit = sd.extremize(pendulum, sd.FixedEnds(0.0, exact[-1], T), steps)
        errors.append(np.abs(orbit.q[:, 0] - exact).max())
    assert errors[-1] < 1e-3
    assert np.abs(order(errors) - 2).max() < 0.05


@pytest.mark.parametrize("d", (1, 4))
def test_driven_chain_by_fourier(d: int) -> None:
    """x = X cos Ωt with [K cos²θ − (2 sin θ/h)²] X = f cos θ, θ = Ωh/2; in the continuum [K − Ω²] X = f."""
    omega, coupling = 1.7, 0.6
    laplacian = np.diag([2.0] * d) - np.diag([1.0] * (d - 1), 1) - np.diag([1.0] * (d - 1), -1)
    laplacian[0, 0] -= 1
    laplacian[-1, -1] -= 1
    stiffness, first = np.eye(d) + coupling * laplacian, np.eye(d)[0] * 0.9
    continuum = np.linalg.solve(stiffness - omega**2 * np.eye(d), first)
    errors = []
    for steps in (30, 60, 120):
        T = 2 * np.pi / omega
        inputs = {force: lambda t: 0.9 * np.cos(omega * t)}
        orbit = sd.extremize(chain, sd.Periodic(T), steps, {w: coupling, n: d}, inputs)
        theta, h = np.pi / steps, T / steps
        matrix = stiffness * np.cos(theta) ** 2 - np.eye(d) * (2 * np.sin(theta) / h) ** 2
        discrete = np.linalg.solve(matrix, first * np.cos(theta))
        wave = np.cos(omega * orbit.t)[:, None]
        soft = np.abs(np.linalg.eigvalsh(matrix)).min()
        assert np.abs(orbit.q - wave * discrete).max() < roundoff(steps) / min(soft, 1)
        errors.append(np.abs(orbit.q - wave * continuum).max())
    assert order(errors)[-1] == pytest.approx(2, abs=0.05)


def test_action_of_a_free_particle() -> None:
    """S = (Δq)²/2T, and the straight line is exact."""
    particle = sd.Lagrangian(v**2 / 2, q, v)
    orbit = sd.extremize(particle, sd.FixedEnds(1.0, 4.0, 2.0), 7)
    assert orbit.value == pytest.approx(9 / 4, rel=100 * EPS)
    assert orbit.cost == 0.0


@pytest.mark.parametrize("scale", (1e-9, 1.0, 1e9))
def test_units_do_not_matter(scale: float) -> None:
    """The same orbit, to the same relative precision, in any unit of length: q̈ = −q − q³/scale²."""
    duffing = sd.Lagrangian(v**2 / 2 - q**2 / 2 - q**4 / (4 * w**2), q, v)
    orbit, unit = (sd.extremize(duffing, sd.FixedEnds(0.4 * s, -0.7 * s, 2.0), 50, {w: s}) for s in (scale, 1.0))
    assert np.abs(orbit.q / scale - unit.q).max() < roundoff(50)


def test_solution_at_rest() -> None:
    """The zero solution is reached and recognised from any guess."""
    anharmonic = sd.Lagrangian(v**2 / 2 - q**2 / 2 - q**4 / 4, q, v)
    guess = 0.3 * np.sin(np.linspace(0, np.pi, 31))[:, None]
    orbit = sd.extremize(anharmonic, sd.FixedEnds(0.0, 0.0, 2.0), 30, guess=guess)
    assert np.abs(orbit.q).max() < 0.3 * roundoff(30)
    assert orbit.iterations < 10


def test_linear_system_takes_one_step() -> None:
    assert sd.extremize(oscillator, sd.FixedEnds(0.4, -0.7, 2.0), 40, {w: 1.1}).iterations == 1


def test_long_grid_converges() -> None:
    """Roundoff grows with the number of steps: 50 000 of them still count as converged."""
    orbit = sd.extremize(oscillator, sd.FixedEnds(0.4, -0.7, 2.0), 50_000, {w: 1.1})
    exact = (0.4 * np.sin(1.1 * (2 - orbit.t)) - 0.7 * np.sin(1.1 * orbit.t)) / np.sin(2.2)
    assert np.abs(orbit.q[:, 0] - exact).max() < 1e-7


def test_orbit_by_coordinate() -> None:
    y, s = sd.coordinates("y", (2, n))
    L = v**2 / 2 - q**2 / 2 + sp.Sum(s[0, i] ** 2 + s[1, i] ** 2 + 0 * y[0, i], (i, 0, n - 1))
    orbit = sd.extremize(sd.Lagrangian(L, [q, y], [v, s]), sd.FixedEnds(np.arange(7), np.ones(7), 1.0), 8)
    assert np.array_equal(orbit[q], orbit.q[:, 0])
    assert np.array_equal(orbit[y], orbit.q[:, 1:].reshape(9, 2, 3))
    assert np.array_equal(orbit["y"], orbit[y])
    with pytest.raises(KeyError, match="z is no coordinate of this system: q, y"):
        orbit[sp.Symbol("z")]


def test_orbit_by_function_of_time() -> None:
    from sympy.physics.mechanics import dynamicsymbols

    theta = dynamicsymbols("theta")
    pendulum = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta), theta)
    orbit = sd.extremize(pendulum, sd.FixedEnds(0.0, 1.0, 1.0), 10)
    assert np.array_equal(orbit[theta], orbit.q[:, 0])


# No extremal, or none that stands alone


def test_bratu_problem() -> None:
    """q̈ = −λe^q with q(0) = q(1) = 0 has a solution for λ = 3, and none for λ = 4 > 3.5138."""
    orbit = sd.extremize(bratu, sd.FixedEnds(0.0, 0.0, 1.0), 200, {w: 3.0})
    # q(½) = 2 ln(cosh a), a = √(λ/8) cosh a.
    a = 0.5
    for _ in range(200):
        a = np.sqrt(3 / 8) * np.cosh(a)
    assert orbit.q[100, 0] == pytest.approx(2 * np.log(np.cosh(a)), rel=1e-3)
    with pytest.raises(sd.ConvergenceError) as caught:
        sd.extremize(bratu, sd.FixedEnds(0.0, 0.0, 1.0), 200, {w: 4.0})
    assert caught.value.residual > 1e-4
    assert caught.value.partial.shape == (201, 1)
    assert caught.value.partial[0] == caught.value.partial[-1] == 0


def test_too_few_iterations() -> None:
    with pytest.raises(sd.ConvergenceError, match="after 1 Newton steps"):
        sd.extremize(bratu, sd.FixedEnds(0.0, 0.0, 1.0), 50, {w: 3.0}, iterations=1)


def test_singular_potential() -> None:
    kepler = sd.Lagrangian(v**2 / 2 + 1 / q, q, v)
    with pytest.raises(sd.ConvergenceError, match="not finite on the path after 0 Newton steps"):
        sd.extremize(kepler, sd.FixedEnds(-1.0, 1.0, 1.0), 11, guess=((np.arange(12) - 5.5) / 5.5)[:, None])


def test_conjugate_points() -> None:
    """ωT = π, at the discrete frequency."""
    steps = 100
    T = 2 * steps * np.tan(np.pi / 2 / steps)
    with pytest.raises(sd.SingularMatrixError, match="conjugate points") as caught:
        sd.extremize(oscillator, sd.FixedEnds(0.0, 1.0, T), steps, {w: 1.0})
    assert caught.value.rcond < 1e3 * np.finfo(float).eps
    assert caught.value.partial.shape == (steps + 1, 1)


def test_resonance() -> None:
    steps = 100
    T = 2 * steps * np.tan(np.pi / steps)
    with pytest.raises(sd.SingularMatrixError, match="resonance"):
        sd.extremize(driven, sd.Periodic(T), steps, {w: 1.0}, {force: lambda t: np.cos(2 * np.pi * t / T)})


@pytest.mark.parametrize("steps", (12, 200))
def test_autonomous_orbit(steps: int) -> None:
    """A coarse grid pins the phase: its Hessian is not singular, and the orbit is refused all the same."""
    quartic = sd.Lagrangian(v**2 / 2 - q**4 / 4, q, v)
    guess = 1.5 * np.cos(2 * np.pi * np.arange(steps + 1) / steps)[:, None]
    with pytest.raises(sd.SingularMatrixError, match="autonomous orbit, whose phase is free"):
        sd.extremize(quartic, sd.Periodic(5.0), steps, guess=guess)


def test_equilibrium_is_a_periodic_orbit() -> None:
    """At rest there is no phase: a constant force moves an oscillator to f/ω²."""
    orbit = sd.extremize(driven, sd.Periodic(2.0), 20, {w: 1.1}, {force: 0.5})
    assert np.abs(orbit.q - 0.5 / 1.21).max() < roundoff(20)


# Refused


def test_no_boundary_condition() -> None:
    with pytest.raises(sd.SymbolicError, match="is no boundary condition: use Periodic"):
        sd.extremize(oscillator, (0.4, 0.0, 2.0), 10, {w: 1.1})  # type: ignore[arg-type]


ENDS = sd.FixedEnds(0.4, -0.7, 2.0)


@pytest.mark.parametrize(
    "system, boundary, arguments, message",
    (
        (oscillator, ENDS, {"params": {}}, "no value for the parameter omega"),
        (oscillator, ENDS, {"params": {w: 1.1, "z": 2.0}}, "z is no parameter of this system: omega"),
        (oscillator, ENDS, {"params": {w: np.nan}}, "the parameter omega is nan"),
        (oscillator, ENDS, {"params": {w: np.ones(3)}}, "shape"),
        (oscillator, ENDS, {"inputs": {"a": 1.0}}, "a is no input or target: there is none"),
        (driven, ENDS, {}, "no value for the input f"),
        (driven, ENDS, {"inputs": {force: np.inf}}, "the input f is inf"),
        (driven, ENDS, {"inputs": {force: np.ones(11)}}, r"the input f has shape \(11,\)"),
        (driven, ENDS, {"inputs": {force: lambda t: [t, t]}}, r"the input f has shape \(10, 2\)"),
        (oscillator, ENDS, {"steps": 1}, "steps = 1 must be at least 2"),
        (oscillator, ENDS, {"guess": np.zeros((10, 1))}, r"the guess has shape \(10, 1\).*\(11, 1\)"),
        (oscillator, ENDS, {"guess": np.zeros((11, 2))}, r"the guess has shape \(11, 2\).*\(11, 1\)"),
        (oscillator, ENDS, {"guess": np.zeros(11)}, r"the guess has shape \(11,\)"),
        (oscillator, ENDS, {"guess": np.full((11, 1), np.nan)}, r"the guess\[0, 0\] is nan"),
        (oscillator, sd.FixedEnds([0, 0], [1, 1], 2.0), {}, "the ends have 2 .* the system has 1"),
        (chain, sd.Periodic(2.0), {"inputs": {force: 1.0}}, "number of degrees of freedom does not follow"),
        (chain, sd.Periodic(2.0), {"params": {w: 1.0, n: 0}, "inputs": {force: 1.0}}, "size n = 0"),
        (chain, ENDS, {"params": {w: 1.0, n: 2}, "inputs": {force: 1.0}}, "the system has 2"),
    ),
)
def test_bad_input(system: sd.Lagrangian, boundary: Boundary, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sd.extremize(system, boundary, **{"steps": 10, "params": {w: 1.1}, **arguments})


@pytest.mark.parametrize("ends", ((0.0, [1.0, 2.0], 1.0), (np.nan, 1.0, 1.0), (0.0, 1.0, 0), (0.0, 1.0, -1)))
def test_bad_ends(ends: tuple) -> None:
    with pytest.raises(ValueError):
        sd.FixedEnds(*ends)


def test_index_array_out_of_range() -> None:
    """Kernels are never run on an index that leaves its array."""
    p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(e,))
    springs = sp.Sum(x[p[i]] ** 2, (i, 0, e - 1)) / 2
    gathered = sd.Lagrangian(sp.Sum(u[i] ** 2, (i, 0, n - 1)) / 2 - springs, x, u)
    ends = sd.FixedEnds(np.zeros(3), np.ones(3), 1.0)
    assert sd.extremize(gathered, ends, 10, {p: np.array([0, 2])}).residual < 100 * EPS / 0.1
    with pytest.raises(ValueError, match=r"outside 0..n - 1, at n = 3, e = 2"):
        sd.extremize(gathered, ends, 10, {p: np.array([0, 3])})


def test_ends_in_the_shape_of_the_coordinate() -> None:
    """Sizes follow from ends (and guesses) of shape (4, 3); any other shape is refused."""
    m, j = sp.Symbol("m", integer=True, positive=True), sp.Symbol("j", integer=True)
    y, s = sd.coordinates("y", (n, m))
    lattice = sd.Lagrangian(sp.Sum(s[i, j] ** 2 - (i + 1) * y[i, j] ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2, y, s)
    a, b = np.random.default_rng(0).normal(size=(2, 4, 3))
    orbit = sd.extremize(lattice, sd.FixedEnds(a, b, 1.0), 10)
    assert orbit[y].shape == (11, 4, 3)
    assert np.array_equal(orbit[y][-1], b)
    flat = sd.extremize(lattice, sd.FixedEnds(a.ravel(), b.ravel(), 1.0), 10, {n: 4, m: 3})
    assert np.array_equal(orbit.q, flat.q)
    for boundary in (sd.FixedEnds(a, b.ravel(), 1.0), sd.Periodic(1.0)):
        assert sd.extremize(lattice, boundary, 10, guess=np.zeros((11, 4, 3)))[y].shape == (11, 4, 3)
    for ends, params, message in (
        ((a, b.T), {}, r"coordinate y: qT has shape \(3, 4\), expected \(n, m\) with n = 4, m = 3"),
        ((a, b), {n: 3}, r"coordinate y: q0 has shape \(4, 3\), expected \(n, m\) with n = 3"),
        ((a[None], b[None]), {}, r"coordinates y: q0 has shape \(1, 4, 3\), expected \(n_dof,\) or \(n, m\)"),
        ((a.ravel(), b.ravel()), {}, "the size m does not follow"),
    ):
        with pytest.raises(ValueError, match=message):
            sd.extremize(lattice, sd.FixedEnds(*ends, 1.0), 10, params)
    with pytest.raises(ValueError, match=r"coordinates x: q0 has shape \(2, 2\), expected \(n_dof,\) of one state"):
        sd.extremize(chain, sd.FixedEnds(np.ones((2, 2)), np.ones((2, 2)), 1.0), 10, {w: 1.0}, {force: 0.0})
    trainer = sd.EPTrainer(lattice, sd.Cost(y[0, 0] ** 2), sd.FixedEnds(a, b, 1.0), 10, [])
    assert trainer.free({}).q.shape == (11, 12)


@pytest.mark.parametrize("steps", (64, 128, 256))
@pytest.mark.parametrize("past", (-1e-2, -1e-3, 1e-3, 1e-2, 1e-1))
def test_error_of_the_grid_near_a_conjugate_point(steps: int, past: float) -> None:
    """ωT = π(1 + past), q(T) = 1: the path is sin t/sin T; that of the grid is wrong by |λ_h − λ|/|λ_h|."""
    T = np.pi * (1 + past)
    orbit = sd.extremize(oscillator, sd.FixedEnds(0.0, 1.0, T), steps, {w: 1.0})
    exact = np.sin(orbit.t) / np.sin(T)
    error = np.abs(orbit.q[:, 0] - exact).max() / np.abs(exact).max()
    assert orbit.grid_error == pytest.approx(error, rel=0.1)
    assert orbit.rcond < 1e-3


@pytest.mark.parametrize("past", (-1e-2, 1e-2, 1e-1))
def test_error_of_the_grid_near_a_resonance(past: float) -> None:
    T = 2 * np.pi * (1 + past)
    rate = 2 * np.pi / T
    orbit = sd.extremize(driven, sd.Periodic(T), 128, {w: 1.0}, {force: lambda t: np.cos(rate * t)})
    exact = np.cos(rate * orbit.t) / (1 - rate**2)
    error = np.abs(orbit.q[:, 0] - exact).max() / np.abs(exact).max()
    assert orbit.grid_error == pytest.approx(error, rel=0.2)


@pytest.mark.parametrize("steps", (16, 64, 256, 1024))
def test_conjugate_points_of_the_continuous_action(steps: int) -> None:
    """At ωT = π there is no path; the grid has one, of a length ∝ N², that is all its own."""
    with pytest.raises(sd.SingularMatrixError, match="to the accuracy of the grid: the ends are conjugate") as caught:
        sd.extremize(oscillator, sd.FixedEnds(0.0, 1.0, np.pi), steps, {w: 1.0})
    assert caught.value.grid_error == pytest.approx(1, rel=0.05)
    assert caught.value.rcond > 1e-13
    assert caught.value.partial.shape == (steps + 1, 1)
    wave = {force: np.cos}
    with pytest.raises(sd.SingularMatrixError, match="to the accuracy of the grid: a resonance"):
        sd.extremize(driven, sd.Periodic(2 * np.pi), steps, {w: 1.0}, wave)
    # Between zero ends the path is zero on every grid.
    orbit = sd.extremize(oscillator, sd.FixedEnds(0.0, 0.0, np.pi), steps, {w: 1.0})
    assert orbit.grid_error == np.abs(orbit.q).max() == 0


def test_soft_direction_that_the_path_does_not_take() -> None:
    """A wave cos t drives one oscillator; another, at rest, is in resonance: the path is right all the same."""
    r, s = sd.coordinates("r")
    L = (v**2 + s**2) / 2 - w**2 * q**2 / 2 - r**2 / 2 + force * q
    system = sd.Lagrangian(L, [q, r], [v, s], inputs=[force])
    orbit = sd.extremize(system, sd.Periodic(2 * np.pi), 64, {w: 2.0}, {force: np.cos})
    assert np.abs(orbit["q"] - np.cos(orbit.t) / 3).max() < 2e-3
    # Nothing drives it: 0, but for what the softest direction of the grid, of stiffness (π/64)², makes of roundoff.
    assert np.abs(orbit["r"]).max() < roundoff(64) / (np.pi / 64) ** 2
    assert orbit.grid_error < 5e-3


def test_error_of_the_grid_falls_with_the_step() -> None:
    """Two coupled coordinates in a magnetic field, where the Hessian's blocks are full: order 2."""
    r, s = sd.coordinates("r")
    L = (v**2 + s**2) / 2 + w * (q * s - r * v) * (1 + q**2) - (q**2 + 2 * r**2) / 2
    system = sd.Lagrangian(L, [q, r], [v, s])
    errors = [
        sd.extremize(system, sd.FixedEnds([0, 0.1], [0.5, 0.3], 2.0), steps, {w: 0.7}).grid_error
        for steps in (200, 400, 800)
    ]
    assert np.abs(order(errors) - 2).max() < 0.1


def test_too_few_steps_for_an_estimate() -> None:
    assert np.isnan(sd.extremize(oscillator, sd.FixedEnds(0.0, 1.0, 1.0), 3, {w: 1.0}).grid_error)


def test_ctrl_c_keeps_the_path_so_far(monkeypatch) -> None:
    """It is a guess from which the extremal trajectory is reached."""
    boundary, gradient, calls = sd.FixedEnds(0.0, 0.0, 1.0), DiscreteSystem.slope, []

    def slow(*args):
        calls.append(args)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return gradient(*args)

    whole = sd.extremize(bratu, boundary, 30, {w: 3.0})
    with monkeypatch.context() as patch:
        patch.setattr(DiscreteSystem, "slope", slow)
        with pytest.raises(sd.Interrupted, match="interrupted") as raised:
            sd.extremize(bratu, boundary, 30, {w: 3.0})
    path = raised.value.partial
    assert path.shape == (31, 1) and path.any()
    again = sd.extremize(bratu, boundary, 30, {w: 3.0}, guess=path)
    assert again.iterations < whole.iterations
    np.testing.assert_allclose(again.q, whole.q, atol=roundoff(30))
