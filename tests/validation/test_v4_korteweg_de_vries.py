"""V4: two solitons of the Korteweg-de Vries equation by ten periodic Gaussians (published: 4.6e-2 at T).

    u_t + 6 u u_x + u_xxx = 0 on [−10, 20),   k = (1, √5),   phases (0, 10.73),   T = 4

Explicit steps add up what tangents miss, and end at 3e-3 to 1e-1 whatever γ is; the stages of an implicit scheme are
fits of û. How far it gets still depends on the minimum that the run starts from, given here to two digits: other fits
as good as this one, 3e-5 to 6e-5, end at 4e-4 to 9e-3 with γ = 1e-8, and invariants kept do not help.
"""

import numpy as np
import sympy as sp

import symdfi as sd

T = 4.0
X = sp.Symbol("x")
u = sp.Function("u")(sd.t, X)


def exact(x, t):
    """2 ∂²ₓ log(1 + e₁ + e₂ + A e₁ e₂), eᵢ = exp(kᵢ x − kᵢ³ t + ηᵢ), A = ((k₁ − k₂)/(k₁ + k₂))²: twice the variance of
    the slopes 0, k₁, k₂, k₁ + k₂ under the weights of the four terms."""
    k, eta = np.array([1, np.sqrt(5)]), np.array([0, 10.73])
    one, two = (k[i] * x - k[i] ** 3 * t + eta[i] for i in range(2))
    exponents = np.array([0 * x, one, two, one + two + 2 * np.log((k[1] - k[0]) / (k[1] + k[0]))])
    parts = np.exp(exponents - exponents.max(axis=0))
    parts /= parts.sum(axis=0)
    slopes = np.array([0, k[0], k[1], k.sum()])
    return 2 * (slopes**2 @ parts - (slopes @ parts) ** 2)


START = {
    "a": [0.2, 0.21, 1.03, 0.09, 1.15, 0.11, 0.21, 0.01, 0.03, 0.02],
    "w": [1.77, 0.63, 1.25, 0.32, 0.85, 0.5, 0.47, 1.01, 0.8, 0.91],
    "b": [-4.8, 1.76, -4.8, 2.31, -4.81, -4.53, 2.2, -6.54, -0.77, 0.24],
}


def test_two_solitons():
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -6 * u * u.diff(X) - u.diff(X, 3)))
    box = sd.Box([(-10, 20)], periodic=True)
    problem = sd.Problem(pde, sd.gaussians([X], 10, period=[30]), box, sd.Grid(512))
    initial = lambda x: exact(x, 0.0)  # noqa: E731
    theta = sd.fit(problem, initial, start=START)
    assert sd.fit_error(problem, theta, initial) <= 4e-5
    solution = sd.evolve(problem, theta, (0, T), 0.02, sd.DFI(gamma=1e-8, scheme="esdirk4"), save_every=20)
    x = np.linspace(-10, 20, 1501)[:-1]
    errors = [np.linalg.norm(solution.evaluate(x, t) - exact(x, t)) / np.linalg.norm(exact(x, t)) for t in solution.t]
    assert max(errors) <= 1e-3
