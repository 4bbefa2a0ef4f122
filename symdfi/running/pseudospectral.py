"""The spectral form of an evolution equation, read off the equation itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import name_of
from symdfi.symbolic.in_fields import Order

#: What stands for a field and for its derivatives.
_Symbols = Mapping[AppliedUndef, Mapping[Order, sp.Symbol]]


@dataclass(frozen=True)
class SpectralEquation:
    """∂ₜu = L u + N(t, x, u, u_x, …) on [``start``, ``stop``), periodic, of the real fields of ``equation``.

    L holds, of every field's right side, the terms in this field and its derivatives that have constant coefficients;
    N is the rest, evaluated at points with derivatives by Fourier transforms. ``params`` are the equation's, by name.

    Raises ``SymbolicError`` for complex fields and for several space variables.
    """

    equation: EvolutionEquation
    start: float
    stop: float
    params: Mapping[str, float]

    def __post_init__(self) -> None:
        if any(self.equation.complex) or len(self.equation.variables) != 1:
            raise SymbolicError(f"{self.equation} is not of real fields in one space variable")

    def points(self, size: int) -> np.ndarray:
        return self.start + (self.stop - self.start) * np.arange(size) / size

    def wavenumbers(self, size: int) -> np.ndarray:
        """Two thirds of those that ``size`` points resolve: of a quadratic N none is aliased."""
        return 2 * np.pi / (self.stop - self.start) * np.arange(size // 3 + 1)

    def linear(self, k: np.ndarray) -> np.ndarray:
        """L(k), (F, K), or (K,) of one field; real where it is."""
        found = np.zeros((len(self.equation.fields), k.size), dtype=complex)
        for row, (field, _) in zip(found, self._split, strict=True):
            for order, factor in field.items():
                row += float(factor) * (1j * k) ** len(order)
        found = found if len(found) > 1 else found[0]
        return found if np.imag(found).any() else np.real(found)

    def nonlinear(self, size: int) -> Callable[[np.ndarray, float], np.ndarray]:
        """The transform of N from that of u, and the time."""
        x, k, fields = self.points(size), self.wavenumbers(size), self.equation.fields
        # As they are in the symbols of the function: by field, lower orders first.
        factors = [[(1j * k) ** len(order) for order in self._symbols[u]] for u in fields]

        def rate(v: np.ndarray, time: float) -> np.ndarray:
            parts = np.atleast_2d(v)
            waves = [part * factor for part, own in zip(parts, factors, strict=True) for factor in own]
            values = np.fft.irfft(np.stack(waves), size)
            sides = [np.broadcast_to(side, size) for side in self._function(x, time, *values)]
            return np.fft.rfft(np.stack(sides))[:, : k.size].reshape(v.shape)

        return rate

    @functools.cached_property
    def _symbols(self) -> _Symbols:
        fields = enumerate(self.equation.fields)
        return {
            u: {order: sp.Symbol(f"u{i}_{len(order)}") for order in self.equation.derivatives_of(u)} for i, u in fields
        }

    @functools.cached_property
    def _split(self) -> Sequence[tuple[Mapping[Order, sp.Expr], sp.Expr]]:
        """Of every field the coefficients of L, and N."""
        given = {p: sp.Float(self.params[name_of(p)]) for p in self.equation.parameters}
        held = {s for own in self._symbols.values() for s in own.values()} | {t, *self.equation.variables}
        found = []
        for u, side in zip(self.equation.fields, self.equation.with_values(self._symbols), strict=True):
            own, linear, rest = self._symbols[u], dict.fromkeys(self._symbols[u], sp.S.Zero), sp.S.Zero
            for term in sp.Add.make_args(side.xreplace(given)):
                slopes = {order: term.diff(symbol) for order, symbol in own.items()}
                constant = {order: slope for order, slope in slopes.items() if not slope.free_symbols & held}
                rest += term.xreplace({own[order]: sp.S.Zero for order, slope in constant.items() if slope != 0})
                for order, slope in constant.items():
                    linear[order] += slope
            found.append((linear, rest))
        return found

    @functools.cached_property
    def _function(self) -> Callable[..., Sequence[np.ndarray]]:
        """N of every field from x, t, and the fields and their derivatives."""
        symbols = [s for own in self._symbols.values() for s in own.values()]
        return sp.lambdify(
            [*self.equation.variables, t, *symbols], [rest for _, rest in self._split], "numpy", cse=True
        )
