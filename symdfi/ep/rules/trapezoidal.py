"""The trapezoidal rule, Störmer and Verlet's."""

from __future__ import annotations

import numpy as np

from symdfi.ep.rules.base import Rule


class Trapezoidal(Rule):
    """S = Σ_k h/2 (L(q_k, v, t_k) + L(q_{k+1}, v, t_{k+1})), v = (q_{k+1} − q_k)/h: of second order, as an integrator
    Störmer–Verlet's leapfrog. Inputs and targets are sampled at the nodes."""

    def __init__(self) -> None:
        ends = np.array([0.0, 1.0])
        super().__init__(np.eye(2), np.array([[-1.0, 1.0]] * 2), np.array([0.5, 0.5]), ends, ends, 2)

    def __repr__(self) -> str:
        return "Trapezoidal()"
