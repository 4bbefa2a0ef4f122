"""What is public shows itself: one line, and a table or formulas in a notebook."""

from __future__ import annotations

import inspect
import types

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.showing import brief, formulas

X, nu, k, y = sp.Symbol("x"), sp.Symbol("nu"), sp.Symbol("k"), sp.Symbol("y")
i, n = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True, positive=True)
u = sp.Function("u")(sd.t, X)
q, v = sd.coordinates("q")
x, xdot = sd.coordinates("x", n)
PENDULUM = sd.Lagrangian(v**2 / 2 + k * sp.cos(q), q, v, parameters=[k], dissipation=v**2 / 9)
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2)))
ANSATZ = sd.gaussians([X], 3)
BOX = sd.Box([(-5, 5)])
PROBLEM = sd.Problem(PDE, ANSATZ, BOX, sd.Grid(40), {nu: 0.1})
DENSITY = sd.LagrangianDensity(u.diff(sd.t) ** 2 / 2 - u.diff(X) ** 2 / 2, [u], [X])
COST = sd.Cost(running=(q - y) ** 2 / 2, targets=[y])
TRAINER = sd.EPTrainer(PENDULUM, COST, sd.FixedEnds(0.1, 0.3, 1.0), 10, [k])
LONG = np.linspace(-1, 1, 50)
THETA = {"a": [1.0, -0.5, 0.3], "w": [1.0, 1.5, 0.7], "b": [-1.0, 0.5, 1.5]}

SAMPLES = {
    "Lagrangian": lambda: sd.Lagrangian(
        sp.Sum(xdot[i] ** 2 / 2, (i, 0, n - 1)) - k * sp.Sum((x[i + 1] - x[i]) ** 4, (i, 0, n - 2)), x, xdot
    ),
    "Trajectory": lambda: sd.integrate(PENDULUM, 0.1, 0.0, (0, 1), 0.1, {k: 1.0}, method="rk4"),
    "DOP853": lambda: sd.DOP853(rtol=LONG**2 + 1),
    "SciPy": lambda: sd.SciPy("Radau"),
    "Event": lambda: sd.Event(q),
    "LagrangianDensity": lambda: DENSITY,
    "ReducedLagrangian": lambda: DENSITY.reduce(ANSATZ, BOX, sd.Grid(20)),
    "EvolutionEquation": lambda: PDE,
    "Ansatz": lambda: sd.mlp([X], [5, 5, 5]),
    "Phases": lambda: sd.Phases(3),
    "TrainedActivation": lambda: sd.rational,
    "Box": lambda: BOX,
    "BoundaryCondition": lambda: sd.BoundaryCondition(sp.Eq(u, sp.sin(sd.t)), {X: -5}),
    "Grid": lambda: sd.Grid(40),
    "GaussLegendre": lambda: sd.GaussLegendre(20),
    "GaussHermite": lambda: sd.GaussHermite(20, covariance=np.eye(5)),
    "MonteCarlo": lambda: sd.MonteCarlo(100, seed=3),
    "QuasiMonteCarlo": lambda: sd.QuasiMonteCarlo(64),
    "Samples": lambda: sd.Samples(LONG, LONG**2, (LONG, LONG**2)),
    "GaussianSamples": lambda: sd.GaussianSamples(50, LONG),
    "MixtureSamples": lambda: sd.MixtureSamples(50),
    "Problem": lambda: PROBLEM,
    "Solution": lambda: sd.evolve(PROBLEM, THETA, (0, 0.5), 0.25, sd.DFI(gamma=1e-6)),
    "RSNG": lambda: sd.RSNG(5),
    "RandomizedSVD": lambda: sd.RandomizedSVD(5),
    "TruncatedSVD": lambda: sd.TruncatedSVD(1e-8),
    "Conserving": lambda: sd.Conserving([u]),
    "DFO": lambda: sd.DFO(tau=0.1),
    "DiracFrenkel": lambda: sd.DiracFrenkel(gamma=1e-6),
    "Cost": lambda: COST,
    "FixedEnds": lambda: sd.FixedEnds(LONG, LONG, 1.0),
    "InitialState": lambda: sd.InitialState(LONG, LONG, 1.0),
    "AtRest": lambda: sd.AtRest(1.0, LONG),
    "Static": lambda: sd.Static(LONG),
    "Periodic": lambda: sd.Periodic(2.0),
    "Autonomous": lambda: sd.Autonomous(2.0, energy=1.0, phase=LONG[None]),
    "LimitCycle": lambda: sd.LimitCycle(2.0),
    "Orbit": lambda: TRAINER.free({k: 1.0}, targets={y: 0.1}),
    "EPTrainer": lambda: TRAINER,
    "Training": lambda: TRAINER.train({k: 1.0}, {y: [0.1, 0.2]}, 2),
    "SGD": lambda: sd.SGD(0.1),
    "LBFGS": lambda: sd.LBFGS(bounds={k: (LONG, None)}),
    "Holomorphic": lambda: sd.Holomorphic(8),
    "Dirichlet": lambda: sd.Dirichlet(0),
    "Neumann": lambda: sd.Neumann(0),
}  # fmt: skip
#: What is public and a class, but no error.
CLASSES = [
    name for name in sd.__all__
    if inspect.isclass(getattr(sd, name)) and not issubclass(getattr(sd, name), BaseException)
]  # fmt: skip
#: The bases of models in files of one's own, which have no instances of their own here.
MODELS = {"EvolutionModel", "Experiment", "MechanicsModel", "PropagationModel"}


def check(thing) -> None:
    line = repr(thing)
    assert "0x" not in line and "\n" not in line and len(line) < 700, line
    shown = [getattr(thing, name)() for name in ("_repr_html_", "_repr_latex_") if hasattr(thing, name)]
    assert shown, f"{type(thing).__name__} shows no table and no formula"
    for text in shown:
        assert text and " at 0x" not in text
        assert text.startswith("<div>") or (text.startswith("$") and text.endswith("$"))


@pytest.mark.parametrize("name", sorted(set(CLASSES) - MODELS))
def test_what_is_public_shows_itself(name):
    thing = SAMPLES[name]() if name in SAMPLES else getattr(sd, name)()
    assert isinstance(thing, getattr(sd, name))
    check(thing)


def test_what_is_made_of_it_shows_itself():
    f = sd.compile({"y": sp.Sum(x[i] ** 2, (i, 0, n - 1)), "dy": sd.gradient(sp.Sum(x[i] ** 2, (i, 0, n - 1)), x)}, [x])
    assert repr(f) == "Function(y, dy of x)"
    compiled = PENDULUM.compile()
    for thing in (f, compiled, sd.dfi.Budget(), sd.dfi.Memory(), sd.dfi.Trust(), sd.dfi.ESDIRK4()):
        check(thing)
    names = [name for name in sd.__all__ if not inspect.isclass(getattr(sd, name))]
    plain = (types.FunctionType, types.ModuleType, sp.Basic, sd.TrainedActivation)
    assert [name for name in names if not isinstance(getattr(sd, name), plain)] == []


def test_formulas():
    assert PENDULUM._repr_latex_().count(r"\\") == 2 and r"\dot{q}" in PENDULUM._repr_latex_()
    assert r"\frac{\partial}{\partial t}" in PDE._repr_latex_() and r"\hat u" in ANSATZ._repr_latex_()
    assert r"\int_0^T" in COST._repr_latex_() and r"\mathcal{L}" in DENSITY._repr_latex_()
    assert formulas([X]) == r"$\displaystyle x$"
    assert "a formula of" in formulas([sp.Add(*(sp.Symbol(f"symbol_{c}") for c in range(2000)))])


def test_headline_figures():
    motion = SAMPLES["Trajectory"]()
    assert repr(motion) == "Trajectory(t = 0 to 1, 11 saves of 1 degrees of freedom, rk4)"  # it is damped
    assert "parameter k" in motion._repr_html_() and "RK4()" in motion._repr_html_()
    solution = SAMPLES["Solution"]()
    assert "DFI, dt = 0.25, relative residual at most" in repr(solution) and "parameter nu" in solution._repr_html_()
    assert brief(LONG) == "array of shape (50,)" and brief(np.arange(3)) == "[0, 1, 2]"
