"""Normal equations by Cholesky factors."""

from __future__ import annotations

from dataclasses import dataclass

from symdfi.linalg.anchored.base import AnchoredSolver, Factor
from symdfi.linalg.anchored.normal import factorised_blocks, solved
from symdfi.linalg.anchored.source import Source
from symdfi.linalg.spectrum import Array, BlockFactor, TriangularFactor


@dataclass(frozen=True)
class NormalFactor(Factor):
    """L L^T = J^T J + gamma I; J itself is not held.

    Reduced right-hand sides are gradients J^T (f - J target), (p,), which a caller may also have without J, by one
    reverse sweep: ``factor.minimiser(gradient, mu * anchor)``.
    """

    spectrum: TriangularFactor | BlockFactor

    def reduce(self, source: Source, target: Array | None) -> Array:
        return source.gradient(target, self.shape)

    def minimiser(self, reduced: Array, target: Array | None) -> Array:
        increment = solved(self.spectrum, reduced)
        return increment if target is None else target + increment


@dataclass(frozen=True)
class Cholesky(AnchoredSolver):
    """Normal equations, v+ = mu v_n + (J^T J + gamma I)^-1 J^T (f - J mu v_n): the fast path for n >= p.

    J^T J accumulates block by block, so J is never held as a whole; C-ordered float64 blocks are not copied. Where it
    falls into diagonal blocks, as with an ansatz of its own for every field, only these are summed and factorised.
    The rounding error of J^T J, about roundoff * sigma_1^2, must stay well below gamma; SingularMatrixError
    is raised when it has eaten a pivot (theory of DFI, "The step").
    """

    def _factorise(
        self, source: Source, target: Array | None, gamma: float, relative: bool
    ) -> tuple[NormalFactor, Array]:
        normal = source.normal(target)
        shape = normal.n, normal.gradient.size
        return NormalFactor(shape, factorised_blocks(normal.grams, gamma, relative)), normal.gradient
