"""The implicit Euler scheme."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.dfi.schemes.implicit import DiagonallyImplicit, Tableau


@dataclass(frozen=True)
class ImplicitEuler(DiagonallyImplicit):
    """û⁺ − h f(û⁺) = û_n: order 1, L-stable."""

    @property
    def tableau(self) -> Tableau:
        return ((1.0,),)
