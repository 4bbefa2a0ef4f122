"""V5: Allen–Cahn by a periodic network of 217 parameters (published: 1.66e-5 by about 4 000).

u_t = 5e-3 u_xx + u − u³ on [0, 2π), u₀ = tanh(2 sin x)/3 − e^{−23.5 (x − π/2)²} + e^{−27 (x − 4.2)²} + e^{−38 (x − 5.4)²}, T = 4
"""  # noqa: E501

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.running.spectral import reference
from tests.running.by_hand import SpectralProblem
from tests.validation import bounds
from tests.validation.results import publish, table

KAPPA, T = 5e-3, 4.0
X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)
U0 = (
    sp.tanh(2 * sp.sin(X)) / 3
    - sp.exp(-23.5 * (X - sp.pi / 2) ** 2) + sp.exp(-27 * (X - 4.2) ** 2) + sp.exp(-38 * (X - 5.4) ** 2)
)  # fmt: skip


@pytest.mark.slow
def test_allen_cahn():
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), KAPPA * u.diff(X, 2) + u - u**3))
    box = sd.Box([(0, 2 * sp.pi)], periodic=True)
    problem = sd.Problem(pde, sd.mlp([X], [9, 9, 9], period=[2 * sp.pi]), box, sd.Grid(400))
    theta = sd.fit(problem, U0, tolerance=1e-7, iterations=1000)
    fitted = sd.fit_error(problem, theta, U0)
    assert theta.shape == (217,)
    assert fitted <= 1e-6
    spectral = SpectralProblem(0, 2 * np.pi, lambda k: 1 - KAPPA * k**2, np.ones_like, lambda v: -(v**3))
    truth = reference(spectral, sp.lambdify(X, U0), np.linspace(0, T, 9), tolerance=1e-8)
    assert truth.change <= 1e-8
    stepper = sd.DFI(gamma=1e-12, scheme="esdirk4")
    solution = sd.evolve(problem, theta, (0, T), 0.05, stepper, save_every=10)
    errors = [truth.relative_error(t, lambda x, t=t: solution.evaluate(x, t)) for t in solution.t]
    rows = [["fit", fitted], ["largest", max(errors)], ["mean", float(np.mean(errors))], ["at T", errors[-1]]]
    absolute, bound = bounds.absolute_errors(solution, truth.x, truth.at), solution.error_bound
    publish(
        "V5: Allen–Cahn",
        f"`{stepper.scheme}`, γ = 1e-12, steps of 0.05.\n\n"
        + table(["", "error"], rows)
        + "\n\nThe error bound, absolute in L²:\n\n"
        + table(bounds.COLUMNS, [bounds.row(absolute, bound, "estimated growth")]),
    )
    assert max(errors) <= 1e-5
    bounds.holds(absolute, bound, known=1e-8)
