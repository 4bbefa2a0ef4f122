"""How much of the last velocity inertia keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.dfi.schemes import Motion
from symdfi.numbers import one_real
from symdfi.showing import Settings


@dataclass(frozen=True)
class Memory(Settings):
    """μ_n = 1/(1 + δ_n/κ + (s_n/s₀)⁴), δ_n = ‖v_n − v_{n−1}‖/‖v_n‖, s_n = ‖J v − f‖σ₁/(2√γ ‖f‖) at the first stage of
    the last step: inertia in full while the velocity is smooth and û follows f, forgetting when it is erratic, or
    does not.

    Inertia is a delay: in a direction σ of J where f turns with the frequency ω it feeds a growth at ε ω²/σ². With
    δ ≈ ω h the anchor fades over the time κ/ω, shorter than a turn whatever h is, and κ (``kappa``) is the angle, in
    radians, over which it does (theory of DFI, "Memory, budget, trust").

    What a residual drives in weak directions, at most ‖r‖/(2√γ), is no motion to go on with: the next residual drives
    them elsewhere. Where it may be more than s₀ (``driven``) times ‖f‖/σ₁, velocities are those of Tikhonov. (In units
    of the last velocity it would be the less, the more it has driven already.)
    """

    kappa: float = 0.1
    driven: float = 10 / 3

    def __post_init__(self) -> None:
        for name in ("kappa", "driven"):
            if not one_real(getattr(self, name), name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)} must be positive")

    def mu(self, motion: Motion) -> float:
        """The damping of the anchor over the next step."""
        if motion.previous is None:
            return 1.0
        change, size = (float(np.linalg.norm(v)) for v in (motion.velocity - motion.previous, motion.velocity))
        if change > 0 and not size > 0:
            return 0.0
        turned = change / size / self.kappa if change > 0 else 0.0
        # A float has no fourth power beyond 1e77.
        return 1 / (1 + turned + min(motion.own.get("driven", 0.0) / self.driven, 1e50) ** 4)
