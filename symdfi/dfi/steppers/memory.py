"""How much of the last velocity inertia keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.dfi.schemes import Motion
from symdfi.numbers import one_real


@dataclass(frozen=True)
class Memory:
    """μ_n = 1/(1 + δ_n/κ), δ_n = ‖v_n − v_{n−1}‖/‖v_n‖: inertia in full while the velocity is smooth, forgetting
    when it is erratic.

    Inertia is a delay: in a direction σ of J where f turns with the frequency ω it feeds a growth at ε ω²/σ². With
    δ ≈ ω h the anchor fades over the time κ/ω, shorter than a turn whatever h is, and κ is the angle, in radians, over
    which it does (THEORY-DFI, §2b).
    """

    kappa: float = 0.1

    def __post_init__(self) -> None:
        if not one_real(self.kappa, "kappa") > 0:
            raise ValueError(f"kappa = {self.kappa} must be positive")

    def mu(self, motion: Motion) -> float:
        """The damping of the anchor over the next step."""
        if motion.previous is None:
            return 1.0
        change, size = (float(np.linalg.norm(v)) for v in (motion.velocity - motion.previous, motion.velocity))
        if not change > 0:
            return 1.0
        return 1 / (1 + change / size / self.kappa) if size > 0 else 0.0
