"""What a training has led to."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.pickling import Bare
from symdfi.plotting import plot_training
from symdfi.results import distinct, save

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Failure:
    """A sample that was skipped: in which epoch, and why."""

    epoch: int
    sample: int
    reason: str


@dataclass(frozen=True)
class Training(Bare):
    """The parameters after a training, all by name, the ``best``, and a row for every epoch.

    ``loss`` is the mean cost of the samples solved in an epoch and ``gradient_norm`` the norm of the mean of their
    gradients: with all samples in one batch, both at the parameters that the epoch began with. ``best`` are those of
    the least loss: of small batches, which are solved at different parameters, those that the epoch ended with.
    ``skipped`` counts the samples that were not solved, and ``failures`` says why. ``message`` says why it ended.
    """

    params: dict[str, Any]
    best: dict[str, Any]
    trained: tuple[str, ...]
    loss: np.ndarray
    gradient_norm: np.ndarray
    skipped: np.ndarray
    failures: tuple[Failure, ...]
    message: str
    optimizer: str
    samples: int

    def __repr__(self) -> str:
        rows = f"loss {self.loss[0]:.4g} to {self.loss.min():.4g}, " if len(self.loss) else ""
        skipped = f"{int(self.skipped.sum())} samples skipped, " if self.failures else ""
        return f"Training({len(self.loss)} epochs, {rows}{skipped}{self.message})"

    @property
    def best_loss(self) -> float:
        """The least loss of an epoch, NaN before there is one."""
        return float(self.loss.min()) if len(self.loss) else np.nan

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The history as an ``xarray.Dataset`` over the epochs, and the trained parameters and the best."""
        import xarray as xr

        data: dict[str, Any] = {
            "loss": ("epoch", self.loss, {"long_name": "mean cost", "role": "loss"}),
            "gradient_norm": ("epoch", self.gradient_norm, {"long_name": "norm of the mean gradient"}),
            "skipped": ("epoch", self.skipped, {"long_name": "samples without a solution"}),
        }
        labels = distinct(self.trained, [*data, "epoch"])
        for name, label in zip(self.trained, labels, strict=True):
            axes = tuple(f"{label}_{k}" for k in range(np.ndim(self.params[name])))
            data[label] = (axes, self.params[name], {"role": "parameter", "long_name": name})
        for name, label in zip(self.trained, distinct((f"best_{x}" for x in labels), data), strict=True):
            axes = tuple(f"{label}_{k}" for k in range(np.ndim(self.best[name])))
            data[label] = (axes, self.best[name], {"role": "best", "long_name": name})
        attributes = {
            "optimizer": self.optimizer, "samples": self.samples, "message": self.message,
            "failures": "\n".join(f"epoch {f.epoch}, sample {f.sample}: {f.reason}" for f in self.failures),
        }  # fmt: skip
        return xr.Dataset(data, {"epoch": ("epoch", np.arange(len(self.loss)))}, attributes)

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Figure:
        """A figure of the loss and the gradient's norm, and of the samples skipped where there are some, against the
        epochs."""
        return plot_training(self.dataset)
