"""Gradients of a cost by equilibrium propagation, and their check.

Theorem (theory of EP, "The theorem"): with q^β extremal for S_β under fixed ends or periodicity,
``dC/dθ = d/dβ ∂_θS_β(q^β)`` at β = 0: the response, to the nudge, of the impulse of the momentum
conjugate to θ. With dissipation, and for initial values, the same of the doubled action (§8).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symdfi.choices import meant
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.batches import Gradient
from symdfi.ep.bound import Bound
from symdfi.ep.boundary import Boundary
from symdfi.ep.check import GradientCheck, differences
from symdfi.ep.cost import Cost
from symdfi.ep.direct import Direct, Found, Sample, Several, direct
from symdfi.ep.discrete import discretised
from symdfi.ep.echo import Echo, check_echo
from symdfi.ep.exact import check_leapfrog
from symdfi.ep.extremum import check_boundary, read, solve
from symdfi.ep.history import Training
from symdfi.ep.named import nudging_of
from symdfi.ep.nudging import Centered, Holomorphic, Infinitesimal, Nudging, OneSided, adjoint
from symdfi.ep.optimizers import Optimizer
from symdfi.ep.orbit import Orbit
from symdfi.ep.pieces import Pieces
from symdfi.ep.retrace import Retrace
from symdfi.ep.rules import Rule, rule_of
from symdfi.ep.samples import Data
from symdfi.ep.scan import NudgeScan, scan
from symdfi.ep.sensitivity import Sensitivity
from symdfi.ep.setting import Setting, Signals, merged
from symdfi.ep.training import OnEpoch, Plan
from symdfi.ep.training import resume as resume_training
from symdfi.ep.training import train as train_on
from symdfi.errors import SymbolicError
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, finite_reals, real
from symdfi.pickling import Rebuilt
from symdfi.showing import table
from symdfi.symbolic.given import name_of


class EPTrainer(Rebuilt):
    """Gradients of C by the parameters ``trainable`` of a Lagrangian system, without backpropagation in time.

    ``boundary`` is any of ``Periodic``, ``FixedEnds``, ``InitialState``, ``AtRest``, ``Autonomous``, ``LimitCycle`` and
    ``Static``, ``rule`` the discretisation (``Midpoint()`` by default) on ``steps`` intervals (none for ``Static`` and
    the rule ``Fourier``), and ``nudging`` a scheme: the infinitesimal nudge by default, exact for any dissipation, or
    what models an experiment, ``OneSided``, ``Centered``, ``Holomorphic``, ``Echo``, ``GainFlippedEcho``,
    ``Reciprocal`` or ``Convolution`` (see ``schemes``).
    Inputs and targets are constants, arrays over the times at which the rule samples (times, *shape), or functions of
    time. Signs: see ``symdfi.ep``. Rules and nudgings with their usual settings may be called by name, "trapezoidal",
    "centered".

    Raises ``SymbolicError`` for a parameter that neither system nor cost holds or that is an index array, and for
    any other boundary condition, ``TypeError`` where ``trainable`` is not given (an empty list is
    for free orbits and their sensitivities).
    """

    def __init__(
        self,
        system: Lagrangian,
        cost: Cost,
        boundary: Boundary,
        steps: int | None = None,
        trainable: Sequence[Variable | str] | None = None,
        nudging: Nudging | str | None = None,
        *,
        rule: Rule | str | None = None,
    ) -> None:
        check_boundary(boundary)
        if not isinstance(cost, Cost):
            raise TypeError(f"the cost is {cost!r}: give a Cost, sd.Cost(running=...) or sd.Cost(terminal=...)")
        self.discrete = discretised(system, cost)
        self.system, self.cost, self.boundary, self.steps = system, cost, boundary, steps
        self.nudging, self.rule = nudging_of(nudging), rule_of(rule)
        if isinstance(trainable, sp.Symbol | sp.IndexedBase | str):
            raise TypeError(f"trainable is {trainable}: give a list, [{trainable}]")
        known = [name_of(p) for p in self.discrete.kernels.differentiable]
        if trainable is None:
            raise TypeError(f"no parameter is to be trained: give trainable=[...], of {', '.join(sorted(known))}")
        self.trainable = tuple(name_of(p) for p in trainable)
        # What calls with the same keys and shapes share, and how their gradients are found directly.
        self._bound: tuple[Bound, Setting] | None = None
        self._direct: Direct | None = None
        for name in self.trainable:
            if name not in known:
                raise SymbolicError(
                    f"{name} is no parameter of system or cost that has a gradient: {', '.join(sorted(known))}"
                    + meant(name, known)
                )

    def __repr__(self) -> str:
        steps = "" if self.steps is None else f", {self.steps} steps of {self.rule}"
        return f"EPTrainer({', '.join(self.trainable)} of {self.system}, {self.boundary}{steps}, {self.nudging})"

    def _repr_html_(self) -> str:
        names = ("system", "cost", "boundary", "steps", "rule", "nudging")
        rows = [("trainable", ", ".join(self.trainable)), *((name, getattr(self, name)) for name in names)]
        return table("EPTrainer", rows)

    @property
    def times(self) -> np.ndarray:
        """The times at which inputs and targets are sampled: what a row of an array of them stands for."""
        steps = 1 if self.steps is None else self.steps
        return self.boundary.rule(self.rule).times(steps, self.boundary.T)

    def free(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> Orbit:  # fmt: skip
        """The free phase: the trajectory without a nudge, with its cost."""
        signals = merged(inputs, targets)
        known = None if self._bound is None else self._bound[0].setting(self._bound[1], params, inputs, targets)
        found = solve(
            self.discrete, self.boundary, self.steps, params, signals, rule=self.rule, guess=guess, setting=known
        )
        if known is None and found.setting.boundary is self.boundary:
            bound = Bound.of(self.discrete, found.setting, params, inputs, targets)
            self._bound = bound and (bound, found.setting)
        return found

    def gradient(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> tuple[float, dict[str, np.ndarray]]:  # fmt: skip
        """``(C, dC/dθ by name)``: one free phase, and what the nudging scheme makes of it.

        All of it is finite: ``DivergenceError`` says what is not. Raises ``ConvergenceError`` and
        ``SingularMatrixError`` as ``extremize`` does, and the former for a nudge that is too large or too small,
        ``ValueError`` for a missing, misshapen or non-finite parameter, input or target, ``SymbolicError`` for a finite
        nudge where it would give a wrong gradient.
        """
        if type(self.nudging) is Infinitesimal:
            sample = (inputs, targets, guess)
            fits, found = (False, None) if self._direct is None else self._direct.gradient(params, sample)
            if not fits and (made := self._made(params, *sample)) is not None:
                self._direct = made
                _, found = made.gradient(params, sample)
            if found is not None:
                return found.cost, found.by_name(self.trainable)
        elif isinstance(self.nudging, Echo) and self.nudging.exact:
            trace = self.retrace(params, inputs, targets)
            return trace.cost, self._chosen(trace.gradient(self.nudging.beta))
        free = self.free(params, inputs, targets, guess)
        return free.cost, self.response(free)

    def directly(self, params: Mapping[Any, Any], samples: Sequence[Sample]) -> list[Found | None] | Several:
        """What the gradients of samples are, given by inputs, targets and guesses, as far as they are found by compiled
        loops over all of them."""
        found: list[Found | None] = [None] * len(samples)
        if type(self.nudging) is not Infinitesimal or not samples:
            return found
        fits = np.zeros(len(samples), bool)
        if self._direct is not None:
            fits, several = self._direct.gradients(params, samples)
            if fits.all():
                return several
            found = [several[k] for k in range(len(samples))]
        # What is given otherwise, each for itself: how a sample is solved is not to depend on what is beside it.
        for k in np.flatnonzero(~fits).tolist():
            if not fits[k] and (made := self._made(params, *samples[k])) is not None:
                self._direct, rest = made, np.flatnonzero(~fits).tolist()
                own, told = made.gradients(params, [samples[j] for j in rest])
                for place, j in enumerate(rest):
                    if own[place]:
                        fits[j], found[j] = True, told[place]
        return found

    def _made(
        self, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None, guess: np.ndarray | None
    ) -> Direct | None:
        """A direct way for what is given like this."""
        try:
            signals = merged(inputs, targets)
            if any(map(callable, signals.values())):
                return None
            known = None if guess is None else finite_reals(guess, "the guess")
            setting = read(self.discrete, self.boundary, self.steps, params, signals, self.rule, known)
        except (SymbolicError, TypeError, ValueError):
            return None  # and is raised again where it is read to be solved step by step
        if setting.boundary is not self.boundary:
            return None
        return direct(self.discrete, setting, params, inputs, targets)

    def retrace(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None
    ) -> Retrace:
        """The leapfrog in whole numbers to T and back, of which no trajectory is kept: memory does not grow with the
        number of steps, if inputs and targets are functions of time or constants. Its ``return_error`` is 0;
        ``gradient`` takes it where the nudging is ``Echo(exact=True)``.

        Raises ``SymbolicError`` for another boundary condition than ``InitialState``, another rule than ``Trapezoidal``
        and a system that is not q̇ᵀMq̇/2 − V(q, t), and else what ``gradient`` does."""
        check_echo(self.discrete, self.boundary)
        check_leapfrog(self.rule)
        signals = merged(inputs, targets)
        return Retrace.of(Pieces.read(self.discrete, self.boundary, count(self.steps, "steps", 1), params, signals))

    @one_blas_thread()
    def response(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by equilibrium propagation, by name."""
        return self._chosen(self.nudging.gradient(self._checked(free)))

    @one_blas_thread()
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by all parameters, inputs, targets, initial states or ends, and T, by the infinitesimal nudge."""
        return Infinitesimal().sensitivity(self._checked(free))

    @one_blas_thread()
    def adjoint(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by implicit differentiation: ∂_θC + Σ λ·∂_θr with (∂r/∂q)ᵀ λ = −∂C/∂q, r the discrete equations."""
        return self._chosen(adjoint(self._checked(free)))

    def train(
        self, params: Mapping[Any, Any], data: Data, epochs: int = 100, *, optimizer: Optimizer | str | None = None,
        batch: int | None = None, seed: int = 0, gradient: Gradient = None, guess: np.ndarray | None = None,
        patience: int | None = None, executor: Executor | None = None, checkpoint: str | Path | None = None,
        checkpoint_every: int = 1, on_epoch: OnEpoch | None = None,
    ) -> Training:  # fmt: skip
        """Train the parameters ``trainable`` from ``params`` on, the others given with them: to a small mean of C over
        the samples.

        ``data`` gives inputs and targets of all samples, arrays whose first axis counts them, ``{f: (samples, times,
        *shape), y: (samples, *shape)}``, or is a sequence of mappings, one a sample. ``optimizer`` is ``Adam()``,
        ``SGD(rate, momentum)`` or ``LBFGS()``, each with ``bounds={k: (0, None)}``, or a name, "adam" or "lbfgs". Those
        of first order take the samples in ``batch``es, in a new order each epoch, drawn by ``seed``; an epoch of
        ``LBFGS`` is an iteration on all of them, after the first, which is the start. ``gradient`` is "adjoint" or a
        nudging instead of the trainer's own.

        The samples of a batch are shared out over the workers of ``executor`` (any ``concurrent.futures.Executor``),
        with the same numbers for any number of them. Under boundary conditions at two times the search for a sample's
        orbit begins with its last one, and where it has none, or that leads nowhere, with ``guess``. Samples that are
        not solved are skipped, counted, and listed with the reason.

        ``patience`` ends the training after so many epochs without a lower loss, ``on_epoch(epochs, training)`` where
        it returns True. ``checkpoint`` is a file that keeps the run, written every ``checkpoint_every`` epochs and
        where it ends: ``resume`` goes on from there.

        Raises ``ValueError`` and ``TypeError`` for bad input; ``ConvergenceError`` where no sample of a batch is solved
        and ``DivergenceError`` where parameters leave the finite numbers; they, and ``Interrupted`` (Ctrl-C), keep the
        training up to the last whole epoch as ``partial``.
        """
        kept = None if checkpoint is None else Path(checkpoint)
        plan = Plan(epochs, batch, seed, patience, kept, checkpoint_every)
        return train_on(self, params, data, plan, optimizer, gradient, guess, executor, on_epoch)

    def resume(
        self, path: str | Path, data: Data, epochs: int | None = None, *, optimizer: Optimizer | str | None = None,
        gradient: Gradient = None, executor: Executor | None = None, on_epoch: OnEpoch | None = None,
    ) -> Training:  # fmt: skip
        """The training that was kept by ``train(..., checkpoint=path)``, gone on with from where the file has it: the
        same to the last bit as if it had not stopped, or further, to more ``epochs``. It is kept on in the file.

        Data, optimizer and gradient are those of the run. Raises ``FileNotFoundError``, ``CheckpointError`` for a file
        that is no checkpoint, is damaged, or is of another training, and what ``train`` raises.
        """
        return resume_training(self, path, data, epochs, optimizer, gradient, executor, on_epoch)

    def _checked(self, free: Orbit) -> Orbit:
        """An orbit, if it is one of this system. ``TypeError`` and ``ValueError`` where it is not."""
        if not isinstance(free, Orbit):
            raise TypeError(f"the free orbit is a {type(free).__name__}: give what trainer.free(...) returns")
        known = {name_of(p) for p in free.system.kernels.differentiable}
        for name in self.trainable:
            if name not in known:
                raise ValueError(f"the orbit is of another system: {name} is no parameter of it")
        return free

    def _chosen(self, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: found[name] for name in self.trainable}

    @one_blas_thread()
    def scan_nudges(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None, *, betas: np.ndarray | None = None, points: int = 8,
    ) -> NudgeScan:  # fmt: skip
        """The error of one-sided, centred and holomorphic nudges (of so many ``points``) against their size ``betas``,
        from 1e-8 to 0.1 if not given: bias on the right, rounding on the left.

        Raises what ``gradient`` does, and ``ValueError`` for sizes that are not positive."""
        free = self.free(params, inputs, targets, guess)
        schemes = {
            "one-sided": OneSided, "centred": Centered,
            f"holomorphic, {points} points": functools.partial(Holomorphic, points),
        }  # fmt: skip
        return scan(free, self.trainable, np.logspace(-8, -1, 15) if betas is None else betas, schemes)

    def check_gradient(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None, *, step: float = 1e-5,
    ) -> GradientCheck:  # fmt: skip
        """The gradient by EP, by the adjoint and by central differences (relative ``step``), side by side: the latter
        between orbits that are found beside the free one with its factors, by two or three back-substitutions each.
        Errors as ``gradient``; ``ValueError`` for a ``step`` that is not positive or is lost in rounding."""
        if not (step := real(step, "step")) > 0:
            raise ValueError(f"step = {step} must be positive")
        free = self.free(params, inputs, targets, guess)

        def anew(setting: Setting) -> float:
            return solve(
                self.discrete, setting.boundary, self.steps, None, None, rule=self.rule, guess=free.q, setting=setting
            ).cost

        found = differences(free, self.trainable, step, anew)
        return GradientCheck(free.cost, self.response(free), self.adjoint(free), found)
