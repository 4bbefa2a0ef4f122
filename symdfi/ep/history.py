"""What a training has led to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.archive import Missing
from symdfi.archive.result import Result
from symdfi.compile.kernels.groups import shape_of
from symdfi.plotting import plot_training
from symdfi.results import Families, distinct, labelled, provenance
from symdfi.symbolic.families import Axis, families
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Failure:
    """A sample that was skipped: in which epoch, and why."""

    epoch: int
    sample: int
    reason: str


@dataclass(frozen=True, eq=False)
class Training(Result):
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
    #: How it goes on (``ep.training``), None where it does not.
    resumption: Any = field(default=None, repr=False)
    #: What the data are, in short, of one that was read from a file.
    data_digest: str = field(default="", compare=False, repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=provenance, compare=False, repr=False)

    def __repr__(self) -> str:
        rows = f"loss {self.loss[0]:.4g} to {self.loss.min():.4g}, " if len(self.loss) else ""
        skipped = f"{int(self.skipped.sum())} samples skipped, " if self.failures else ""
        return f"Training({len(self.loss)} epochs, {rows}{skipped}{self.message})"

    def _rows(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = [("optimizer", self.optimizer), ("samples", self.samples)]
        found += [(f"best {name}", np.asarray(self.best[name])) for name in self.trained]
        return found + ([] if self.resumption is None else list(self.resumption.settings.items()))

    @property
    def best_loss(self) -> float:
        """The least loss of an epoch, NaN before there is one."""
        return float(self.loss.min()) if len(self.loss) else np.nan

    def resume(
        self, epochs: int, *, trainer: Any = None, data: Any = None, optimizer: Any = None,
        checkpoint: str | Path | None = None, checkpoint_every: int = 1, executor: Executor | None = None,
        on_epoch: Any = None,
    ) -> Training:  # fmt: skip
        """The training gone on with to so many ``epochs`` in all: to the last bit as if it had not stopped.

        ``trainer``, ``data`` and ``optimizer`` are only asked for where a file could not keep them, functions of your
        own among the data say; the rest as for ``EPTrainer.train``. Raises ``ValueError`` where there are as many
        epochs already, ``CheckpointError`` naming what a file could not keep, or for data that are others than those of
        the training, and what ``train`` raises.
        """
        if self.resumption is None:
            raise ValueError("this training has no epoch to go on from")
        kept = checkpoint, checkpoint_every
        return self.resumption.resume(self, epochs, trainer, data, optimizer, kept, executor, on_epoch)

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The history as an ``xarray.Dataset`` over the epochs, the trained parameters and the best, and the parameters
        that were given with them. Attributes are the settings, when it was made and by which versions."""
        import xarray as xr  # slow to import

        data: dict[str, Any] = {
            "loss": ("epoch", self.loss, {"long_name": "mean cost", "role": "loss"}),
            "gradient_norm": ("epoch", self.gradient_norm, {"long_name": "norm of the mean gradient"}),
            "skipped": ("epoch", self.skipped, {"long_name": "samples without a solution"}),
        }
        others = [name for name in self.params if name not in self.trained]
        labels = distinct([*self.trained, *others], [*data, "epoch"])
        best = distinct((f"best_{x}" for x in labels[: len(self.trained)]), [*data, *labels])
        extents, related = self._declared
        families = Families([*data, *labels, *best, "epoch"], related)
        for names, roles, values in (
            (dict(zip(labels, [*self.trained, *others], strict=True)), ("parameter", "given"), self.params),
            (dict(zip(best, self.trained, strict=False)), ("best", "best"), self.best),
        ):
            for label, name in names.items():
                value = np.asarray(values[name])
                axes = families.of(name, extents.get(name, value.shape))
                role = roles[name not in self.trained]
                data[label] = (axes, value, {"role": role, "symbol": name, "long_name": name})
        attributes = {
            "kind": "Training", "optimizer": self.optimizer, "samples": self.samples, "message": self.message,
            "trained": ", ".join(self.trained),
            "failures": "\n".join(f"epoch {f.epoch}, sample {f.sample}: {f.reason}" for f in self.failures),
            **({} if self.resumption is None else self.resumption.settings), **self.made,
        }  # fmt: skip
        epochs = ("epoch", np.arange(len(self.loss)), {"long_name": "epoch"})
        return labelled(xr.Dataset(data, {"epoch": epochs}, attributes), self.labels)

    @property
    def _declared(self) -> tuple[dict[str, tuple[Any, ...]], dict[Axis, Axis]]:
        """The extents of the parameters as they are declared, and which of their axes belong together, where that is
        known."""
        trainer = None if self.resumption is None else self.resumption.trainer
        if trainer is None or isinstance(trainer, Missing):
            return {}, {}
        return {name_of(p): shape_of(p) for p in trainer.system.parameters}, families(trainer.system)

    def plot(self) -> Figure:
        """A figure of the loss and the gradient's norm, and of the samples skipped where there are some, against the
        epochs."""
        return plot_training(self.dataset)
