"""Random and quasi-random samples of a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling.base import Quadrature, Rule, Sampled
from symdfi.numbers import count

#: Engines of points in the unit cube.
ENGINES = ("random", "sobol", "halton")


def cube(engine: str, n: int, dim: int, *key: int) -> np.ndarray:
    """``n`` points of the open unit cube, of shape (n, dim): a function of ``key``, a seed and what it is for.

    ``"random"`` are independent, ``"sobol"`` and ``"halton"`` scrambled low-discrepancy points of SciPy's.
    """
    from scipy.stats import qmc  # slow to import

    generator = np.random.default_rng(key)
    if engine == "random":
        points = generator.random((n, dim))
    elif engine == "sobol":
        # Whole nets are drawn, of which the first n are kept: other counts are out of balance, which SciPy warns of.
        points = qmc.Sobol(dim, rng=generator).random_base2(max(0, (n - 1).bit_length()))[:n]
    else:
        points = qmc.Halton(dim, rng=generator).random(n)
    tiny = np.finfo(float).eps
    return np.clip(points, tiny, 1 - tiny)


def check_engine(engine: str) -> None:
    if engine not in ENGINES:
        raise ValueError(f"engine = {engine!r} is none of {', '.join(map(repr, ENGINES))}")


@dataclass(frozen=True)
class _Drawn(Quadrature):
    """Points of equal weight; with ``redraw`` new ones in every step, a function of the seed and the step's number."""

    n: int
    engine: str
    seed: int
    redraw: bool

    def __post_init__(self) -> None:
        count(self.n, f"the number of points of {type(self).__name__}", 1)
        count(self.seed, f"the seed of {type(self).__name__}", 0)
        check_engine(self.engine)

    def nodes(self, domain: Box) -> Rule:
        return self._drawn(domain, 0, 0)

    def independent(self, domain: Box) -> Rule:
        return self._drawn(domain, 0, 1)

    @property
    def changes(self) -> bool:
        return self.redraw

    def at(self, step: int, problem: Sampled, theta: np.ndarray) -> tuple[Rule, Rule]:
        step = step if self.redraw else 0
        return self._drawn(problem.domain, step, 0), self._drawn(problem.domain, step, 1)

    def _drawn(self, domain: Box, step: int, which: int) -> Rule:
        domain.need_finite(type(self).__name__)
        low, high = np.array(domain.bounds).T
        points = low + (high - low) * cube(self.engine, self.n, domain.dim, self.seed, step, which)
        return Rule(points, np.full(self.n, domain.volume / self.n))


class MonteCarlo(_Drawn):
    """``n`` independent points, uniform in the box: errors fall as n^(−1/2) in any dimension.

    With ``redraw`` every step has new ones, a function of ``seed`` and the step's number.
    Raises ``ValueError`` for n < 1, and where the box is not finite.
    """

    def __init__(self, n: int, seed: int = 0, *, redraw: bool = False) -> None:
        super().__init__(n, "random", seed, redraw)

    def __repr__(self) -> str:
        return f"MonteCarlo(n={self.n}, seed={self.seed}, redraw={self.redraw})"


class QuasiMonteCarlo(_Drawn):
    """``n`` scrambled low-discrepancy points (SciPy's ``"sobol"`` or ``"halton"``): errors fall almost as 1/n for
    smooth functions in few dimensions. Sobol points want a power of 2 for n.

    With ``redraw`` every step has new ones, a function of ``seed`` and the step's number.
    Raises ``ValueError`` for n < 1, another engine, and where the box is not finite.
    """

    def __init__(self, n: int, engine: str = "sobol", seed: int = 0, *, redraw: bool = False) -> None:
        super().__init__(n, engine, seed, redraw)
