"""E3: six coupled oscillators, driven at the first and read at the fourth: the echo's gradient against a complex step
of the leapfrog written out, and the way back without a nudge. The system is that of the model `six_oscillators`."""

from __future__ import annotations

import numpy as np

import symdfi as sd
from symdfi.models import six_oscillators as model
from tests.validation.propagation import Figure, apart

TINY = 1e-30


def cost(values: np.ndarray, drive: np.ndarray, target: np.ndarray, h: float) -> complex:
    """C by the leapfrog, of 43 parameters, q0 and v0."""
    own, pair, quartic, q, v = values[:6], values[6:42].reshape(6, 6), values[42], values[43:49], values[49:]
    pull = (pair + pair.T) / 2

    def force(q: np.ndarray, k: int) -> np.ndarray:
        out = -own * q - quartic * q**3 - pull.sum(axis=1) * q + pull @ q
        out[0] += drive[k]
        return out

    total = (q[3] - target[0]) ** 2 / 4
    for k in range(1, drive.size):
        half = v + h / 2 * force(q, k - 1)
        q = q + h * half
        v = half + h / 2 * force(q, k)
        total += (q[3] - target[k]) ** 2 / (2 if k < drive.size - 1 else 4)
    return h * total + (q[2] - 0.5) ** 2


def figures() -> list[Figure]:
    experiment = model.build(model.MODEL.settings)
    trainer, params = experiment.trainer, {str(getattr(s, "label", s)): x for s, x in experiment.params.items()}
    boundary = trainer.boundary
    assert isinstance(boundary, sd.InitialState)
    free = trainer.free(experiment.params, experiment.inputs, experiment.targets)
    found = sd.Echo().sensitivity(free)
    values = np.concatenate([params["k"], params["K"].ravel(), [params["alpha"]], boundary.q0, boundary.v0])
    times = trainer.times
    drive, target = (np.array([f(t) for t in times]) for f in _functions(experiment))
    exact = np.array([
        cost(values + 1j * TINY * unit, drive, target, times[1]).imag / TINY for unit in np.eye(values.size)
    ])  # fmt: skip
    ours = np.concatenate([found.params["k"], found.params["K"].ravel(), [found.params["alpha"]]])
    return [
        Figure("echo, 43 parameters", apart(ours, exact[:43]), 1e-8),
        Figure("echo, initial state", apart(np.concatenate([found.q0, found.v0]), exact[43:]), 1e-8),
        Figure("return without a nudge", sd.Echo().return_error(free), 1e-14),
        Figure("return in whole numbers", sd.Echo(exact=True).return_error(free), 0.0),
    ]


def _functions(experiment) -> tuple:
    return tuple(next(iter(given.values())) for given in (experiment.inputs, experiment.targets))


def test_figures() -> None:
    for figure in figures():
        assert figure.holds, figure
