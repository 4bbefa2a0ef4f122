"""V6: Burgers at ν = 1e-3 with a periodic network of 217 parameters, through the forming shock (published: 6.1e-5).

u_t = ν u_xx − u u_x on [−1, 1), u₀ = (1 − x²) e^{−30 (x + ½)²}, T = 4
"""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import models
from symdfi.running.spectral import reference
from tests.running.by_hand import SpectralProblem
from tests.validation import bounds

NU, T = 1e-3, 4.0
X = sp.Symbol("x", real=True)
U0 = (1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2)


@pytest.mark.parametrize("end", [1.0, pytest.param(T, marks=pytest.mark.slow)])
def test_burgers(end):
    """The problem that the model states, against a reference by hand."""
    problem = models.load("burgers").problem({"nu": NU, "points": 500})
    theta0 = sd.fit(problem, U0)
    assert theta0.shape == (217,)
    assert sd.fit_error(problem, theta0, U0) <= 1e-5
    stepper = sd.DFI(gamma=1e-9, mu=0.97, scheme="rk4")
    steep = sd.evolve(problem, theta0, (0, 0.5), 2.5e-3, stepper, save_every=40)
    rest = sd.evolve(problem, steep.last, (0.5, end), 5e-3, stepper, save_every=20)

    burgers = SpectralProblem(-1, 1, lambda k: -NU * k**2, lambda k: -0.5j * k, np.square)
    truth = reference(burgers, sp.lambdify(X, U0), np.linspace(0, end, round(10 * end) + 1), tolerance=2e-5)
    assert truth.change <= 2e-5
    solutions = [(steep, t) for t in steep.t] + [(rest, t) for t in rest.t]
    errors = [truth.relative_error(t, lambda x, s=s, t=t: s.evaluate(x, t)) for s, t in solutions]
    assert len(errors) == round(10 * end) + 2
    assert len(truth.x) >= 4 * len(problem.points)
    assert max(errors) <= 5e-5
    assert max(rest.relative_residual) <= 5e-3
    whole = steep.then(rest)
    bounds.holds(bounds.absolute_errors(whole, truth.x, truth.at), whole.error_bound, known=2e-5)
