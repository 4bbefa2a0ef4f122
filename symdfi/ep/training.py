"""``train``: parameters of least mean cost over samples; the loop over epochs, for every optimiser."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdfi import checkpoints, progress
from symdfi.archive import Missing
from symdfi.archive.values import missing_in
from symdfi.checkpoints import lasting
from symdfi.ep.batches import Batches, Gradient, Packing, Trainer, check_gradient_choice
from symdfi.ep.descent import Descent
from symdfi.ep.history import Training
from symdfi.ep.named import optimizer_of
from symdfi.ep.optimizers import LBFGS, FirstOrder, Optimizer
from symdfi.ep.quasi_newton import QuasiNewton
from symdfi.ep.samples import Data, Samples
from symdfi.errors import CheckpointError, ConvergenceError, DivergenceError, Interrupted
from symdfi.numbers import count, finite_reals, reals
from symdfi.results import shown
from symdfi.symbolic.given import name_of

#: Called with the number of epochs done and the training so far; True ends it.
OnEpoch = Callable[[int, Training], Any]


@dataclass(frozen=True)
class Plan:
    """How long, in what batches, and where it is kept."""

    epochs: int
    batch: int | None
    seed: int
    patience: int | None
    checkpoint: Path | None
    checkpoint_every: int

    def __post_init__(self) -> None:
        count(self.epochs, "epochs", 1)
        count(self.seed, "the seed", 0)
        count(self.checkpoint_every, "checkpoint_every", 1)
        for name in ("batch", "patience"):
            if getattr(self, name) is not None:
                count(getattr(self, name), name, 1)


@dataclass(frozen=True)
class Resumption:
    """How a training goes on: of what it is, and where it has come to (``state``, of the optimiser's loop)."""

    trainer: Trainer | Missing
    data: Data | Missing
    optimizer: Optimizer | Missing
    gradient: Gradient | Missing
    plan: Plan
    params: Mapping[str, Any]
    guess: np.ndarray | None
    state: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """For a dataset."""
        found = {name: shown(getattr(self.plan, name)) for name in ("epochs", "batch", "seed", "patience")}
        found |= {"gradient": "the nudging" if self.gradient is None else shown(self.gradient)}
        trainer = self.trainer
        if isinstance(trainer, Missing):
            return found
        names = ("boundary", "rule", "nudging", "cost")
        found |= {name: shown(getattr(trainer, name)) for name in names}
        return found | {"steps": shown(trainer.steps), "lagrangian": str(trainer.system.lagrangian)}

    def resume(
        self, training: Training, epochs: int, trainer: Trainer | None, data: Data | None, optimizer: Any,
        checkpoint: tuple[str | Path | None, int], executor: Executor | None, on_epoch: OnEpoch | None,
    ) -> Training:  # fmt: skip
        """See ``Training.resume``."""
        _check_called(on_epoch)
        own = self._given("trainer", trainer)
        optimizer = self._given("optimizer", None if optimizer is None else optimizer_of(optimizer))
        samples = Samples(self._given("data", data))
        if data is not None:
            known = training.data_digest
            if not known and not isinstance(self.data, Missing):
                known = Samples(self.data).digest
            if samples.digest != known:
                raise CheckpointError(f"the data are {samples.digest}, those of the training were {known}")
        if epochs <= len(training.loss):
            raise ValueError(f"there are {len(training.loss)} epochs already: epochs = {epochs} is not beyond")
        path = None if checkpoint[0] is None else Path(checkpoint[0])
        plan = dataclasses.replace(self.plan, epochs=epochs, checkpoint=path, checkpoint_every=checkpoint[1])
        gradient, packing = self._given("gradient", None), Packing(self.params, own.trainable)
        loop = _loop(Batches(own, packing, samples, gradient, self.guess, executor), optimizer, plan)
        loop.restore(dict(self.state))
        return dataclasses.replace(_run(loop, plan, packing, on_epoch), labels=training.labels)

    def _given(self, name: str, given: Any) -> Any:
        """What is given in place of what no file can hold, or what was held."""
        if given is not None:
            return given
        own = getattr(self, name)
        for lost in missing_in(own):
            raise CheckpointError(f"the {name} holds {lost}, which no file can hold: give {name}= as it was")
        return own


def train(
    trainer: Trainer, params: Mapping[Any, Any], data: Data, plan: Plan, optimizer: Optimizer | str | None,
    gradient: Gradient, guess: np.ndarray | None, executor: Executor | None, on_epoch: OnEpoch | None,
) -> Training:  # fmt: skip
    """See ``EPTrainer.train``."""
    check_gradient_choice(gradient)
    _check_called(on_epoch)
    packing, samples = Packing(params, trainer.trainable), Samples(data)
    guess = None if guess is None else finite_reals(guess, "the guess")
    optimizer = optimizer_of(optimizer)
    loop = _loop(Batches(trainer, packing, samples, gradient, guess, executor), optimizer, plan)
    return _run(loop, plan, packing, on_epoch)


def resume(
    trainer: Trainer, path: str | Path, data: Data, epochs: int | None, optimizer: Optimizer | str | None,
    gradient: Gradient, executor: Executor | None, on_epoch: OnEpoch | None,
) -> Training:  # fmt: skip
    """See ``EPTrainer.resume``."""
    check_gradient_choice(gradient)
    _check_called(on_epoch)
    samples, optimizer = Samples(data), optimizer_of(optimizer)
    state = checkpoints.read(path, _identity(trainer, optimizer, gradient, samples))
    packing = Packing(state["params"], trainer.trainable)
    plan = Plan(**{**state["plan"], "checkpoint": Path(path)})
    if epochs is not None:
        plan = dataclasses.replace(plan, epochs=epochs)
    loop = _loop(Batches(trainer, packing, samples, gradient, state["guess"], executor), optimizer, plan)
    try:
        loop.restore(state["progress"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not hold a training: {error!r}") from error
    return _run(loop, plan, packing, on_epoch)


def _check_called(on_epoch: OnEpoch | None) -> None:
    if not (on_epoch is None or callable(on_epoch)):
        raise TypeError(f"on_epoch is {on_epoch!r}: give a function of the epochs done and the training so far")


def _loop(batches: Batches, optimizer: Optimizer, plan: Plan) -> Descent | QuasiNewton:
    if isinstance(optimizer, FirstOrder):
        return Descent(batches, optimizer, plan.batch, plan.seed)
    if not isinstance(optimizer, LBFGS):
        raise TypeError(f"{optimizer!r} is no optimiser: use SGD, Adam or LBFGS")
    if plan.batch is not None:
        raise ValueError("LBFGS takes all samples at once: batch is for SGD and Adam")
    return QuasiNewton(batches, optimizer)


def _run(loop: Descent | QuasiNewton, plan: Plan, packing: Packing, on_epoch: OnEpoch | None) -> Training:
    """The loop to its end."""
    batches = loop.batches

    def so_far(message: str) -> Training:
        found = loop.record.training(packing, message, lasting(repr(loop.optimizer)), len(batches.samples))
        if not loop.record.epochs:
            return found
        kept = dataclasses.replace(plan, checkpoint=None)
        onward = Resumption(
            batches.trainer, batches.samples.given, loop.optimizer, batches.gradient, kept, _storable(packing.given),
            batches.guess, loop.state(),
        )  # fmt: skip
        return dataclasses.replace(found, resumption=onward)

    def keep() -> None:
        if plan.checkpoint is None:
            return
        trainer, given = batches.trainer, _storable(packing.given)
        own = dataclasses.asdict(dataclasses.replace(plan, checkpoint=None))
        state = {
            **_identity(trainer, loop.optimizer, batches.gradient, batches.samples),
            "params": given, "plan": own, "guess": batches.guess, "progress": loop.state(),
        }  # fmt: skip
        checkpoints.write(state, plan.checkpoint)

    if plan.patience is not None and loop.record.stale >= plan.patience:
        return so_far(_stale(plan.patience))
    keep()
    with progress.bar(total=plan.epochs, initial=loop.record.epochs, desc="train") as bar:

        def after(epochs: int) -> str:
            """After so many epochs: why to end, if there is a reason."""
            bar.update()
            bar.set_postfix_str(f"loss {loop.record.loss[-1]:.4g}", refresh=False)
            if epochs % plan.checkpoint_every == 0:
                keep()
            if on_epoch is not None and on_epoch(epochs, so_far("running")):
                return "ended by on_epoch"
            if plan.patience is not None and loop.record.stale >= plan.patience:
                return _stale(plan.patience)
            return ""

        try:
            message = loop.run(plan.epochs, after)
        except (ConvergenceError, DivergenceError) as error:
            keep()
            raise type(error)(f"{error}", partial=so_far("failed"), **error.details) from error
        except KeyboardInterrupt as error:
            keep()
            done = loop.record.epochs
            raise Interrupted(f"interrupted after {done} epochs", partial=so_far("interrupted")) from error
    keep()
    return so_far(message)


def _stale(patience: int) -> str:
    return f"no lower loss in {patience} epochs"


def _storable(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Parameters as a file holds them: integers as such, which may be indices."""
    arrays = {name: np.asarray(value) for name, value in params.items()}
    return {name: a if a.dtype.kind in "iu" else reals(a, f"the parameter {name}") for name, a in arrays.items()}


def _identity(trainer: Trainer, optimizer: Optimizer, gradient: Gradient, samples: Samples) -> dict[str, str]:
    """Of what a training is."""
    system, cost = trainer.system, trainer.cost
    forces = ", ".join(map(str, system.external_forces))
    found, own = hashlib.sha256(), hashlib.sha256()
    _feed(own, optimizer)
    for part in (trainer.boundary, trainer.steps, trainer.rule, trainer.nudging, trainer.trainable, cost):
        _feed(found, part)
    return {
        "system": f"L = {system.lagrangian}, R = {system.dissipation}, Q = ({forces})",
        "trainer": f"{type(trainer.boundary).__name__} of {trainer.steps} steps ({found.hexdigest()[:16]})",
        "optimizer": f"{optimizer} ({own.hexdigest()[:8]})",
        "gradient": repr(gradient),
        "data": samples.digest,
    }


def _feed(found: Any, value: Any) -> None:
    """A value to a hash: by its numbers, and by the fields of what has some."""
    if isinstance(value, np.ndarray):
        found.update(f"{value.shape} {value.dtype.str}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=name_of):
            found.update(name_of(key).encode())
            _feed(found, value[key])
    elif dataclasses.is_dataclass(value):
        found.update(type(value).__name__.encode())
        for field in dataclasses.fields(value):
            _feed(found, getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for part in value:
            _feed(found, part)
    else:
        found.update(lasting(repr(value)).encode() + b";")
