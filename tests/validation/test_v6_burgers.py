"""V6: Burgers at ν = 1e-3 with a periodic network of 217 parameters, through the forming shock (published: 6.1e-5).

u_t = ν u_xx − u u_x on [−1, 1), u₀ = (1 − x²) e^{−30 (x + ½)²}, T = 4
"""

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.running.spectral import reference
from tests.running.by_hand import SpectralProblem
from tests.validation import bounds

NU, T = 1e-3, 4.0
X, nu = sp.symbols("x nu")
u = sp.Function("u")(sd.t, X)
U0 = (1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2)


def test_burgers():
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2) - u * u.diff(X)))
    problem = sd.Problem(
        equation, sd.mlp([X], [9, 9, 9], period=[2]), sd.Box([(-1, 1)], periodic=True), sd.Grid(500), {nu: NU}
    )
    theta0 = sd.fit(problem, U0)
    assert theta0.shape == (217,)
    assert sd.fit_error(problem, theta0, U0) <= 1e-5
    stepper = sd.DFI(gamma=1e-9, mu=0.97, scheme="rk4")
    steep = sd.evolve(problem, theta0, (0, 0.5), 2.5e-3, stepper, save_every=40)
    rest = sd.evolve(problem, steep.last, (0.5, T), 5e-3, stepper, save_every=20)

    burgers = SpectralProblem(-1, 1, lambda k: -NU * k**2, lambda k: -0.5j * k, np.square)
    truth = reference(burgers, sp.lambdify(X, U0), np.linspace(0, T, 41), tolerance=2e-5)
    assert truth.change <= 2e-5
    solutions = [(steep, t) for t in steep.t] + [(rest, t) for t in rest.t]
    errors = [truth.relative_error(t, lambda x, s=s, t=t: s.evaluate(x, t)) for s, t in solutions]
    assert len(errors) == 42
    assert len(truth.x) >= 4 * len(problem.points)
    assert max(errors) <= 5e-5
    assert max(rest.relative_residual) <= 5e-3
    whole = steep.then(rest)
    bounds.holds(bounds.absolute_errors(whole, truth.x, truth.at), whole.error_bound, known=2e-5)
