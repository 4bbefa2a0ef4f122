"""E4: a linear damped network (symmetric M, D, K) from any initial state: one run of finite amplitude, against a
complex step of the trapezoidal rule written out. The system is that of the model `damped_network`."""

from __future__ import annotations

import numpy as np

import symdfi as sd
from symdfi.models import damped_network as model
from tests.validation.propagation import Figure, apart

TINY, NAMES = 1e-30, "mkcKb"
SETTINGS = {**model.MODEL.settings, "rule": "trapezoidal"}


def cost(values: np.ndarray, shapes: dict[str, int], given: dict, drive: np.ndarray, y: float, h: float) -> complex:
    """C by the trapezoidal rule, of masses, springs and dashpots, q0 and v0."""
    stops = np.cumsum([*shapes.values(), shapes["m"], shapes["m"]])
    m, k, c, K, b, q, v = np.split(values, stops[:-1])
    edges = np.arange(K.size)
    apart = np.zeros((K.size, m.size))
    np.add.at(apart, (edges, given["l"]), 1.0)
    np.add.at(apart, (edges, given["r"]), -1.0)
    M, D, stiff = np.diag(m), np.diag(c) + apart.T @ (b[:, None] * apart), np.diag(k) + apart.T @ (K[:, None] * apart)
    into, out, first = np.linalg.inv(M + h / 2 * D), M - h / 2 * D, np.eye(m.size)[0]
    p, total = M @ v, (q[-1] - y) ** 2 / 4
    for n in range(1, drive.size):
        w = into @ (p + h / 2 * (first * drive[n - 1] - stiff @ q))
        q = q + h * w
        p = out @ w + h / 2 * (first * drive[n] - stiff @ q)
        total += (q[-1] - y) ** 2 / (2 if n < drive.size - 1 else 4)
    return h * total


def figures() -> list[Figure]:
    experiment = model.build(SETTINGS)
    trainer, given = experiment.trainer, {str(s.label): np.asarray(x) for s, x in experiment.params.items()}
    boundary, times = trainer.boundary, trainer.times
    assert isinstance(boundary, sd.InitialState)
    free = trainer.free(experiment.params, experiment.inputs, experiment.targets)
    drive = np.array([next(iter(experiment.inputs.values()))(t) for t in times])
    shapes = {name: given[name].size for name in NAMES}
    values = np.concatenate([*(given[name] for name in NAMES), boundary.q0, boundary.v0])
    y = float(next(iter(experiment.targets.values())))
    exact = np.array([
        cost(values + 1j * TINY * unit, shapes, given, drive, y, times[1]).imag / TINY for unit in np.eye(values.size)
    ])  # fmt: skip
    parts, found = np.split(exact, np.cumsum(list(shapes.values()))), []
    for amplitude in (1.0, 1000.0):
        ours = sd.Reciprocal(amplitude).sensitivity(free)
        by = dict(zip(NAMES, parts, strict=False))
        damping = np.concatenate([by["c"], by["b"]]), np.concatenate([ours.params["c"], ours.params["b"]])
        rest = np.concatenate([by[s] for s in "mkK"]), np.concatenate([ours.params[s] for s in "mkK"])
        found += [
            Figure(f"amplitude {amplitude:g}: masses and springs", apart(rest[1], rest[0]), 1e-12),
            Figure(f"amplitude {amplitude:g}: dashpots", apart(damping[1], damping[0]), 1e-12),
            Figure(f"amplitude {amplitude:g}: initial state", apart([*ours.q0, *ours.v0], parts[-1]), 1e-12),
        ]
    return found


def test_figures() -> None:
    for figure in figures():
        assert figure.holds, figure
