"""Epochs of steps of first order, each from the gradient of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdfi.ep.batches import Batches, Evaluation
from symdfi.ep.optimizers import FirstOrder
from symdfi.ep.record import Record
from symdfi.errors import ConvergenceError, DivergenceError


class Descent:
    """Every epoch takes all samples in a new order, drawn by seed and epoch, in batches of ``batch``, or all in one."""

    def __init__(self, batches: Batches, optimizer: FirstOrder, batch: int | None, seed: int) -> None:
        self.batches, self.optimizer, self.seed = batches, optimizer, seed
        self.batch = min(batch or len(batches.samples), len(batches.samples))
        self._low, self._high = batches.packing.bounds(optimizer.bounds)
        start = np.clip(batches.packing.start, self._low, self._high)
        #: Replaced as one: an interrupt finds the state between two epochs.
        self._done: tuple[Record, Any, dict[int, np.ndarray]] = (Record(start, start), optimizer.begin(start), {})

    @property
    def record(self) -> Record:
        return self._done[0]

    def run(self, epochs: int, after: Callable[[int], str]) -> str:
        """To so many epochs; why it ended. ``ConvergenceError`` where no sample of a batch is solved,
        ``DivergenceError`` where θ leaves the finite numbers."""
        while self.record.epochs < epochs:
            self._done = self._epoch(*self._done)
            if message := after(self.record.epochs):
                return message
        return f"{epochs} epochs done"

    def _epoch(self, record: Record, state: Any, warm: dict[int, np.ndarray]) -> tuple[Record, Any, dict]:
        number, total = record.epochs, len(self.batches.samples)
        theta, warm, found = record.theta, dict(warm), []
        order = np.random.default_rng([self.seed, number]).permutation(total)
        for first in range(0, total, self.batch):
            one = self.batches.evaluate(theta, order[first : first + self.batch].tolist(), warm)
            if not one.solved:
                raise nothing_solved(one, f"a batch of epoch {number}", number)
            moved, state = self.optimizer.step(theta, one.gradient, state)
            theta = np.clip(moved, self._low, self._high)
            if not np.isfinite(theta).all():
                raise DivergenceError(
                    f"the parameters are not finite in epoch {number}: reduce the rate = {self.optimizer.rate:g}",
                    epoch=number,
                )
            warm |= one.paths
            found.append(one)
        solved = sum(one.solved for one in found)
        loss = sum(one.loss * one.solved for one in found) / solved
        gradient = np.sum([one.gradient * one.solved for one in found], axis=0) / solved
        failures = [failure for one in found for failure in one.failures]
        at = record.theta if len(found) == 1 else theta
        return record.after(theta, at, loss, gradient, failures, len(failures)), state, warm

    # On the disk

    def state(self) -> dict[str, Any]:
        record, state, warm = self._done
        return {"record": record.state(), "optimizer": state, "warm": {str(k): path for k, path in warm.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        warm = {int(k): path for k, path in state["warm"].items()}
        self._done = Record.of(state["record"]), state["optimizer"], warm


def nothing_solved(one: Evaluation, where: str, epoch: int) -> ConvergenceError:
    """That no sample of a batch was solved, with the first reason."""
    sample, reason = one.failures[0]
    return ConvergenceError(
        f"none of the {len(one.failures)} samples of {where} was solved; sample {sample}: {reason}", epoch=epoch
    )
