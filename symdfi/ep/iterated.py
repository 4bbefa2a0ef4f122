"""Periodic orbits of graphs and lattices solved with by iteration: factors of their rings would fill up.

A random graph of n nodes has no small separators, and the ring of its orbit fewer still: at 5000 nodes and 256 steps
factors would hold some 10¹⁰ numbers. Products with the linearised equations cost what one sweep over the springs does,
and with ``Harmonics`` for a preconditioner GMRES needs a few of them.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symdfi.ep.blocks import Pattern
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.frame import Ring, spatial
from symdfi.ep.harmonics import Harmonics
from symdfi.ep.linearised import Linearised
from symdfi.ep.setting import Setting
from symdfi.errors import ConvergenceError, SingularMatrixError
from symdfi.linalg import ChainLU
from symdfi.linalg.gmres import Solved, gmres

#: From so many degrees of freedom on, and where factors in space alone would hold so many numbers for each, rings are
#: iterated with.
LEAST, FILL = 256, 8
#: Relative residuals of solutions, and of an estimate of the condition, and in how many rounds that is made.
_EXACT, _ROUGH, _ROUNDS = 1e-15, 0.2, 2
#: Beyond so many products for each digit of a step the preconditioner is made anew, of the path as it is.
_SLOW = 6
#: So many cycles with a preconditioner of its own, and of another path.
_CYCLES, _FEW = 12, 4
#: A residual in units of eps ‖A‖ ‖x‖ that counts as rounding; the least ‖A z‖ in units of ‖A‖ ‖z‖ that does not.
_ROUNDING, _SINGULAR = 64, 1e-9


def is_iterated(system: DiscreteSystem, setting: Setting) -> bool:
    """Whether a ring is iterated with: of many coordinates that meet in no line, one node of a path at a time."""
    frame, rule = setting.frame, setting.rule
    if not isinstance(frame, Ring) or setting.places.n_dof < LEAST or not (rule.spans or rule.degree == 1):
        return False
    return system.lists(setting) and _fill(system.entries.places(setting).pattern) > FILL


def _fill(pattern: Pattern) -> float:
    """How many numbers triangular factors of a matrix with this pattern hold for each row."""
    return spatial(pattern).stored / pattern.d


class IteratedRing(ChainLU):
    """The linearised equations of a periodic orbit, solved by GMRES with harmonics about it, or about a path that was
    near, for a preconditioner.

    ``rcond`` is an estimate as of every ``ChainLU``, from solutions to one digit.
    """

    def __init__(self, system: DiscreteSystem, setting: Setting, path: np.ndarray, last: ChainLU | None = None) -> None:
        groups, size = setting.frame.taken(path).shape
        self._begin(groups, size, np.float64, True)
        self._matrix, self._grid = Linearised(system, setting, path), (len(path) - 1, path.shape[1])
        self._near: tuple[np.ndarray, np.ndarray] | None = None
        self._harmonics, self._is_own = None, False
        if isinstance(last, IteratedRing):
            self._near = last._near
            if not last._is_slow:
                self._harmonics = last._harmonics
        self._is_slow = False
        if self._harmonics is None:
            self._renew()
        self.norm = self._preconditioner.norm
        #: Products with the matrix so far.
        self.products = 0
        self._end(True, None)

    def __repr__(self) -> str:
        nodes, d = self._grid
        return f"GMRES with harmonics for a preconditioner ({nodes} nodes of {d} degrees of freedom)"

    @property
    def _preconditioner(self) -> Harmonics:
        assert self._harmonics is not None
        return self._harmonics

    def _renew(self) -> None:
        matrix = self._matrix
        self._harmonics, self._is_own = Harmonics.of(matrix.system, matrix.setting, matrix.path), True

    def _found(
        self, rhs: np.ndarray, tolerance: float, transposed: bool, guess: np.ndarray | None = None,
        refines: bool = False,
    ) -> Solved:  # fmt: skip
        """A solution to a relative residual, with a better preconditioner where that takes long, or as it ``refines`` a
        guess."""
        shape, rounding = (self.nodes, self.block_size), np.finfo(float).eps * self.norm

        def apply(x: np.ndarray) -> np.ndarray:
            return self._matrix.times(x.reshape(shape), transposed).reshape(self._grid)

        def solved(start: np.ndarray | None) -> Solved:
            found = gmres(
                apply, functools.partial(self._preconditioner.solve, transposed=transposed), rhs.reshape(self._grid),
                tolerance, rounding=rounding, guess=start, cycles=_CYCLES if self._is_own else _FEW, refines=refines,
            )  # fmt: skip
            self.products += found.products
            return found

        found = solved(None if guess is None else guess.reshape(self._grid))
        if not self._is_own and not found.is_solved and not refines:
            self._renew()
            found = solved(found.x)
        return found

    def _checked(self, found: Solved, rhs: np.ndarray) -> np.ndarray:
        """The solution, if it is one."""
        length = float(np.linalg.norm(rhs))
        rounding = _ROUNDING * np.finfo(float).eps * self.norm * float(np.linalg.norm(found.x))
        if found.is_solved or found.residual <= rounding:
            return found.x
        path, rcond = self._matrix.path, found.stiffness / self.norm
        if rcond < _SINGULAR:
            raise SingularMatrixError(
                f"the Hessian of the action is singular to what {self!r} can tell: there is a direction z with "
                f"‖A z‖ = {rcond:.2g} ‖A‖ ‖z‖. A resonance, or an autonomous orbit, whose phase is free",
                partial=path, rcond=rcond,
            )  # fmt: skip
        raise ConvergenceError(
            f"the linearised equations are not solved: {self!r} comes to a residual of "
            f"{found.residual / length:.2g} of its right-hand side in {found.products} products; near a resonance, or "
            "far from a mean over the period, a smaller system, other parameters or more damping do better",
            partial=path, residual=found.residual,
        )  # fmt: skip

    def approximate(self, rhs: ArrayLike, part: float) -> np.ndarray:
        given = np.asarray(rhs, float)
        near = None if self._near is None or not np.array_equal(self._near[0], given) else self._near[1]
        before = self.products
        found = self._checked(self._found(given, part, False, near), given).reshape(given.shape)
        self._is_slow = not self._is_own and self.products - before > _SLOW * (1 - np.log10(part))
        self._near = given, found
        return found

    def _apply(self, rhs: np.ndarray, trans: int) -> np.ndarray:
        columns = []
        for b in rhs.T:
            found = self._checked(self._found(b, _EXACT, trans > 0), b)
            # What the residual's rounding hides in soft directions one cycle more finds there.
            columns.append(self._found(b, 0.0, trans > 0, found, refines=True).x.reshape(-1))
        return np.stack(columns, axis=1)

    def _inverse_norm(self) -> float:
        return self._estimated(lambda x, trans: self._found(x, _ROUGH, trans > 0).x.reshape(-1), _ROUNDS)

    def __getstate__(self) -> dict[str, Any]:
        """The preconditioner does not travel: it is made anew."""
        return {**super().__getstate__(), "_harmonics": None, "_near": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._renew()
