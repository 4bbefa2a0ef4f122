"""A preconditioner of periodic orbits: their linearised equations with the derivatives' means over the period.

A ring of equal intervals with constant coefficients is circulant in time: Fourier's transform makes of it one sparse
matrix of the size of space a frequency,

    Â_k = Σ_s h b_s (φ̄φ ∂G/∂q + φ̄φ′/h ∂G/∂v + φ̄′φ/h ∂P/∂q + φ̄′φ′/h² ∂P/∂v),    φ_s = φ_s0 + φ_s1 e^{2πik/N}.

Those in the band of the system's own frequencies, where they are indefinite, are factorised (SuperLU); above it inertia
makes the diagonal dominant, and Jacobi's iteration does. All of it is in single precision: GMRES refines it
(theory of EP, "The extremum", for the chain).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.fft import irfft, rfft
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import splu

from symdfi.compile.kernels import cache, threads
from symdfi.ep.blocks import Pattern
from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.rules import Rule
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError
from symdfi.pickling import Bare

#: Where sweeps contract by no more than this matrices are factorised, else there are sweeps to this error.
_CONTRACTION, _ERROR = 0.8, 1e-2
#: So many entries are evaluated at once.
_CHUNK = 2**19
#: The most bytes that factors may take.
_ROOM = 2**31


@dataclass(frozen=True, eq=False)
class Harmonics(Bare):
    """The means of the four derivatives, (4, size), at the places of a pattern, the weights of each in Â_k, (4,
    frequencies), of a ring of so many ``nodes``; and ``norm``, a bound of ‖A‖₁ that is less than a few times too large.
    """

    pattern: Pattern
    means: np.ndarray
    weights: np.ndarray
    nodes: int
    norm: float

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of(cls, system: DiscreteSystem, setting: Setting, path: np.ndarray) -> Harmonics:
        """About a path. ``ConvergenceError`` where derivatives are not finite."""
        rule, places = setting.rule, system.entries.places(setting)
        pattern, count = places.pattern, setting.points
        at, signals = system.points(setting, path), setting.signals_of(*FREE)
        means, largest = np.zeros((4, pattern.size)), np.zeros((4, pattern.d))
        share = setting.weights[:count] / setting.weights[:count].sum()
        chunk = max(1, _CHUNK // max(1, sum(system.entries.counts(setting))))
        columns = pattern.at % pattern.d
        onto = csr_array((np.ones(pattern.size), (columns, np.arange(pattern.size))), (pattern.d, pattern.size))
        for first in range(0, count, chunk):
            own = slice(first, min(first + chunk, count))
            q, v = (x[own] for x in at)
            for p, rows in enumerate(
                places.gathered(system.entries.at(setting, (q, v), signals[own], setting.times[own]))
            ):
                means[p] += share[own] @ rows
                largest[p] = np.maximum(largest[p], (onto @ np.abs(rows).T).max(axis=1))
        if not np.isfinite(means).all():
            raise ConvergenceError(
                "the derivatives of the action or of the cost are not finite on the path: try another guess",
                partial=path,
            )
        powers = np.array([setting.h, 1.0, 1.0, 1 / setting.h])
        sums = np.abs(rule.couplings).sum(axis=(1, 2))
        if rule.spans:
            weights, nodes, sums = _spectral(rule), rule.degree, sums[:, : rule.degree].max(axis=1)
        else:
            weights, nodes, sums = _stepwise(rule, setting.steps), setting.steps, sums.sum(axis=1)
        norm = float(np.max((powers * sums) @ largest))
        return cls(pattern, means, powers[:, None] * weights, nodes, norm)

    # The matrices

    @functools.cached_property
    def _by_rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, columns = np.divmod(self.pattern.at, self.pattern.d)
        starts = np.searchsorted(rows, np.arange(self.pattern.d + 1))
        return starts.astype(np.int64), columns.astype(np.int64), self.means.astype(np.float32)

    @functools.cached_property
    def _by_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, columns = np.divmod(self.pattern.at, self.pattern.d)
        order = np.lexsort((rows, columns))
        starts = np.searchsorted(columns[order], np.arange(self.pattern.d + 1))
        return (
            starts.astype(np.int64), rows[order].astype(np.int64),
            np.ascontiguousarray(self.means[:, order], np.float32),
        )  # fmt: skip

    @functools.cached_property
    def _split(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The frequencies that are factorised, the others, and how many sweeps these take."""
        rows, columns = np.divmod(self.pattern.at, self.pattern.d)
        own, d = rows == columns, self.pattern.d
        factorised, others, sweeps = [], [], []
        for k in range(self.weights.shape[1]):
            entries = np.abs(self.weights[:, k] @ self.means)
            diagonal = np.bincount(rows[own], entries[own], d)
            with np.errstate(divide="ignore", invalid="ignore"):
                off = csr_array((np.where(own, 0.0, entries / diagonal[rows]), (rows, columns)), (d, d))
                contraction = _largest_eigenvalue(off)
            if contraction <= _CONTRACTION and diagonal.all():
                others.append(k)
                sweeps.append(1 if contraction == 0 else int(np.ceil(np.log(_ERROR) / np.log(contraction))))
            else:
                factorised.append(k)
        return np.array(factorised, np.int64), np.array(others, np.int64), np.maximum(sweeps, 1).astype(np.int64)

    @functools.cached_property
    def _factors(self) -> dict[int, tuple[Any, bool]]:
        """By frequency; whether they are real."""
        rows, columns = np.divmod(self.pattern.at, self.pattern.d)
        found, taken = {}, 0
        for k in self._split[0]:
            entries = self.weights[:, k] @ self.means
            is_real = not np.any(np.abs(np.imag(entries)) > 1e-14 * np.abs(entries).max())
            entries = np.real(entries) if is_real else entries
            single = np.float32 if is_real else np.complex64
            matrix = csc_array((entries.astype(single), (rows, columns)), (self.pattern.d, self.pattern.d))
            found[int(k)] = factor, is_real = _factorised(matrix), is_real
            taken += factor.nnz * (matrix.dtype.itemsize + 4)
            if taken > _ROOM:
                raise ConvergenceError(
                    f"the linearised equations at {len(self._split[0])} frequencies would take more than "
                    f"{_ROOM / 2**30:.0f} GB: too many of them are in the band of the system's own, or have no inertia"
                )
        return found

    def solve(self, rhs: np.ndarray, transposed: bool = False) -> np.ndarray:
        """What takes the place of A⁻¹ or A⁻ᵀ: rhs and result (nodes, d) in single precision."""
        found, (_, others, sweeps) = rfft(rhs, axis=0), self._split
        for k, (factor, is_real) in self._factors.items():
            if is_real:
                parts = factor.solve(np.stack([found[k].real, found[k].imag], axis=1), "T" if transposed else "N")
                found[k] = parts[:, 0] + 1j * parts[:, 1]
            else:
                found[k] = factor.solve(found[k], "H" if transposed else "N")
        starts, inner, data = self._by_columns if transposed else self._by_rows
        weights = (self.weights.conj() if transposed else self.weights).astype(np.complex64)
        relax = cache.load_module("symdfi.ep.loops.harmonics").relax
        threads.run(relax, others.size, others, sweeps, weights, starts, inner, data, found, least=1)
        return irfft(found, self.nodes, axis=0)


def _stepwise(rule: Rule, steps: int) -> np.ndarray:
    """Σ_s b_s of φ̄φ, φ̄φ′, φ̄′φ and φ̄′φ′ for each frequency of a ring of steps with one node each."""
    turn = np.exp(2j * np.pi * np.arange(steps // 2 + 1) / steps)[:, None]
    value, slope = (table[:, 0] + table[:, 1] * turn for table in (rule.values, rule.slopes))
    pairs = ((value, value), (value, slope), (slope, value), (slope, slope))
    return np.array([(one.conj() * other) @ rule.weights for one, other in pairs])


def _spectral(rule: Rule) -> np.ndarray:
    """The same of trigonometric polynomials: their derivative is 2πik."""
    slope = 2j * np.pi * np.arange(rule.degree // 2 + 1)
    return np.array([np.ones(slope.size), slope, -slope, np.abs(slope) ** 2]) / rule.degree


def _largest_eigenvalue(matrix: csr_array) -> float:
    """A bound of the spectral radius of a matrix of numbers that are not negative: max (Mx)_i/x_i for some x > 0
    (Collatz), here after a few steps of the power method."""
    bound, x = np.inf, np.ones(matrix.shape[0])
    for _ in range(12):
        y = matrix @ x
        bound = min(bound, float(np.max(y / x)))
        x = y / np.max(y, initial=1e-300) + 1e-3
    return bound if np.isfinite(bound) else np.inf


def _factorised(matrix: csc_array) -> Any:
    options = {"SymmetricMode": True}
    try:
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.1, options=options)
    except RuntimeError as error:  # what SuperLU says of a pivot that is zero
        if "singular" not in str(error):
            raise
    # A little off the mark: what it stands for need not be singular.
    shift = np.float32(1e-5) * abs(matrix).max()
    diagonal = csc_array((np.full(matrix.shape[0], shift, matrix.dtype), (range(matrix.shape[0]),) * 2), matrix.shape)
    return splu(csc_array(matrix + diagonal), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.1, options=options)
