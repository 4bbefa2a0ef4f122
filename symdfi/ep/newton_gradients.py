"""Gradients at orbits between two times, by compiled loops over the samples of one setting."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.compile.source.addresses import addresses
from symdfi.ep.blocks import Pattern
from symdfi.ep.boundary import Closed
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.frame import Frame
from symdfi.ep.iterated import is_iterated
from symdfi.ep.setting import Setting
from symdfi.linalg import Plan
from symdfi.workers import is_worker

#: The most multiplications of a factorisation: what takes longer is left to a search that can be interrupted.
_OPERATIONS = 3e8
#: The most numbers of an interval's second derivatives in full: of more, those that are not zero are listed.
_BLOCKS = 2**20
#: So many patterns of a system are remembered.
_REMEMBERED = 64


@dataclass(frozen=True)
class NewtonGradients:
    """Samples of a ``setting``, that differ in signals, and their orbits by Newton's method, the plan of which is that
    of ``pattern``.

    Where an orbit is not found, and where there is anything to be said of it, the sample is left to
    ``symdfi.ep.newton``: None stands for it.
    """

    system: DiscreteSystem
    setting: Setting
    pattern: Pattern
    plan: Plan

    @classmethod
    def of(cls, system: DiscreteSystem, setting: Setting) -> NewtonGradients | None:
        """None for what is given by its beginning, closed, in no time or a whole period in one, for costs of integrals
        and where factorisations take long."""
        rule, kernels = setting.rule, system.kernels
        if not isinstance(setting.frame, Frame) or isinstance(setting.boundary, Closed) or setting.boundary.is_marched:
            return None
        if setting.steps < 2 or rule.degree == 0 or rule.spans or system.integral_count(setting):
            return None
        if is_iterated(system, setting):
            return None
        if len(rule.places) * 4 * setting.places.n_dof**2 > _BLOCKS:
            return None
        if kernels.slope.checked is not None:
            return None  # kernels in Python are taken into no loop
        for kernel in (kernels.slope, kernels.blocks, kernels.pull, kernels.reading):
            kernel.check(setting.index_values)
        pattern = structure(system, setting)
        plan = setting.frame.plan(setting.steps, rule.degree + 1, pattern)
        if plan is None or plan.operations > _OPERATIONS:
            return None
        return cls(system, setting, pattern, plan)

    def for_parameters(self, params: np.ndarray) -> NewtonGradients | None:
        """For other parameters, which may be zero where those of the setting are not."""
        if (params != 0).tobytes() == self._zeros:
            return self
        return NewtonGradients.of(self.system, replace(self.setting, params=params))

    @functools.cached_property
    def _zeros(self) -> bytes:
        return (self.setting.params != 0).tobytes()

    @functools.cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Which unknown each number of a path is; where entries go; what is held; the momenta that are given."""
        setting, frame = self.setting, self.setting.frame
        count = setting.rule.degree + 1
        slots, held = frame.slots(setting.steps, count, self.pattern)
        slots = np.where(slots < 0, self.plan.arrays[13].size, slots).reshape(setting.steps, count * count, -1)
        slots = np.ascontiguousarray(slots.transpose(1, 0, 2)).reshape(-1)
        nodes = setting.rule.n_nodes(setting.steps)
        momenta = frame.fold(np.zeros((nodes, setting.places.n_dof)), 1.0)
        numbers = 1.0 + np.arange(momenta.size).reshape(momenta.shape)
        unknown = np.rint(frame.unfold(numbers)).astype(np.int64).reshape(-1) - 1
        return unknown, slots, held, np.ascontiguousarray(momenta.reshape(-1))

    @functools.cached_property
    def start(self) -> np.ndarray:
        """Where the search begins if nothing else is said."""
        setting = self.setting
        times = setting.rule.node_times(setting.steps, 1.0)
        return setting.frame.placed(setting.boundary.guess(setting.places, times))

    @functools.cached_property
    def _watched(self) -> int:
        """How many inputs there are, the first of the signals, one of which must vary, where an orbit may else be
        shifted in time; −1 where none may be."""
        may_shift = self.setting.frame.periodic and not self.system.has_time
        return self.system.input_count(self.setting) if may_shift else -1

    @functools.cached_property
    def _functions(self) -> np.ndarray:
        """Where the kernels are, which the system keeps."""
        kernels, loops = self.system.kernels, cache.load_module("symdfi.ep.loops.newton_gradients")
        return addresses({
            loops.SLOPE: kernels.slope.function, loops.BLOCKS: kernels.blocks.function,
            loops.PULL: kernels.pull.function, loops.READING: kernels.reading.function,
        })  # fmt: skip

    def arguments(self, params: np.ndarray, tolerance: float = 1e-12, iterations: int = 100) -> tuple[Any, ...]:
        """What the loop takes of all samples."""
        setting, rule = self.setting, self.setting.rule
        unknown, slots, held, momenta = self._places
        given = (
            setting.sizes, setting.ints, params, setting.times, setting.weights, rule.values, rule.slopes, rule.weights,
            rule.couplings.reshape(4, len(rule.places), -1), unknown, slots, held, self.pattern.at, momenta,
        )  # fmt: skip
        estimates = setting.steps >= 4 and rule.order == 2 and self.system.has_action
        return (
            self._functions, given, self.plan.arrays, setting.steps, setting.h, self.system.has_action, estimates,
            setting.frame.periodic, rule.shares_ends, self._watched, tolerance, iterations,
        )  # fmt: skip

    def found(
        self, params: np.ndarray, signals: np.ndarray, paths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of samples with ``signals`` (samples, rows, width), from ``paths`` (samples, nodes, d) on, which become the
        orbits: whether there is anything to be told, C, and dC/dθ (samples, parameters)."""
        count = len(signals)
        thetas, said, codes = np.empty((count, params.size)), np.empty((count, 6)), np.empty(count, np.int64)
        arguments = (*self.arguments(params), signals, paths, thetas, said, codes)
        loop = cache.entry(cache.load_module("symdfi.ep.loops.newton_gradients").gradients)
        if is_worker():
            loop(0, count, *arguments)
        else:
            threads.run(loop, count, *arguments, least=1)
        return codes == 0, said[:, 5], thetas


class Alone:
    """Gradients of one sample after the other, by one thread: ``params`` and ``signals``, a row for each time of the
    rule, are to be written."""

    def __init__(self, newton: NewtonGradients) -> None:
        setting = newton.setting
        self._newton, self.params = newton, setting.params.copy()
        self._rows = np.zeros((len(setting.rule_times) + 1, setting.signals.shape[1]))
        self.signals, count = self._rows[:-1], len(setting.sampled)
        self._sampled = None if np.array_equal(setting.sampled, np.arange(count)) else setting.sampled
        self._given = self._rows[None, :count] if self._sampled is None else np.empty((1, count, self._rows.shape[1]))
        self._said, self._code = np.empty((1, 6)), np.empty(1, np.int64)
        self._function = cache.load_module("symdfi.ep.loops.newton_gradients").gradients  # kept, and with it the call
        self._call, self._arguments = cache.entry(self._function), newton.arguments(self.params)

    @property
    def fits(self) -> bool:
        """Whether those parameters are zero that the setting's are."""
        return self._newton.for_parameters(self.params) is self._newton

    def found(self, path: np.ndarray) -> tuple[float, np.ndarray] | None:
        """C and dC/dθ for ``params`` and ``signals``, from a ``path`` on, which becomes the orbit. None where there is
        nothing to be told."""
        self._rows[-1] = self._rows[-2]
        if self._sampled is not None:
            np.take(self._rows, self._sampled, axis=0, out=self._given[0])
        theta = np.empty((1, self.params.size))
        self._call(0, 1, *self._arguments, self._given, path[None], theta, self._said, self._code)
        return (self._said[0, 5].item(), theta[0]) if self._code[0] == 0 else None


def structure(system: DiscreteSystem, setting: Setting) -> Pattern:
    """Which second derivatives are not zero everywhere: those that are not at states, signals and times drawn at
    random, given which of the parameters are zero."""
    zeros = setting.params != 0
    key, known = (setting.sizes.tobytes(), setting.ints.tobytes(), zeros.tobytes()), system.patterns
    if key not in known:
        d, rng, count = setting.places.n_dof, np.random.default_rng(0), 2
        at = tuple(rng.normal(size=(2, count, d)))
        signals = rng.normal(size=(count, setting.signals.shape[1]))
        signals[:, -3:] = (1.0, 0.0, 0.0)
        params = np.where(zeros, rng.uniform(0.5, 1.5, zeros.size), 0.0)
        drawn = replace(setting, params=params)
        times = setting.boundary.T * rng.random((count, 1))
        flat = system.run_at(system.kernels.blocks, drawn, at, signals, times, [d * d] * 4)
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = Pattern.of(flat, d)
    return known[key]
