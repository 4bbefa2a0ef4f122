"""E7: a damped network trained on GunPoint, by runs of itself and by the adjoint: one curve, and the accuracy."""

import time

import numpy as np
import pytest

import symdfi as sd
from symdfi.models import gunpoint
from tests.validation.results import publish, table

EPOCHS = 4


def trained(epochs: int, **options) -> sd.Training:
    settings = gunpoint.MODEL.settings
    experiment = gunpoint.MODEL.experiment()
    data, _ = gunpoint.series()
    return experiment.trainer.train(
        experiment.params, data, epochs, optimizer=gunpoint.optimizer(settings), **options
    )  # fmt: skip


def apart(one: sd.Training, other: sd.Training) -> np.ndarray:
    """The relative distance of the curves of the loss, epoch by epoch."""
    return np.abs(one.loss - other.loss) / other.loss


def test_the_series():
    learned, left = gunpoint.series()
    for data, count in ((learned, 50), (left, 150)):
        drives, classes = data[gunpoint.f], data[gunpoint.y]
        assert drives.shape == (count, 150)
        assert classes.sum(axis=1) == pytest.approx(1.0)
        assert drives.mean(axis=1) == pytest.approx(0.0, abs=1e-5)  # as published, in single precision
        assert drives.std(axis=1, ddof=1) == pytest.approx(1.0, abs=1e-5)
    assert not {row.tobytes() for row in learned[gunpoint.f]} & {row.tobytes() for row in left[gunpoint.f]}


def test_the_curves_overlay():
    """A run of the network itself and the adjoint lead the same way."""
    by_runs, by_adjoint = trained(EPOCHS), trained(EPOCHS, gradient="adjoint")
    assert by_runs.loss[-1] < by_runs.loss[0]
    assert apart(by_runs, by_adjoint).max() < 1e-10
    assert not by_runs.failures


@pytest.mark.slow
def test_training():
    runs, rows, reached = {}, [], []
    learned, left = gunpoint.series()
    trainer = gunpoint.MODEL.experiment().trainer
    epochs = int(gunpoint.MODEL.settings["epochs"])
    for name, options in (("one more run of the network", {}), ("adjoint", {"gradient": "adjoint"})):
        began = time.process_time()
        run = runs[name] = trained(epochs, **options)
        spent = round(time.process_time() - began)
        share = [gunpoint.accuracy(trainer, run.best, data) for data in (learned, left)]
        rows.append(
            [
                name,
                len(run.loss),
                f"{run.loss[0]:.4f}",
                f"{run.best_loss:.4f}",
                *map("{:.3f}".format, share),
                int(run.skipped.sum()),
                spent,
            ]
        )
        reached.append((share[1], spent))
    distances = apart(*runs.values())
    settings = gunpoint.MODEL.settings
    text = (
        "`pytest -m slow tests/validation/test_e7_gunpoint.py`: the model `gunpoint` with its default settings, "
        f"{settings['n']} damped oscillators and {settings['m']} detectors, 50 series to train on and 150 to test, "
        "Adam on all of the former; the gradients by `sd.Reciprocal()` and by the adjoint.\n\n"
    )
    columns = [
        "gradient",
        "epochs",
        "loss at first",
        "least",
        "accuracy, training",
        "accuracy, test",
        "skipped",
        "CPU s",
    ]
    found = table(columns, rows) + "\n\nRelative distance of the two curves of the loss:\n\n"
    marks = [first for first in (1, 10, 100) if first < epochs] + [epochs]
    found += table([f"first {m} epochs" for m in marks], [[float(distances[:m].max()) for m in marks]])
    publish("E7: GunPoint", text + found)
    assert distances[:10].max() < 1e-6
    assert min(accuracy for accuracy, _ in reached) >= 0.9
    assert max(spent for _, spent in reached) < 300
