"""E9: a charged lattice in a magnetic field, its echo through a mirror against the adjoint (which tests/ep holds
against a complex step, magnetic terms included). The system is that of the model `magnetic_lattice`."""

from __future__ import annotations

import numpy as np
import pytest

import symdfi as sd
from symdfi.models import magnetic_lattice as model
from tests.validation.propagation import Figure, apart


def free_orbit() -> tuple[sd.EPTrainer, sd.Orbit]:
    experiment = model.build(model.MODEL.settings)
    return experiment.trainer, experiment.trainer.free(experiment.params, experiment.inputs, experiment.targets)


def figures() -> list[Figure]:
    trainer, free = free_orbit()
    exact = trainer.sensitivity(free)
    size = free.q.shape[1] // 2
    echo = sd.Echo(mirror=[1.0] * size + [-1.0] * size)
    found, names = echo.sensitivity(free), list(exact.params)
    ours, theirs = (np.concatenate([np.ravel(x.params[name]) for name in names]) for x in (found, exact))
    return [
        Figure("echo through the mirror, all parameters", apart(ours, theirs), 1e-8),
        Figure("echo through the mirror, initial state", apart([*found.q0, *found.v0], [*exact.q0, *exact.v0]), 1e-8),
        Figure("return without a nudge", echo.return_error(free), 1e-13),
    ]


def test_figures() -> None:
    for figure in figures():
        assert figure.holds, figure


def test_without_the_mirror_refused() -> None:
    _, free = free_orbit()
    with pytest.raises(sd.SymbolicError, match="does not run backward through this mirror"):
        sd.Echo(mirror=[1.0] * free.q.shape[1]).gradient(free)
