"""V2: two equal waves run into one another and through, u_tt = u_xx as two fields (theory of DFI, "Cases").

The model is ``colliding_waves``. Where they meet, at t = 2, J loses rank: what cannot follow the exact
θ = (−2 + t, 2 − t, −2 + t, 2 − t) sticks there.
The error is the relative L² error of both fields at T = 4.
"""

import functools

import numpy as np
import pytest

import symdfi as sd
from symdfi.models import colliding_waves

T = 4.0
problem = functools.cache(lambda rho: colliding_waves.MODEL.problem({"rho": rho}))


def error(stepper, rho, h=0.01):
    solution = sd.evolve(problem(rho), np.array(colliding_waves.START), (0, T), h, stepper, save_every=100)
    x = np.linspace(-11, 11, 901)
    exact = colliding_waves.exact({"rho": rho}, x, T)
    return np.linalg.norm(solution.evaluate(x) - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("rho", [0.0, 4.635e-6])
def test_inertia_goes_through(rho):
    """With default settings, to rounding errors of a few hundred steps at the condition 1/√γ."""
    assert error(None, rho) <= 1e-10


@pytest.mark.parametrize("rho", [0.0, 4.635e-6])
def test_truncation_sticks_and_onsager_goes_through(rho):
    """Plain Dirac-Frenkel of least norm stays where the waves meet; λ = 1/(1 − e^{−2/τ}) carries them through."""
    assert error(sd.DiracFrenkel(rtol=1e-4, scheme="euler"), rho) >= 0.1
    tau = 1.0
    stepper = sd.DFO(rtol=1e-4, tau=tau, lam=1 / (1 - np.exp(-2 / tau)), scheme="euler")
    assert error(stepper, rho) <= 1e-2


def test_tikhonov_is_biased_where_inertia_is_not():
    biased = error(sd.DiracFrenkel(gamma=1e-4, relative=True), 0.0)
    assert biased >= 1e5 * error(sd.DFI(gamma=1e-4), 0.0)
