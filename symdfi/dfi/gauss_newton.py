"""Stages of implicit schemes, solved by a regularised Gauss–Newton iteration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.dfi.schemes.base import Field
from symdfi.errors import ConvergenceError
from symdfi.numbers import count, one_real

#: A shorter step must take this part of what it promises, and is at least so short.
_TAKEN, _SHORTEST = 1e-4, 2.0**-12


@dataclass(frozen=True)
class GaussNewton:
    """v = argmin ‖g(v)‖² + γ‖v − μ a‖²,   g(v) = (b − û + s f(û))/s,   û = Φ(θ₀ + s v)
    (theory of DFI, "Stiff equations").

    v is the rate at which θ moves from θ₀ to the stage û − s f(û) = b. With M = ∂(û − s f)/∂θ each iteration solves
    min ‖M y − g‖² + γ‖v + y − μ a‖² for the change y of v, and halves it until the minimum comes closer. As s → 0 one
    iteration is the solve of an explicit step.

    It has converged where an iteration changes g by at most ``rtol`` of what g is without moving, or by ``share`` of
    what is left of it: what the ansatz does not hold goes on to change g a little for long. After ``iterations``
    without that, or where no shorter change helps, it raises ``ConvergenceError``.
    """

    iterations: int = 20
    rtol: float = 1e-6
    share: float = 0.1

    def __post_init__(self) -> None:
        count(self.iterations, "iterations", 1)
        for name in ("rtol", "share"):
            if not 0 <= one_real(getattr(self, name), name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)} must be at least 0 and less than 1")
        if self.rtol == self.share == 0:
            raise ValueError("of rtol and share one at least must be positive")

    def solve(
        self, field: Field, base: np.ndarray, known: np.ndarray, span: float, time: float, anchor: np.ndarray,
        part: float,
    ) -> np.ndarray:  # fmt: skip
        """v (p,) of the stage at ``time`` with θ₀ = ``base`` and √w b = ``known``, s = ``span``, anchored at a =
        ``anchor``, which is ``part`` of a step old.

        Raises ``ConvergenceError`` with what is left of g as ``residual``.
        """
        stage = field.problem.stage(known, span)
        still = np.zeros(base.size)
        missing = stage.missing(base, time)
        scale = float(np.linalg.norm(missing))
        v = field.allowed(base, time, anchor)
        ahead = stage.missing(base + span * v, time)
        if float(np.linalg.norm(ahead)) <= scale:
            missing = ahead
        else:
            v = still
        moved = np.inf
        for _ in range(self.iterations):
            y, gamma, target = field.change(stage, base + span * v, time, v, anchor, span=part, fade=part)
            merit = lambda g, v, gamma=gamma, target=target: g @ g + gamma * np.sum((v - target) ** 2)  # noqa: E731
            now, length = merit(missing, v), 1.0
            ahead = stage.missing(base + span * (v + y), time)
            moved = float(np.linalg.norm(ahead - missing))
            enough = max(self.rtol * scale, self.share * min(np.linalg.norm(missing), np.linalg.norm(ahead)))
            if moved <= enough:
                return v + y if merit(ahead, v + y) <= now else v
            while not merit(ahead, v + length * y) <= (1 - _TAKEN * length) * now:
                length /= 2
                if length < _SHORTEST:
                    break
                ahead = stage.missing(base + span * (v + length * y), time)
            if length < _SHORTEST:
                break
            v, missing = v + length * y, ahead
        residual = float(np.linalg.norm(missing))
        raise ConvergenceError(
            f"Gauss–Newton for a stage of an implicit scheme still moves û by {span * moved:.2g} after "
            f"{self.iterations} iterations, {span * residual:.2g} from solving it; regularise more (larger gamma or "
            "epsilon), or allow more iterations",
            residual=residual,
        )
