"""The loss of a batch of samples and its gradient, the samples solved by the workers of an executor."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from symdfi.choices import meant
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.bound import places_of
from symdfi.ep.boundary import Boundary
from symdfi.ep.cost import Cost
from symdfi.ep.direct import Found, Several, columns_of
from symdfi.ep.nudging import Nudging
from symdfi.ep.orbit import Orbit
from symdfi.ep.rules import Rule
from symdfi.ep.samples import Chosen, Sample, Samples
from symdfi.ep.setting import PARAMS, Signals
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError
from symdfi.linalg.blas import own_threads
from symdfi.numbers import finite_reals
from symdfi.pickling import Once
from symdfi.symbolic.given import by_name, name_of
from symdfi.workers import blocks, run


class Trainer(Protocol):
    """What is needed of an ``EPTrainer``."""

    system: Lagrangian
    cost: Cost
    boundary: Boundary
    steps: int | None
    rule: Rule
    nudging: Nudging
    trainable: tuple[str, ...]

    def free(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> Orbit: ...  # fmt: skip

    def gradient(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> tuple[float, dict[str, np.ndarray]]: ...  # fmt: skip

    def directly(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | Several: ...

    def response(self, free: Orbit) -> dict[str, np.ndarray]: ...

    def adjoint(self, free: Orbit) -> dict[str, np.ndarray]: ...


#: A batch is shared out in at most about twice so many blocks of samples: more would take longer than small samples do.
_BLOCKS = 16
#: How the gradient of a free orbit is found: by the trainer's nudging, "adjoint", or another nudging.
Gradient = str | Nudging | None


class Packing:
    """Parameters by name as one θ, and back; those that are not trained are kept."""

    def __init__(self, params: Mapping[Any, Any], trainable: Sequence[str]) -> None:
        self.given = by_name(params, *PARAMS)
        self.names = tuple(trainable)
        if not self.names:
            raise ValueError("there is nothing to train: no parameter is trainable")
        for name in self.names:
            if name not in self.given:
                raise ValueError(f"no value for the parameter {name}")
        values = {name: finite_reals(self.given[name], f"the parameter {name}") for name in self.names}
        self.shapes = {name: value.shape for name, value in values.items()}
        self.start = self.packed(values)

    def packed(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(values[name]) for name in self.names])

    def params(self, theta: np.ndarray) -> dict[str, Any]:
        """All parameters by name."""
        places = places_of(self.shapes)
        return {**self.given, **{name: theta[own].reshape(shape) for name, (own, shape) in places}}

    def bounds(self, bounds: Mapping[Any, tuple[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest θ. ``ValueError`` for bounds of what is not trained, and for empty ones."""
        low = {name: np.full(shape, -np.inf) for name, shape in self.shapes.items()}
        high = {name: np.full(shape, np.inf) for name, shape in self.shapes.items()}
        for key, pair in bounds.items():
            name = name_of(key)
            if name not in self.shapes:
                raise ValueError(f"bounds of {name}, which is not trained: {', '.join(self.names)} are")
            if not isinstance(pair, Sequence) or len(pair) != 2:
                raise ValueError(f"the bounds of {name} are a pair (least, largest), None where there is none")
            for side, value in zip((low, high), pair, strict=True):
                if value is not None:
                    value = finite_reals(value, f"a bound of {name}")
                    if value.shape not in ((), self.shapes[name]):
                        raise ValueError(f"a bound of {name} has shape {value.shape}, expected {self.shapes[name]}")
                    side[name][...] = value
            if np.any(low[name] > high[name]):
                raise ValueError(f"the bounds of {name} leave nothing between them")
        return self.packed(low), self.packed(high)


@dataclass(frozen=True)
class Evaluation:
    """At θ, of the samples that were solved: the mean of the costs and of their gradients; the ``paths`` found, and why
    the others failed, by sample."""

    theta: np.ndarray
    loss: float
    gradient: np.ndarray
    solved: int
    paths: Mapping[int, np.ndarray]
    failures: tuple[tuple[int, str], ...]


class Solved(NamedTuple):
    """What a worker sends back of a sample: its cost, gradient and path, or why there is none."""

    cost: float = np.nan
    gradient: np.ndarray | None = None
    path: np.ndarray | None = None
    reason: str = ""


class AllSolved(NamedTuple):
    """The same of samples that are all solved and have no paths to be kept: costs, and gradients by rows."""

    costs: np.ndarray
    gradients: np.ndarray

    def added(self, cost: float, total: np.ndarray) -> tuple[float, np.ndarray]:
        """With them added, one after the other: the gradients in place."""
        self.gradients[0] += total
        np.add.accumulate(self.gradients, axis=0, out=self.gradients)
        for own in self.costs.tolist():  # not by sum(), which rounds otherwise from Python 3.12 on
            cost += own
        return cost, self.gradients[-1].copy()


@dataclass(frozen=True)
class Batches:
    """Batches of ``samples``. ``gradient`` says how the gradients are found, ``guess`` where the search for an orbit
    between two times begins if the sample has not been solved before."""

    trainer: Trainer
    packing: Packing
    samples: Samples
    gradient: Gradient
    guess: np.ndarray | None
    executor: Executor | None

    def evaluate(self, theta: np.ndarray, members: Sequence[int], warm: Mapping[int, np.ndarray]) -> Evaluation:
        """The members of a batch, begun at the paths ``warm`` of earlier solutions. Sums are taken in the samples'
        order, and are the same for any executor.

        Raises what a sample's data are refused with, and names the sample."""
        params, members = self.packing.params(theta), sorted(members)
        task = Once((self.trainer, self.gradient, self.packing.names))
        size = len(members) if self.executor is None else max(1, len(members) // _BLOCKS)
        spans = [members[start:stop] for start, stop in blocks(len(members), max(1, size))]
        parts = [(task, params, own, self.samples.chosen(own, warm), self.guess) for own in spans]
        total, cost, paths, failures = np.zeros(theta.size), 0.0, {}, []
        keeps = not self.trainer.boundary.is_marched
        with contextlib.closing(run(solved, parts, self.executor)) as coming:
            for own, block in zip(spans, coming, strict=True):
                if isinstance(block, AllSolved):
                    cost, total = block.added(cost, total)
                    continue
                for k, found in zip(own, block, strict=True):
                    if found.gradient is None:
                        failures.append((k, found.reason))
                        continue
                    cost += found.cost
                    total += found.gradient
                    if keeps:
                        paths[k] = found.path
        count = len(members) - len(failures)
        with np.errstate(invalid="ignore"):
            return Evaluation(
                theta, cost / count if count else np.nan, total / max(count, 1), count, paths, tuple(failures)
            )


def solved(
    task: Once, params: Mapping[str, Any], numbers: Sequence[int], samples: Chosen, guess: np.ndarray | None
) -> list[Solved] | AllSolved:
    """What is found of samples of these numbers, with the paths of earlier solutions."""
    trainer, gradient, names = task.value
    several = trainer.directly(params, samples.begun(guess)) if gradient is None else [None] * len(samples)
    if isinstance(several, Several) and several.told.all():
        return AllSolved(several.costs, several.thetas[:, columns_of(several.places, names)])
    found = []
    # On one thread each, whoever calls: rounding is the same then.
    with own_threads():
        for place, (number, (signals, _, warm)) in enumerate(zip(numbers, samples, strict=True)):
            known = several[place]
            if known is not None:
                found.append(Solved(known.cost, known.theta[columns_of(known.places, names)], known.path))
                continue
            try:
                found.append(_solved(task, params, signals, warm, guess))
            except Exception as error:
                error.add_note(f"in sample {number}")
                raise
    return found


def _solved(
    task: Once, params: Mapping[str, Any], signals: Signals | None, warm: np.ndarray | None,
    guess: np.ndarray | None,
) -> Solved:  # fmt: skip
    """The cost of a sample and its gradient, sought from an earlier solution, and where that leads nowhere anew."""
    trainer, gradient, names = task.value
    found = Solved()
    for begin in (guess,) if warm is None else (warm, guess):
        try:
            if gradient is None and trainer.boundary.is_marched:
                cost, by_name = trainer.gradient(params, signals)
                path = None  # there is no search that one would begin
            else:
                free = trainer.free(params, signals, guess=begin)
                cost, by_name, path = free.cost, _gradient(trainer, gradient, free), free.q
            return Solved(cost, _packed(by_name, names), path)
        except (ConvergenceError, DivergenceError, SingularMatrixError) as error:
            found = Solved(reason=f"{type(error).__name__}: {error}")
    return found


def _packed(by_name: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.concatenate([np.ravel(by_name[name]) for name in names])


def _gradient(trainer: Trainer, how: Gradient, free: Orbit) -> Mapping[str, np.ndarray]:
    if how is None:
        return trainer.response(free)
    return how.gradient(free) if isinstance(how, Nudging) else trainer.adjoint(free)


def check_gradient_choice(how: Any) -> None:
    """``ValueError`` for what is no way to find a gradient."""
    if not (how is None or how == "adjoint" or isinstance(how, Nudging)):
        raise ValueError(
            f"gradient = {how!r}: None for the trainer's own nudging, a nudging, or 'adjoint'{meant(how, ['adjoint'])}"
        )
