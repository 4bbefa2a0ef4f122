"""Steps whose lengths follow an estimate of their errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from symdfi.dfi.schemes import RK43, Motion, Stage, Step
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.inertia import DFI
from symdfi.dfi.steppers.solves import Solves
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError
from symdfi.numbers import one_real

#: By how much a length changes at least and at most, and the part it takes of what the estimate allows.
_SHORTER, _LONGER, _AIM = 0.2, 5.0, 0.9
#: The part of a run's step below which lengths are rounding errors.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Adaptive(Stepper):
    """Divides every step of a run into as many of the ``stepper`` as its errors ask for: each with the estimate

        ‖û⁺ − û⁺_embedded‖  ≤  atol + rtol ‖û‖

    in L² on the points solved on, by the embedded result of the stepper's scheme, "rk43", "tr-bdf2" or "esdirk4". The
    run's ``dt`` is the largest length; its steps are what is saved and measured, and their ends are met exactly. A part
    that fails (a singular solve, an iteration that does not converge, numbers that are not finite) is repeated with a
    fifth of its length.

    ``min_dt`` is the least length (10⁻⁹ of the run's ``dt`` unless given): where a shorter one is asked for,
    ``ConvergenceError`` names the time and keeps the solution up to the run's last step. Only the last part of a run's
    step may be shorter. ``first``: the length to begin with. The length goes on from step to step, and so into a run
    that is taken up again; ``solution.last.own`` holds it as ``"dt"``, the number of parts as ``"parts"``, of those
    repeated as ``"repeated"``, and the sum of their estimates as ``"estimate"``.

    Raises ``ValueError`` for bad settings, and in the run for a scheme that has no estimate.
    """

    stepper: Stepper = field(default_factory=lambda: DFI(scheme=RK43()))
    rtol: float = 1e-6
    atol: float = 0.0
    min_dt: float | None = None
    first: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.stepper, Stepper):
            raise TypeError(f"the stepper of Adaptive is a {type(self.stepper).__name__}: give a Stepper, DFI() say")
        for name in ("rtol", "atol"):
            if not 0 <= one_real(getattr(self, name), name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} must be finite and not negative")
        if self.rtol == self.atol == 0:
            raise ValueError("of rtol and atol one at least must be positive")
        for name in ("min_dt", "first"):
            value = getattr(self, name)
            if value is not None and not 0 < one_real(value, name) < np.inf:
                raise ValueError(f"{name} = {value} must be finite and positive")

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        return self.stepper.velocity(solves, motion, time, self._length(motion, h))

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        return self.stepper.begin(solves, theta, time, min(h, self.first or h))

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        least = 1e-9 * h if self.min_dt is None else self.min_dt
        length, done, first = self._length(motion, h), 0.0, None
        parts, repeated, total = (motion.own.get(name, 0) for name in ("parts", "repeated", "estimate"))
        stages: list[Stage] = []
        while done < h:
            left = h - done
            # Two equal parts rather than a long and a very short one.
            part = left if length >= (1 - _ROUNDING) * left else min(length, left / 2)
            taken, ratio, order, fault = self._tried(solves, motion, time + done, part)
            wanted = part * min(_LONGER, max(_SHORTER, _AIM * ratio ** (-1 / (order + 1)) if ratio > 0 else _LONGER))
            if taken is None or not ratio <= 1:
                repeated += 1
                length = min(wanted, 0.9 * part)
                if length < least:
                    raise ConvergenceError(
                        f"a step at t = {time + done:.6g} would have to be shorter than min_dt = {least:.3g}: "
                        + (f"its error is {ratio:.3g} of what is allowed" if fault is None else str(fault)),
                        ratio=ratio,
                    ) from fault
                continue
            first = taken.velocity if first is None else first
            stages += [replace(stage, weight=stage.weight * part / h) for stage in taken.stages]
            # What was cut off at the end of the run's step goes on with the length it had.
            length = max(length, wanted) if part < length else wanted
            done = h if part == left else done + part
            motion, parts = replace(taken.motion, steps=motion.steps, samples=motion.samples), parts + 1
            assert taken.estimate is not None
            total += taken.estimate.error
        assert first is not None
        own = {**motion.own, "dt": min(length, h), "parts": parts, "repeated": repeated, "estimate": total}
        return Step(replace(motion, own=own), first, tuple(stages))

    def _length(self, motion: Motion, h: float) -> float:
        return min(h, motion.own.get("dt", self.first or h))

    def _tried(
        self, solves: Solves, motion: Motion, time: float, h: float
    ) -> tuple[Step | None, float, int, Exception | None]:
        """A step, its error in units of what is allowed, the order of that, and why there is none."""
        try:
            taken = self.stepper.step(solves, motion, time, h)
        except (ConvergenceError, DivergenceError, SingularMatrixError) as fault:
            return None, np.inf, 0, fault
        except ValueError as fault:
            if solves.fault() is None:
                raise
            return None, np.inf, 0, fault
        if taken.estimate is None:
            raise ValueError("the scheme of Adaptive's stepper estimates no error: take rk43, tr-bdf2 or esdirk4")
        size = float(np.linalg.norm(solves.problem.weighted(taken.motion.theta, fresh=False)))
        allowed = self.atol + self.rtol * size
        sound = np.isfinite(taken.motion.theta).all() and np.isfinite([size, taken.estimate.error]).all()
        ratio = taken.estimate.error / allowed if sound and allowed > 0 else np.inf
        return taken, ratio, taken.estimate.order, None
