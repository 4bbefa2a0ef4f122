"""Activation functions of networks: fixed ones are functions of an expression, trained ones have coefficients too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from symdfi.errors import SymbolicError
from symdfi.numbers import finite_reals
from symdfi.showing import Settings


def swish(x: sp.Expr) -> sp.Expr:
    """x/(1 + e⁻ˣ), written as x (1 + tanh(x/2))/2: that and its derivatives are finite however large |x| is.

    Also known as SiLU (Ramachandran, Zoph and Le, arXiv:1710.05941).
    """
    return x * (1 + sp.tanh(x / 2, evaluate=False)) / 2


@dataclass(frozen=True, init=False, repr=False)
class TrainedActivation(Settings):
    """σ(x; r) with coefficients r that are parameters of the network, a set of its own for every layer.

    ``function(x, r)`` gives the expression from that of the argument and an ``IndexedBase`` r; ``start`` are the
    coefficients to begin with, as many as there are: ``TrainedActivation(lambda x, r: r[0]*sp.tanh(r[1]*x), [1, 1])``.

    Raises ``SymbolicError`` for an empty ``start``, ``ValueError`` for one that is not finite.
    """

    function: Callable[[sp.Expr, sp.IndexedBase], sp.Expr]
    start: tuple[float, ...]

    def __init__(self, function: Callable[[sp.Expr, sp.IndexedBase], sp.Expr], start: object) -> None:
        values = finite_reals(start, "the start of a trained activation")
        if values.ndim != 1 or values.size == 0:
            raise SymbolicError("a trained activation starts from a list of coefficients, at least one")
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "start", tuple(map(float, values)))

    def __call__(self, x: sp.Expr, coefficients: sp.IndexedBase) -> sp.Expr:
        return self.function(x, coefficients)


def _type_3_2(x: sp.Expr, r: sp.IndexedBase) -> sp.Expr:
    z = r[4] + r[5] * x
    return r[0] + r[1] * x + (r[2] + r[3] * z) / (1 + z**2)


#: The rational function r₀ + r₁x + (r₂ + r₃z)/(1 + z²), z = r₄ + r₅x, with trained coefficients: all that are of type
#: (3, 2) and have no real pole, in partial fractions, so that none can arise. The quotient of a cubic and a square
#: polynomial (Boullé, Nakatsukasa and Townsend, arXiv:2004.01902) has a factor to spare and poles. It starts from their
#: approximation of max(x, 0). The argument stands in it three times, so that to derive and compile a network costs
#: about three times more with every layer: up to five layers in reasonable time.
rational = TrainedActivation(_type_3_2, [0.5, 0.0218, 0.0, 1.0, 0.0, 2.383**-0.5])
