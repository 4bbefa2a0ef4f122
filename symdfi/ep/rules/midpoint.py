"""The midpoint rule."""

from __future__ import annotations

import numpy as np

from symdfi.ep.rules.base import Rule


class Midpoint(Rule):
    """S = Σ_k h L((q_k + q_{k+1})/2, (q_{k+1} − q_k)/h, t_{k+1/2}): of second order, implicit as an integrator, and
    exact in what the trapezoidal rule is for any mass. The default."""

    def __init__(self) -> None:
        one = np.ones(1)
        half = np.array([[0.5, 0.5]])
        super().__init__(half, np.array([[-1.0, 1.0]]), one, 0.5 * one, np.array([0.0, 1.0]), 2)

    def __repr__(self) -> str:
        return "Midpoint()"
