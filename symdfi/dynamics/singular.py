"""Mass matrices that cannot be solved with: at which state, and along which direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.dynamics.evaluation import Evaluation, States
from symdfi.errors import SingularMatrixError
from symdfi.symbolic.given import name_of

#: How many coordinates of a direction an error names.
_SHOWN = 4
#: Up to so many coordinates a mass matrix is looked at in full.
_IN_FULL = 3000


class Solving(Evaluation):
    """A system whose accelerations are solved for, and the errors where they cannot be."""

    def check_solved(self, found: np.ndarray, states: States) -> None:
        """``SingularMatrixError`` for the first state with finite M and F where what was solved for is not finite."""
        if np.isfinite(found).all():
            return
        forcing = self.evaluate(self.forcing_kernel, states, states.at.n)
        for point in np.argwhere(np.isfinite(forcing).all(axis=-1) & ~np.isfinite(found).all(axis=-1)):
            index = tuple(int(k) for k in point)
            self.refuse_singular(states.one(index), partial=found, point=index)

    def refuse_singular(self, state: States, *, partial: Any = None, point: tuple[int, ...] = ()) -> None:
        """``SingularMatrixError`` for a mass matrix of one state that could not be solved with: where it is singular,
        and along which ``direction`` (None for a coupled system of more than 3000 coordinates). Nothing happens if M is
        not finite: then it is not M that failed."""
        # A diagonal alone: the full matrix of a long chain would not fit in memory.
        diagonal = self.system.mass_structure.kind == "diagonal"
        q, n = state.q, state.at.n
        where = f"q{f' of state {point}' if point else ''} = {np.array2string(q, threshold=8)}"
        if not diagonal and n > _IN_FULL:
            raise SingularMatrixError(
                f"the mass matrix is singular, or needs pivoting, at {where}; "
                f"with {n} coordinates it is too large to tell along which",
                partial=partial, point=point, direction=None,
            )  # fmt: skip
        if diagonal:
            mass = self.evaluate(self.diagonal_kernel, state, n)
        else:
            mass = self.evaluate(self.mass_kernel, state, n**2).reshape(n, n)
        if not np.isfinite(mass).all():
            return
        if diagonal:
            direction = np.eye(1, n, int(np.argmin(np.abs(mass))))[0]
        else:
            values, vectors = np.linalg.eigh(mass)
            direction = vectors[:, np.argmin(np.abs(values))]
        raise SingularMatrixError(
            f"the mass matrix is singular at {where}, along {self.combination(direction, state.at.sizes)}",
            partial=partial, point=point, direction=direction,
        )  # fmt: skip

    def combination(self, direction: np.ndarray, sizes: Mapping[sp.Symbol, int]) -> str:
        """A direction as the sum of the coordinates with the largest parts in it, the largest part 1."""
        names = []
        for q in self.system.coordinates:
            for index in np.ndindex(self.shape(q, sizes)):
                names.append(name_of(q) + (f"[{', '.join(map(str, index))}]" if index else ""))
        parts = direction / direction[np.argmax(np.abs(direction))]
        order = np.argsort(-np.abs(parts), kind="stable")
        shown = np.sort(order[np.abs(parts[order]) > 1e-6][:_SHOWN])
        text = " ".join(f"{'-' if parts[k] < 0 else '+'} {_factor(abs(parts[k]))}{names[k]}" for k in shown)
        return text.removeprefix("+ ") + (" + ..." if np.count_nonzero(np.abs(parts) > 1e-6) > _SHOWN else "")


def _factor(part: float) -> str:
    return "" if abs(part - 1) < 5e-4 else f"{part:.3g} "
