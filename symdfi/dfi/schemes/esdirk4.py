"""A diagonally implicit scheme of order 4."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.schemes.implicit import DiagonallyImplicit, Tableau

_A = (
    (0.0,),
    (1 / 4, 1 / 4),
    (8611 / 62500, -1743 / 31250, 1 / 4),
    (5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4),
    (15267082809 / 155376265600, -71443401 / 120774400, 730878875 / 902184768, 2285395 / 8070912, 1 / 4),
    (82889 / 524892, 0.0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4),
)
_B = (
    4586570599 / 29645900160, 0.0, 178811875 / 945068544, 814220225 / 1159782912, -3700637 / 11593932, 61727 / 225920,
)  # fmt: skip


@dataclass(frozen=True)
class ESDIRK4(DiagonallyImplicit):
    """The implicit part of ARK4(3)6L[2]SA: order 4, L-stable; order 3 where û is not linear in θ, for the stages are
    of order 2 and the ansatz does not hold all that they are off by.

    Kennedy and Carpenter, Appl. Numer. Math. 44 (2003) 139.
    """

    @property
    def tableau(self) -> Tableau:
        return _A

    @property
    def embedded(self) -> tuple[tuple[float, ...], int]:
        return _B, 3
