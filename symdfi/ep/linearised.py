"""The linearised equations of a path as products: nothing is kept of their matrix."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.setting import Setting
from symdfi.pickling import Bare


@dataclass(frozen=True)
class Linearised(Bare):
    """A = ∂r/∂x by the unknown nodes of a path, r the equations there."""

    system: DiscreteSystem
    setting: Setting
    path: np.ndarray

    @functools.cached_property
    def _signals(self) -> np.ndarray:
        return self.setting.signals_of(*FREE)

    @np.errstate(over="ignore", invalid="ignore")
    def times(self, unknown: np.ndarray, transposed: bool = False) -> np.ndarray:
        """A x, or Aᵀ x: interval by interval what the equations change by where the path moves with x."""
        setting, rule, kernels = self.setting, self.setting.rule, self.system.kernels
        # With an action A is symmetric, and there is no need of one more kernel.
        kernel = kernels.pull if transposed or self.system.has_action else kernels.push
        kernel.check(setting.index_values)
        steps, m = setting.steps, rule.degree
        along = setting.frame.unfold(unknown)
        total, carried, marked = np.zeros(along.shape), np.zeros((steps + 1, along.shape[1])), np.zeros(steps + 1, bool)
        threads.run(
            cache.load_module("symdfi.ep.loops.products").multiply, steps, kernel.function, setting.sizes, setting.ints,
            setting.params, self._signals, setting.times, rule.values, rule.slopes, rule.weights, setting.h, self.path,
            along, total, carried, marked, least=1,
        )  # fmt: skip
        # The last node of a part of the path is the first of the next one, or the end.
        for last in np.flatnonzero(marked):
            total[last * m] += carried[last]
        return setting.frame.fold(total)
