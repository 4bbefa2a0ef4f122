"""Invariants kept by embedding: to rounding, whatever the stepper and the scheme make of them."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.invariants import Functionals

EPS = np.finfo(float).eps
X, Y, c = sp.symbols("x y c")
u = sp.Function("u")(sd.t, X)
ENDS = (X, -10, 12)
KDV = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -6 * u * u.diff(X) - u.diff(X, 3)))
INVARIANTS = {
    "mass": sp.Integral(u, ENDS),
    "momentum": sp.Integral(u.subs(X, Y) ** 2 / 2, (Y, -10, 12)),
    "energy": sp.Integral(u.diff(X) ** 2 / 2, ENDS) - sp.Integral(u**3, ENDS),
}


@pytest.fixture(scope="module")
def soliton():
    """KdV's soliton by three Gaussians."""
    problem = sd.Problem(KDV, sd.gaussians([X], 3), sd.Box([(-10, 12)]), sd.Grid(200))
    return problem, sd.fit(problem, 2 * sp.sech(X) ** 2)


def drift(problem, solution, invariants):
    """The largest change of each invariant over a run, in units of rounding of sums over the samples and of θ."""
    functionals = Functionals(problem, invariants)
    found = [functionals.at(theta) for theta in solution.theta]
    values = np.array([f.values for f in found])
    room = [f.scales + np.abs(f.gradients) @ np.abs(q) for f, q in zip(found, solution.theta, strict=True)]
    return (np.abs(values - values[0]) / (EPS * np.array(room))).max(axis=0)


def test_functionals_and_their_gradients(soliton):
    problem, theta = soliton
    functionals = Functionals(problem, INVARIANTS)
    a, w, b = np.split(theta, 3)
    x, h = problem.points[:, 0], problem.weights[0]
    units = np.exp(-((w[:, None] * (x - b[:, None])) ** 2))
    value, slope = a @ units, (-2 * a * w**2) @ ((x - b[:, None]) * units)
    found = functionals.at(theta)
    expected = [h * value.sum(), h * (value**2).sum() / 2, h * (slope**2 / 2 - value**3).sum()]
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    along = np.linspace(-1, 1, 9)
    shifted = [functionals.at(theta + s * 1e-5 * along).values for s in (1, -1)]
    np.testing.assert_allclose(found.gradients @ along, (shifted[0] - shifted[1]) / 2e-5, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "stepper",
    [
        sd.DFI(),
        sd.DFI(epsilon=1e-7, scheme="euler"),
        sd.DFI(scheme="bdf2", solver=sd.LSMR()),
        sd.DiracFrenkel(gamma=1e-9, solver=sd.QR()),
        sd.DiracFrenkel(rtol=1e-6),
    ],
    ids=lambda s: type(s).__name__,
)
def test_a_soliton_keeps_mass_momentum_and_energy(soliton, stepper):
    problem, theta = soliton
    plain = sd.evolve(problem, theta, (0, 0.05), 0.0025, stepper)
    ours = sd.evolve(problem, theta, (0, 0.05), 0.0025, sd.Conserving(INVARIANTS, stepper))
    assert drift(problem, ours, INVARIANTS).max() < 50
    assert drift(problem, plain, INVARIANTS).max() > 1000
    x = np.linspace(-9, 11, 100)
    exact = 2 / np.cosh(x - 0.2) ** 2
    assert np.linalg.norm(ours.evaluate(x) - exact) < 2e-2 * np.linalg.norm(exact)


def test_around_random_sparse_updates(soliton):
    problem, theta = soliton
    both = {name: INVARIANTS[name] for name in ("mass", "momentum")}
    ours = sd.evolve(problem, theta, (0, 0.05), 0.0025, sd.Conserving(both, sd.RSNG(7)))
    assert drift(problem, ours, both).max() < 50
    x = np.linspace(-9, 11, 100)
    exact = 2 / np.cosh(x - 0.2) ** 2
    assert np.linalg.norm(ours.evaluate(x) - exact) < 5e-2 * np.linalg.norm(exact)


def test_mass_of_advection_in_two_dimensions():
    """∫u and ∫u² of waves that the ansatz holds exactly, by a scheme of order 1 that keeps neither."""
    w = sp.Function("w")(sd.t, X, Y)
    pde = sd.EvolutionEquation(sp.Eq(w.diff(sd.t), -w.diff(X) - c * w.diff(Y)))
    box = sd.Box([(0, 2 * np.pi)] * 2, periodic=True)
    a, *bs = names = sp.symbols("a b:4")
    modes = [sp.sin(X), sp.cos(X), sp.sin(Y), sp.cos(Y)]
    waves = sd.Ansatz(a + sum(b * mode for b, mode in zip(bs, modes, strict=True)), [X, Y], names)
    problem = sd.Problem(pde, waves, box, sd.Grid(12), {c: 0.5})
    over = [(X, 0, 2 * sp.pi), (Y, 0, 2 * sp.pi)]
    invariants = [sp.Integral(w, *over), sp.Integral(c * w**2, *over)]
    plain, ours = (
        sd.evolve(problem, [0.3, 1, 0, 0, 2], (0, 1), 0.02, stepper)
        for stepper in (sd.DFI(scheme="euler"), sd.Conserving(invariants, sd.DFI(scheme="euler")))
    )
    named = {str(k): e for k, e in enumerate(invariants)}
    assert drift(problem, ours, named).max() < 50
    assert drift(problem, plain, named)[1] > 1e10
    exact = [0.3, np.cos(1), -np.sin(1), 2 * np.sin(0.5), 2 * np.cos(0.5)]
    assert np.linalg.norm(ours.theta[-1] - exact) < 0.75 * np.linalg.norm(plain.theta[-1] - exact)


def test_norm_and_energy_of_a_complex_field():
    psi = sp.Function("psi")(sd.t, X)
    pde = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2) / 2 + X**2 / 2 * psi))
    a0, b0, r, m, k = sp.symbols("a0 b0 r m k", real=True)
    s = sp.Symbol("s", positive=True)
    names = [a0, b0, s, r, m, k]
    packet = (a0 + sp.I * b0) * sp.exp(-(s + sp.I * r) * (X - m) ** 2 / 2 + sp.I * k * (X - m))
    problem = sd.Problem(pde, sd.Ansatz(packet, [X], names), sd.Box([(-9, 9)]), sd.Grid(150))
    ends = (X, -9, 9)
    density = psi.diff(X) * sp.conjugate(psi.diff(X)) / 2 + X**2 * psi * sp.conjugate(psi) / 2
    invariants = {"norm": sp.Integral(sp.Abs(psi) ** 2, ends), "energy": sp.Integral(density, ends)}
    theta = [0.8, 0.1, 1.3, 0.1, 1.0, 0.2]
    plain = sd.evolve(problem, theta, (0, 0.5), 0.05, sd.DFI(scheme="bdf2"))
    ours = sd.evolve(problem, theta, (0, 0.5), 0.05, sd.Conserving(invariants, sd.DFI(scheme="bdf2")))
    assert drift(problem, ours, invariants).max() < 50
    assert drift(problem, plain, invariants).min() > 1e6


@pytest.mark.parametrize("double", [True, False], ids=["double integral", "integral of an integral"])
def test_energy_of_a_mean_field(double):
    """Hartree: i ψ_t = −ψ_xx/2 + ψ ∫W|ψ|² dy has the energy ∫|ψ_x|²/2 dx + ½∫∫W|ψ|²|ψ|² dx dy."""
    psi = sp.Function("psi")(sd.t, X)
    density = psi * sp.conjugate(psi)
    there, W = density.subs(X, Y), sp.exp(-((X - Y) ** 2))
    over, other = (X, -9, 9), (Y, -9, 9)
    pde = sd.EvolutionEquation(sp.Eq(sp.I * psi.diff(sd.t), -psi.diff(X, 2) / 2 + psi * sp.Integral(W * there, other)))
    a0, b0, r, m, k = sp.symbols("a0 b0 r m k", real=True)
    s = sp.Symbol("s", positive=True)
    names = [a0, b0, s, r, m, k]
    packet = (a0 + sp.I * b0) * sp.exp(-(s + sp.I * r) * (X - m) ** 2 / 2 + sp.I * k * (X - m))
    problem = sd.Problem(pde, sd.Ansatz(packet, [X], names), sd.Box([(-9, 9)]), sd.Grid(100))
    nested = sp.Integral(density * sp.Integral(W * there, other), over)
    both = sp.Integral(density * W * there, over, other) if double else nested
    energy = sp.Integral(psi.diff(X) * sp.conjugate(psi.diff(X)), over) / 2 + both / 2
    invariants = {"norm": sp.Integral(density, over), "energy": energy}
    theta = np.array([0.8, 0.1, 1.3, 0.1, 1.0, 0.2])
    functionals = Functionals(problem, invariants)
    x, h = problem.points[:, 0], problem.weights
    psi_x = problem.evaluate(theta, problem.points)
    slope = psi_x * (-(1.3 + 0.1j) * (x - 1) + 0.2j)
    mutual = (h * abs(psi_x) ** 2) @ np.exp(-((x[:, None] - x) ** 2)) @ (h * abs(psi_x) ** 2)
    expected = [h @ abs(psi_x) ** 2, h @ abs(slope) ** 2 / 2 + mutual / 2]
    np.testing.assert_allclose(functionals.at(theta).values, expected, rtol=1e-12)
    along = np.linspace(-1, 1, 6)
    shifted = [functionals.at(theta + s * 1e-5 * along).values for s in (1, -1)]
    np.testing.assert_allclose(functionals.at(theta).gradients @ along, (shifted[0] - shifted[1]) / 2e-5, rtol=1e-7)
    ours = sd.evolve(problem, theta, (0, 0.5), 0.1, sd.Conserving(invariants))
    assert drift(problem, ours, invariants).max() < 50


def test_the_values_belong_to_the_run(soliton):
    problem, theta = soliton
    stepper = sd.Conserving(INVARIANTS)
    whole = sd.evolve(problem, theta, (0, 0.03125), 0.00390625, stepper)
    half = sd.evolve(problem, theta, (0, 0.015625), 0.00390625, stepper)
    rest = sd.evolve(problem, pickle.loads(pickle.dumps(half.last)), (0.015625, 0.03125), 0.00390625, stepper)
    np.testing.assert_array_equal(rest.theta, whole.theta[4:])
    assert stepper.of(problem, theta)["momentum"] == whole.last.own["invariants"][1]
    assert "gamma" in whole.last.own  # the stepper's own stays with it


def test_invariants_that_say_the_same_count_once(soliton):
    problem, theta = soliton
    mass = INVARIANTS["mass"]
    twice = sd.evolve(problem, theta, (0, 0.01), 0.0025, sd.Conserving({"mass": mass, "again": 2 * mass}))
    assert drift(problem, twice, {"mass": mass}).max() < 50


def test_samples_that_change_need_a_quadrature_for_the_invariants(soliton):
    drawn = sd.Problem(KDV, sd.gaussians([X], 3), sd.Box([(-10, 12)]), sd.QuasiMonteCarlo(512, redraw=True))
    problem, theta = soliton
    with pytest.raises(ValueError, match="give Conserving a quadrature"):
        sd.evolve(drawn, theta, (0, 0.01), 0.005, sd.Conserving(INVARIANTS))
    ours = sd.evolve(drawn, theta, (0, 0.02), 0.005, sd.Conserving(INVARIANTS, quadrature=sd.Grid(200)))
    assert drift(problem, ours, INVARIANTS).max() < 50


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (u**2, "invariant 0 holds no Integral over the domain"),
        (1, "invariant 0 holds no Integral over the domain"),
        (u * sp.Integral(u, ENDS), r"invariant 0 holds u\(t, x\) outside of its integrals"),
        (sp.Integral(sd.t * u, ENDS), "depends on the time explicitly"),
        (sp.Integral(u, (X, -10, 0)), "the limits of x in .* are not the ends -10 and 12"),
        (sp.Integral(u, X), "is no definite integral"),
        (sp.Integral(u * sp.Symbol("k"), ENDS), "holds k, which is no variable or parameter"),
        (sp.Integral(u.diff(sd.t), ENDS), "holds the time derivative"),
        (sp.Integral(sp.Function("f")(X) * u, ENDS), "which is none of the fields"),
        (sp.I * sp.Integral(u, ENDS), "is complex"),
        (sp.Integral(sp.I * u, ENDS), "is complex"),
    ],
)
def test_what_is_no_invariant_is_refused(soliton, bad, message):
    problem, theta = soliton
    with pytest.raises(sd.SymdfiError, match=message):
        sd.evolve(problem, theta, (0, 0.01), 0.005, sd.Conserving([bad]))


def test_bad_settings_are_refused(soliton):
    problem, theta = soliton
    with pytest.raises(ValueError, match="the list of the invariants is empty"):
        sd.Conserving([])
    with pytest.raises(TypeError, match="the invariant mass is the text"):
        sd.Conserving({"mass": "Integral(u)"})
    with pytest.raises(TypeError, match="the stepper of Conserving is a int"):
        sd.Conserving(INVARIANTS, 3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="cannot be restricted"):
        sd.evolve(problem, theta, (0, 0.01), 0.005, sd.Conserving(INVARIANTS, sd.DFO()))


def test_a_level_that_cannot_be_reached_is_named(soliton):
    problem, theta = soliton
    motion = sd.evolve(problem, theta, (0, 0.005), 0.005, sd.Conserving(INVARIANTS)).last
    motion.own["invariants"][1] = -1.0  # of the integral of a square
    with pytest.raises(sd.DivergenceError, match="momentum cannot be brought back from .* to -1 after the step"):
        sd.evolve(problem, motion, (0.005, 0.01), 0.005, sd.Conserving(INVARIANTS))
