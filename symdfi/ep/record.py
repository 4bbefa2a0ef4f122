"""What is kept of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.ep.batches import Packing
from symdfi.ep.history import Failure, Training


@dataclass(frozen=True)
class Record:
    """θ after the epochs so far, the best θ, and a row an epoch. Never changed, always replaced: an interrupt finds one
    that is whole."""

    theta: np.ndarray
    best: np.ndarray
    loss: tuple[float, ...] = ()
    gradient_norm: tuple[float, ...] = ()
    skipped: tuple[int, ...] = ()
    failures: tuple[Failure, ...] = ()
    #: So many epochs had no lower loss than one before.
    stale: int = 0

    @property
    def epochs(self) -> int:
        return len(self.loss)

    def after(
        self, theta: np.ndarray, at: np.ndarray, loss: float, gradient: np.ndarray,
        failures: Sequence[tuple[int, str]], skipped: int,
    ) -> Record:  # fmt: skip
        """An epoch later: θ then, and where the loss was measured."""
        better = not self.loss or loss < min(self.loss)
        return Record(
            theta, at if better else self.best, (*self.loss, loss),
            (*self.gradient_norm, float(np.linalg.norm(gradient))), (*self.skipped, skipped),
            (*self.failures, *(Failure(self.epochs, *failure) for failure in failures)),
            0 if better else self.stale + 1,
        )  # fmt: skip

    def training(self, packing: Packing, message: str, optimizer: str, samples: int) -> Training:
        rows = (np.array(self.loss), np.array(self.gradient_norm), np.array(self.skipped, dtype=np.int64))
        return Training(
            packing.params(self.theta), packing.params(self.best), packing.names, *rows, self.failures, message,
            optimizer, samples,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """For a file."""
        failures = [[f.epoch, f.sample, f.reason] for f in self.failures]
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"failures": failures}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Record:
        return cls(**{**state, "failures": tuple(Failure(*failure) for failure in state["failures"])})
