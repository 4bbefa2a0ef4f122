"""The trapezoidal rule followed by BDF2."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from symdfi.dfi.schemes.implicit import DiagonallyImplicit, Tableau

_D, _W = 1 - sqrt(0.5), sqrt(2) / 4


@dataclass(frozen=True)
class TRBDF2(DiagonallyImplicit):
    """The trapezoidal rule over (2 − √2) h, then BDF2 to the end of the step: order 2, L-stable.

    Hosea and Shampine, Appl. Numer. Math. 20 (1996) 21. Its velocities are of order 2 as well.
    """

    @property
    def tableau(self) -> Tableau:
        return (0.0,), (_D, _D), (_W, _W, _D)

    @property
    def embedded(self) -> tuple[tuple[float, ...], int]:
        return ((1 - _W) / 3, (3 * _W + 1) / 3, _D / 3), 2
