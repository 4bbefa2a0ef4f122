"""Domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdfi.numbers import reals
from symdfi.showing import Settings


@dataclass(frozen=True, init=False)
class Box(Settings):
    """The box [a₁, b₁] × … × [a_d, b_d]; ``periodic`` names the axes (or says for all) whose ends are one point.

    An end may be infinite, ``sp.oo`` or ``np.inf``, on axes that are not periodic: the rules for such a box are
    ``GaussHermite``, ``Samples`` and those that follow the solution.

    Raises ``ValueError`` for bounds that are no pairs a < b.
    """

    bounds: tuple[tuple[float, float], ...]
    periodic: tuple[bool, ...]

    def __init__(self, bounds: Sequence[tuple[float, float]], periodic: bool | Sequence[bool] = False) -> None:
        ends = reals(bounds, "the bounds of the box")
        if ends.ndim != 2 or ends.shape[1] != 2 or len(ends) == 0:
            one = f": write [{bounds}]" if ends.shape == (2,) else ""
            raise ValueError(f"a box is given by a pair of numbers a dimension, [(a, b), ...], not by {bounds}{one}")
        pairs = tuple((float(a), float(b)) for a, b in ends)
        for a, b in pairs:
            if not a < b:  # NaN as well
                raise ValueError(f"the interval ({a}, {b}) of the box is empty or not finite")
            if np.isfinite(a) and np.isfinite(b) and not np.isfinite(b - a):
                raise ValueError(f"the interval ({a}, {b}) of the box is empty or not finite in length")
        flags = (periodic,) * len(pairs) if isinstance(periodic, bool) else periodic
        if not isinstance(flags, Sequence) or not all(isinstance(flag, bool) for flag in flags):
            raise TypeError(f"periodic is True, False or a list of them, a dimension each, not {periodic!r}")
        flags = tuple(flags)
        if len(flags) != len(pairs):
            raise ValueError(f"{len(flags)} periodic flags for a box of dimension {len(pairs)}")
        for (a, b), flag in zip(pairs, flags, strict=True):
            if flag and not np.isfinite(b - a):
                raise ValueError(f"the interval ({a}, {b}) of the box is periodic and not finite")
        object.__setattr__(self, "bounds", pairs)
        object.__setattr__(self, "periodic", flags)

    @property
    def dim(self) -> int:
        return len(self.bounds)

    @property
    def volume(self) -> float:
        return float(np.prod([b - a for a, b in self.bounds]))

    @property
    def finite(self) -> bool:
        """Whether no end is infinite."""
        return bool(np.isfinite(self.bounds).all())

    def need_finite(self, rule: str) -> None:
        """``ValueError`` naming ``rule`` if an end is infinite."""
        if not self.finite:
            raise ValueError(
                f"{rule} needs a box of finite ends, not {self.bounds}: take GaussHermite, Samples or a rule that "
                "follows the solution"
            )

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Which of ``points`` (n, dim) lie in the box; all do along periodic axes."""
        ends = np.array(self.bounds)
        inside = (points >= ends[:, 0]) & (points <= ends[:, 1])
        inside[:, np.array(self.periodic)] = True
        return np.all(inside, axis=1)
