"""Optimisers: the parameters θ after a step, from the gradient g of the loss.

Those of first order are a state that is passed on from step to step and a rule, so that a run may be kept and gone on
with. ``LBFGS`` hands the whole loss to SciPy. ``bounds`` are by parameter, ``{k: (0, None)}``, numbers or arrays in the
parameter's shape, None where there is none; what is stepped beyond them is set on them.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from symdfi.numbers import count, one_real, real
from symdfi.showing import Settings
from symdfi.symbolic.given import by_name

#: Of each parameter the least and the largest value.
Bounds = Mapping[Any, tuple[Any, Any]]
#: What an optimiser keeps from step to step: arrays in the shape of θ, by name.
State = dict[str, np.ndarray]


@dataclass(frozen=True, repr=False)
class Optimizer(Settings, abc.ABC):
    """A way from gradients to parameters."""

    _: KW_ONLY
    bounds: Bounds = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_name(self.bounds, "bounds", "{k: (0, None)}")


@dataclass(frozen=True, repr=False)
class FirstOrder(Optimizer):
    """A rule for one step from one gradient."""

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not real(self.rate, "the rate") > 0:
            raise ValueError(f"the rate = {self.rate} must be positive")

    @abc.abstractmethod
    def begin(self, theta: np.ndarray) -> State:
        """The state before the first step."""

    @abc.abstractmethod
    def step(self, theta: np.ndarray, gradient: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """θ and the state after a step."""


@dataclass(frozen=True, repr=False)
class SGD(FirstOrder):
    """Gradient descent, with the batches of ``train`` stochastic, with Polyak's heavy ball:

    u ← μ u + g, θ ← θ − η u, with the rate η and the ``momentum`` 0 ≤ μ < 1.
    """

    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _share(self.momentum, "the momentum")

    def begin(self, theta: np.ndarray) -> State:
        return {"u": np.zeros_like(theta)}

    def step(self, theta: np.ndarray, gradient: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        u = self.momentum * state["u"] + gradient
        return theta - self.rate * u, {"u": u}


@dataclass(frozen=True, repr=False)
class Adam(FirstOrder):
    """Adam (Kingma and Ba, 2015): with decays (β₁, β₂), in step number k

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², θ ← θ − η m̂ / (√ŝ + ε), m̂ = m/(1 − β₁ᵏ), ŝ = s/(1 − β₂ᵏ).
    """

    rate: float = 1e-2
    decays: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.shape(self.decays) != (2,):
            raise ValueError(f"decays = {self.decays} are two numbers")
        for decay in self.decays:
            _share(decay, "a decay")
        if not real(self.epsilon, "epsilon") > 0:
            raise ValueError(f"epsilon = {self.epsilon} must be positive")

    def begin(self, theta: np.ndarray) -> State:
        return {"m": np.zeros_like(theta), "s": np.zeros_like(theta), "count": np.zeros(1)}

    def step(self, theta: np.ndarray, gradient: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        first, second = self.decays
        k = state["count"] + 1
        m = first * state["m"] + (1 - first) * gradient
        s = second * state["s"] + (1 - second) * gradient**2
        moved = theta - self.rate * (m / (1 - first**k)) / (np.sqrt(s / (1 - second**k)) + self.epsilon)
        return moved, {"m": m, "s": s, "count": k}


@dataclass(frozen=True, repr=False)
class LBFGS(Optimizer):
    """SciPy's L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995), of ``memory`` pairs, on all samples at once.

    It ends where the loss C falls by less than ``ftol`` max(C, 1) in an iteration, where no component of the gradient
    that the bounds leave free exceeds ``gtol``, or where no lower loss is found along a line, as at rounding.
    """

    memory: int = 10
    ftol: float = 0.0
    gtol: float = 1e-12

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self.memory, "memory", 1)
        for name in ("ftol", "gtol"):
            if not real(getattr(self, name), name) >= 0:
                raise ValueError(f"{name} = {getattr(self, name)} must not be negative")


def _share(value: float, what: str) -> None:
    if not 0 <= one_real(value, what) < 1:
        raise ValueError(f"{what} = {value} must be at least 0 and below 1")
