"""E6: a student network of ten springs recovers those of its teacher. The networks are those of the model
`teacher_student`."""

from __future__ import annotations

import numpy as np

import symdfi as sd
from symdfi.models import teacher_student as model
from tests.validation.propagation import Figure


def figures() -> list[Figure]:
    settings = model.MODEL.settings
    experiment = model.build(settings)
    run = model.train(settings, experiment)
    trainer, params = experiment.trainer, dict(experiment.params)
    optimizer = sd.LBFGS(bounds={model.K: (0, None)})
    adjoint = trainer.train(
        params, model.lessons(settings, trainer, params), 10, optimizer=optimizer, gradient="adjoint"
    )  # fmt: skip
    curves = np.abs(run.loss[:10] / adjoint.loss[:10] - 1)
    return [
        Figure("error of the ten springs", float(np.max(np.abs(run.best["K"] - model.springs(settings)))), 1e-6),
        Figure("EP's curve of the loss against the adjoint's, ten epochs", float(curves.max()), 1e-6),
    ]


def test_figures() -> None:
    for figure in figures():
        assert figure.holds, figure
