"""V3: advection and reaction through points where J vanishes (theory of DFI, "Cases").

    u_t = −u_x − u + s,   û = sin θ₁ sin x + sin θ₂ cos x,   s such that θ₁ = θ₂ = t is exact,   T = 6

At t = π/2 and 3π/2 no parameter has any effect, J = 0.
"""

import functools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X = sp.Symbol("x")
A, B = sp.symbols("theta1 theta2")
u = sp.Function("u")(sd.t, X)
EXACT = sp.sin(sd.t) * (sp.sin(X) + sp.cos(X))
T = 6.0


@functools.cache
def problem():
    source = EXACT.diff(sd.t) + EXACT.diff(X) + EXACT
    pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) - u + source))
    ansatz = sd.Ansatz(sp.sin(A) * sp.sin(X) + sp.sin(B) * sp.cos(X), [X], [A, B])
    return sd.Problem(pde, ansatz, sd.Box([(0, 2 * np.pi)], periodic=True), sd.Grid(512))


def error(stepper, h=0.01):
    solution = sd.evolve(problem(), [0.0, 0.0], (0, T), h, stepper, save_every=100)
    x = np.linspace(0, 6, 301)
    exact = sp.lambdify(X, EXACT.subs(sd.t, T))(x)
    return np.linalg.norm(solution.evaluate(x) - exact) / np.linalg.norm(exact)


def test_inertia_goes_through():
    """θ̇ = 1 all the time: with default settings, to the rounding errors of 2400 solves."""
    assert error(None) <= 1e-10


def test_a_fixed_tikhonov_is_biased():
    """Its velocity falls to zero with J, and the step over the point leaves a mark."""
    assert error(sd.DiracFrenkel(gamma=1e-4)) >= 1e5 * error(None)


@pytest.mark.parametrize(("scheme", "bound"), [("euler", 1e-5), ("bdf2", 1e-10), ("rk4", 1e-10)])
def test_in_every_scheme(scheme, bound):
    """Euler's steps have defects of order 3 where residuals vanish; trust may repeat the one over the point."""
    assert error(sd.DFI(scheme=scheme)) <= bound
