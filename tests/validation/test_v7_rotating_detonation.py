"""V7: rotating detonation waves, two fields on a circle, with a network each (theory of DFI, "Cases").

A hot spot grows into a front that travels round and leaves a second one behind. Published with 922 parameters: 2.10e-3
on average over time and 1.91e-3 at T = 8 (Onsager's momentum), 4e-3 to 6e-3 by all other methods.

γ and μ are fixed here, as in the model: the default goes down to γ = 1e-12, and one at least of its runs has an error
of 6e-3 on average.
"""

import functools
import time

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.models.rotating_detonation import CONSTANTS, EQUATION, MODEL, PROFILE
from symdfi.running.pseudospectral import SpectralEquation
from symdfi.running.spectral import reference
from tests.validation import bounds
from tests.validation.results import publish, table

ETA, LAMBDA = EQUATION.fields
(X,) = EQUATION.variables
GAMMA, MU = (float(MODEL.settings[name]) for name in ("gamma", "mu"))
CIRCLE = sd.Box([(0, 2 * sp.pi)], periodic=True)


def problem(widths, points):
    """Networks of trained phases and swish, one a field."""
    network = sd.mlp([X], widths, sd.swish, period=[2 * sp.pi], embedding=sd.Phases(widths[0]))
    return sd.Problem(EQUATION, {ETA: network, LAMBDA: network}, CIRCLE, sd.Grid(points), CONSTANTS)


@functools.cache
def truth(end, saves):
    spectral = SpectralEquation(EQUATION, 0, 2 * np.pi, CONSTANTS)
    found = reference(spectral, MODEL.initial(), np.linspace(0, end, saves + 1), tolerance=1e-5)
    # Of order 4 in time and exponential in space: itself a good deal closer than the run before it.
    assert found.change <= 1e-5
    return found


def errors(solution, exact):
    """Relative L² errors (s, 3): of both fields together, of η and of λ."""
    found = []
    for t in exact.t:
        values, own = solution.evaluate(exact.x, t), exact.at(t)
        norms = np.linalg.norm(values - own, axis=1), np.linalg.norm(own, axis=1)
        together = np.linalg.norm(norms[0]) / np.linalg.norm(norms[1])
        found.append([together, *(norms[0] / norms[1])])
    return np.array(found)


def bounded(solution, exact):
    """Absolute errors, and the bound by the estimated growth, which holds them."""
    found, bound = bounds.absolute_errors(solution, exact.x, exact.at), solution.error_bound
    bounds.holds(found, bound, known=1e-5)
    return bounds.row(found, bound, "estimated growth")


def test_the_front_forms():
    """The first eighth, by small networks."""
    small = problem([5, 5], 128)
    theta0 = sd.fit(small, PROFILE)
    solution = sd.evolve(small, theta0, (0, 1), 0.02, save_every=10)
    found = errors(solution, truth(1.0, 5))
    assert found[0, 0] <= 1e-5
    assert found.max() <= 3e-3
    bounded(solution, truth(1.0, 5))


@pytest.mark.slow
def test_two_fronts():
    """The published network from two starts, and a smaller one, whose error at T depends on where it starts."""
    rows, held = [], []
    for widths, points, seeds, largest in (([10] * 4, 512, (0, 1), 1e-3), ([8] * 3, 512, (0, 1, 2), 5e-3)):
        of = problem(widths, points)
        p = int(of.ansatz.count)
        assert p <= 922
        of.compile()
        for seed in seeds:
            began = time.process_time()
            theta0 = sd.fit(of, PROFILE, seed=seed)
            solution = sd.evolve(of, theta0, (0, 8), 0.01, sd.DFI(gamma=GAMMA, mu=MU), save_every=10)
            spent = time.process_time() - began
            found = errors(solution, truth(8.0, 80))
            held.append([f"{len(widths)} × {widths[0]}", seed, *bounded(solution, truth(8.0, 80))])
            mean, last = found.mean(axis=0), found[-1]
            rows.append([f"{len(widths)} × {widths[0]}", p, points, seed, 0.01, *mean, *last, round(spent)])
            assert mean[0] <= 1e-3
            assert last[0] <= largest
    columns = ["layers", "p", "points", "seed", "h", "mean", "mean η", "mean λ", "at T", "at T, η", "at T, λ", "CPU s"]
    rows.append(["published, 4 × 10", 922, 2048, "", 0.004, 2.1e-3, "", "", 1.91e-3, "", "", ""])
    publish(
        "V7: rotating detonation waves",
        "`sd.DFI(gamma=2.5e-9, mu=0.9)`, a network a field; relative L² errors of both fields together, mean over"
        " 81 times and at T = 8 (`test_v7_rotating_detonation.py`).\n\n"
        + table(columns, rows)
        + "\n\nThe error bound, absolute in L²:\n\n"
        + table(["layers", "seed", *bounds.COLUMNS], held),
    )
