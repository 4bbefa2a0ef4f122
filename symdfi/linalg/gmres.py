"""Linear systems that are only known by their products, solved by GMRES in single precision and refined in double."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Single = NDArray[np.float32]
Double = NDArray[np.float64]

#: The part of a residual that one cycle, whose arithmetic is of single precision, is asked to leave.
_CYCLE = 1e-5
#: Where no less than this is left the recurrence of a cycle is believed.
_TOLD = 1e-4
#: Singular values below this part of the largest are rounding of single precision; that in units of double's.
_LEAST, _GAP = 1e-6, 2.0**32
#: The same of a residual that is rounding.
_REFINED = 1e-2


@dataclass(frozen=True)
class Solved:
    """What was found: x, the length of b − A x, whether that is as asked, and after how many products with A.
    ``stiffness`` is the least ‖A z‖/‖z‖ that was met: no less than the smallest singular value of A."""

    x: Double
    residual: float
    is_solved: bool
    products: int
    stiffness: float


def gmres(
    apply: Callable[[Double], Double],
    precondition: Callable[[Single], Single],
    b: Double,
    tolerance: float,
    *,
    rounding: float = 0.0,
    guess: Double | None = None,
    restart: int = 30,
    cycles: int = 12,
    refines: bool = False,
) -> Solved:
    """A x = b to ‖b − A x‖₂ ≤ ``tolerance`` ‖b‖₂ or ``rounding`` ‖x‖₂, or as far as it goes: until a cycle of at most
    ``restart`` products does not halve the residual. With ``refines`` it is one cycle more from a ``guess``, whose
    residual is rounding, to be added whether that shrinks or not.

    Right-preconditioned GMRES (Saad and Schultz, SIAM J. Sci. Stat. Comput. 7 (1986) 856), each cycle in single
    precision for a residual in double: half the memory and time, and the accuracy of double.
    """
    length, products, stiffness = float(np.linalg.norm(b)), 0, np.inf
    x, r = np.zeros_like(b), b
    if guess is not None:
        r = b - apply(guess)
        products, x = 1, guess.copy()
    best = float(np.linalg.norm(r))
    if refines and 0 < best < np.inf:
        step, count, least, _ = _cycle(apply, precondition, r / best, _REFINED, restart)
        return Solved(x + best * step, best, True, products + count, least)
    if not best < length and guess is not None:
        x, r, best = np.zeros_like(b), b, length
    for cycle in range(cycles + 1):
        goal = max(tolerance * length, rounding * float(np.linalg.norm(x)))
        if best <= goal or not np.isfinite(best) or cycle == cycles:
            break
        step, count, least, left = _cycle(apply, precondition, r / best, max(0.5 * goal / best, _CYCLE), restart)
        trial = x + best * step
        if left <= goal / best and left >= _TOLD:
            return Solved(trial, left * best, True, products + count, min(stiffness, least))
        rest = b - apply(trial)
        products, stiffness, found = products + count + 1, min(stiffness, least), float(np.linalg.norm(rest))
        # In a soft direction x is long, and its own rounding in single precision more than what it solves for: that
        # is of no such direction, and the next cycle's.
        is_rounded = found <= rounding * _GAP * float(np.linalg.norm(trial))
        if not (found < best or is_rounded):
            break
        is_slow = found > best / 2 and not (is_rounded and found > best)
        x, r, best = trial, rest, found
        if is_slow:
            break
    is_solved = best <= max(tolerance * length, rounding * float(np.linalg.norm(x)))
    return Solved(x, best, is_solved, products, stiffness)


def _cycle(
    apply: Callable[[Double], Double], precondition: Callable[[Single], Single], r: Double, target: float, restart: int
) -> tuple[Single, int, float, float]:
    """x of A x ≈ r, a unit vector, the number of products, the stiffness, and the residual as the recurrence has it."""
    basis = np.empty((restart + 1, r.size), np.float32)  # pages are taken as they are filled
    basis[0] = r.reshape(-1)
    hessenberg = np.zeros((restart + 1, restart))
    own, y, left = hessenberg[:2, :1], np.zeros(1), 1.0
    for j in range(restart):
        w = apply(precondition(basis[j].reshape(r.shape)).astype(np.float64)).astype(np.float32).reshape(-1)
        known = basis[: j + 1]
        for _ in range(2):
            along = known @ w
            w -= along @ known
            hessenberg[: j + 1, j] += along
        size = float(np.linalg.norm(w))
        hessenberg[j + 1, j] = size
        if not np.isfinite(size):
            return np.full(r.shape, np.nan, np.float32), j + 1, np.nan, np.nan
        own = hessenberg[: j + 2, : j + 1]
        unit = np.eye(j + 2, 1)[:, 0]
        y = np.linalg.lstsq(own, unit, rcond=_LEAST)[0]
        left = float(np.linalg.norm(unit - own @ y))
        if left <= target or size <= 1e-6 * np.linalg.norm(own[:, j]):
            break
        basis[j + 1] = w / size
    count = len(y)
    _, values, right = np.linalg.svd(own)
    soft, x = (precondition((c.astype(np.float32) @ basis[:count]).reshape(r.shape)) for c in (right[-1], y))
    reach = float(np.linalg.norm(soft))
    return x, count, float(values[-1]) / reach if reach > 0 else np.inf, left
