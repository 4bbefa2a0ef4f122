"""Epochs that are iterations of SciPy's L-BFGS-B on all samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdfi.ep.batches import Batches, Evaluation
from symdfi.ep.descent import nothing_solved
from symdfi.ep.optimizers import LBFGS
from symdfi.ep.record import Record
from symdfi.errors import CheckpointError


@dataclass(frozen=True)
class Done:
    """What a run has come to: all that was evaluated, without its paths, those of the last evaluation, and those of the
    parameters that the last iteration ended with, at which trials begin."""

    record: Record
    evaluations: tuple[Evaluation, ...] = ()
    last: dict[int, np.ndarray] | None = None
    warm: dict[int, np.ndarray] | None = None

    def and_then(self, one: Evaluation) -> Done:
        return replace(self, evaluations=(*self.evaluations, replace(one, paths={})), last=dict(one.paths))


class QuasiNewton:
    """Row 0 of the record is the start, row k the parameters after iteration k.

    The samples are those that are solved at the start, the others are left out: the loss must be one function. A trial
    at which not all of them are solved is turned back from: where the line search began at θ with the loss C and the
    gradient g, it counts as C + |g·δ| with the gradient −g.

    SciPy keeps its state to itself, but is deterministic: a run is gone on with by giving it the evaluations so far
    once more.
    """

    def __init__(self, batches: Batches, optimizer: LBFGS) -> None:
        self.batches, self.optimizer = batches, optimizer
        self._low, self._high = batches.packing.bounds(optimizer.bounds)
        start = np.clip(batches.packing.start, self._low, self._high)
        self._done = Done(Record(start, start))

    @property
    def record(self) -> Record:
        return self._done.record

    def run(self, epochs: int, after: Callable[[int], str]) -> str:
        """To so many rows; why it ended. ``ConvergenceError`` where no sample is solved at the start."""
        from scipy.optimize import minimize  # slow to import

        if self.record.epochs >= epochs:
            return f"{epochs} epochs done"
        if not self._done.evaluations:
            every = list(range(len(self.batches.samples)))
            first = self.batches.evaluate(self.record.theta, every, {})
            if not first.solved:
                raise nothing_solved(first, "the data", 0)
            done = self._done.and_then(first)
            self._done = replace(done, record=_row(done.record, first, first.failures, 0), warm=done.last)
            if message := after(1):
                return message
        search = _Search(self._done.evaluations[0])
        ended = ""

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            number = search.calls
            search.calls += 1
            if number == len(self._done.evaluations):
                self._done = self._done.and_then(self._evaluate(theta))
            one = self._done.evaluations[number]
            if not np.array_equal(one.theta, theta):
                raise CheckpointError("the run does not go on as it was recorded: another version of SciPy?")
            return search.seen(one)

        def accepted(theta: np.ndarray) -> None:
            nonlocal ended
            search.accept(theta)
            if search.row < self.record.epochs:
                search.failures = []
                return  # it was recorded before
            trials, left_out = search.failures, len(self._done.evaluations[0].failures)
            record = _row(self.record, search.base, trials, left_out)
            search.failures = []
            self._done = replace(self._done, record=record, warm=self._done.last)
            ended = after(record.epochs)
            if ended or record.epochs >= epochs:
                raise StopIteration

        if self.record.epochs < epochs:
            found = minimize(
                loss, self._done.evaluations[0].theta, jac=True, method="L-BFGS-B", callback=accepted,
                bounds=list(zip(self._low, self._high, strict=True)),
                options={
                    "maxcor": self.optimizer.memory, "ftol": self.optimizer.ftol, "gtol": self.optimizer.gtol,
                    "maxiter": 2**31 - 1, "maxfun": 2**31 - 1,
                },
            )  # fmt: skip
            if self.record.epochs < epochs and not ended:
                return str(found.message)
        return ended or f"{epochs} epochs done"

    def _evaluate(self, theta: np.ndarray) -> Evaluation:
        left_out = {sample for sample, _ in self._done.evaluations[0].failures}
        members = [k for k in range(len(self.batches.samples)) if k not in left_out]
        return self.batches.evaluate(theta.copy(), members, self._done.warm or {})

    # On the disk

    def state(self) -> dict[str, Any]:
        def paths(found: dict[int, np.ndarray] | None) -> dict[str, np.ndarray]:
            return {str(k): path for k, path in (found or {}).items()}

        done = self._done
        return {
            "record": done.record.state(),
            "theta": np.array([one.theta for one in done.evaluations]),
            "loss": np.array([one.loss for one in done.evaluations]),
            "gradient": np.array([one.gradient for one in done.evaluations]),
            "solved": [one.solved for one in done.evaluations],
            "failures": [[list(f) for f in one.failures] for one in done.evaluations],
            "last": paths(done.last),
            "warm": paths(done.warm),
        }

    def restore(self, state: dict[str, Any]) -> None:
        columns = (state[name] for name in ("theta", "loss", "gradient", "solved", "failures"))
        evaluations = tuple(
            Evaluation(theta, float(loss), gradient, solved, {}, tuple((k, reason) for k, reason in failures))
            for theta, loss, gradient, solved, failures in zip(*columns, strict=True)
        )
        last, warm = ({int(k): path for k, path in state[name].items()} for name in ("last", "warm"))
        self._done = Done(Record.of(state["record"]), evaluations, last, warm)


class _Search:
    """Where SciPy is: the evaluation at the last accepted θ, the last one, and what failed in between."""

    def __init__(self, first: Evaluation) -> None:
        self.base = self.latest = first
        self.calls = self.row = 0
        self.failures: list[tuple[int, str]] = []

    def seen(self, one: Evaluation) -> tuple[float, np.ndarray]:
        """The loss and its gradient as SciPy is to see them."""
        self.latest = one
        if self.calls == 1 or not one.failures:
            return one.loss, one.gradient.copy()
        self.failures.extend(one.failures)
        return self.base.loss + abs(float(self.base.gradient @ (one.theta - self.base.theta))), -self.base.gradient

    def accept(self, theta: np.ndarray) -> None:
        assert np.array_equal(theta, self.latest.theta)
        self.base, self.row = self.latest, self.row + 1


def _row(record: Record, one: Evaluation, failures: Any, left_out: int) -> Record:
    return record.after(one.theta, one.theta, one.loss, one.gradient, list(failures), left_out + len(failures))
