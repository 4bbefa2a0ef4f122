"""The solver that shape and conditioning ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdfi.errors import SingularMatrixError
from symdfi.linalg.anchored.base import AnchoredSolution, AnchoredSolver, Factor
from symdfi.linalg.anchored.cholesky import Cholesky
from symdfi.linalg.anchored.dual import Dual
from symdfi.linalg.anchored.lsmr import LSMR
from symdfi.linalg.anchored.qr import QR
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.anchored.svd import SVD
from symdfi.linalg.spectrum import Array

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ChosenFactor(Factor):
    """The factor of the solver that was chosen."""

    factor: Factor
    solver: AnchoredSolver

    def reduce(self, source: Source, target: Array | None) -> Array:
        return self.factor.reduce(source, target)

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        return self.factor.minimiser(reduced, target)

    def solution(self, reduced: Array, target: Array | None) -> AnchoredSolution:
        return replace(self.factor.solution(reduced, target), solver=self.solver)


@dataclass(frozen=True)
class Auto(AnchoredSolver):
    """Chooses by shape and conditioning; ``solution.solver`` says what.

    With m = min(n, p) and the rounding error of normal equations, roundoff sigma_1^2 / gamma, against ``rtol``:

        m > largest                          LSMR: a factor would not fit into memory
        rounding error <= rtol, n >= p       Cholesky
        rounding error <= rtol, n < p        Dual
        else, n >= p                         QR
        else, n < p                          SVD

    Of an absolute gamma that shows when the fast path has its factor, and where it is not good enough the other one
    reads the rows again (a one-pass iterable of blocks is held).

    Parameters
    ----------
    rtol
        The largest relative error of the increment, by rounding, that is accepted for the fast path. At 1e-6 normal
        equations serve down to gamma = 2e-10 sigma_1^2.
    largest
        The largest order of a factor, 16384 for 2 GiB.
    """

    rtol: float = 1e-6
    largest: int = 2**14

    def __post_init__(self) -> None:
        if not 0 < self.rtol < 1:
            raise ValueError(f"rtol must satisfy 0 < rtol < 1, got {self.rtol}")
        if self.largest < 1:
            raise ValueError(f"largest must be at least 1, got {self.largest}")

    @property
    def needed(self) -> float:
        """gamma / sigma_1^2 from which on the fast path is taken."""
        return _EPS / self.rtol

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[ChosenFactor, Array]:
        shape = source.shape()
        if shape is None:
            source = source.again()
            shape = source.shape()
        assert shape is not None
        n, p = shape
        needed = self.needed
        fast, exact = (Cholesky(), QR()) if n >= p else (Dual(), SVD())
        if min(n, p) > self.largest:
            fast = exact = LSMR()
        elif relative or gamma == 0:
            fast = exact = fast if gamma >= needed else exact
        found = _tried(fast, source, target, gamma, relative) if fast != exact else None
        if found is None or gamma < needed * found[0].spectrum.sigma_max() ** 2:
            found, fast = exact._factorise(source, target, gamma, relative), exact
        factor, reduced = found
        return ChosenFactor(factor.shape, factor.spectrum, factor, fast), reduced


def _tried(
    solver: AnchoredSolver, source: Source, target: Array | None, gamma: float, relative: bool
) -> tuple[Factor, Array] | None:
    """What a solver makes of the rows, None where rounding errors have eaten a pivot."""
    try:
        return solver._factorise(source, target, gamma, relative)
    except SingularMatrixError:
        return None
