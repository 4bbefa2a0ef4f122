"""The examples in docstrings run."""

import doctest
import importlib

import numpy as np
import sympy as sp

import symdfi as sd


def test_a_stepper_of_ones_own_as_in_the_docstring_of_evolve():
    """Ridge regression is Dirac-Frenkel with Tikhonov's γ, by Euler's scheme."""
    module = importlib.import_module("symdfi.dfi.evolve")
    (example,) = [t for t in doctest.DocTestFinder().find(module.evolve, globs={}) if t.examples]
    runner = doctest.DocTestRunner()
    runner.run(example, clear_globs=False)
    assert runner.failures == 0 and runner.tries > 0
    X, k = sp.symbols("x k")
    u = sp.Function("u")(sd.t, X)
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u))
    problem = sd.Problem(pde, sd.Ansatz(sp.exp(k * X), [X], [k]), sd.Box([(0, 1)]), sd.Grid(20))
    own, known = (
        sd.evolve(problem, [0.5], (0, 1), 0.1, stepper)
        for stepper in (example.globs["Ridge"](1e-3), sd.DiracFrenkel(gamma=1e-3, scheme="euler", solver=sd.QR()))
    )
    np.testing.assert_array_equal(own.theta, known.theta)
