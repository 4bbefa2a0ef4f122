"""What searches for trajectories share: sizes, what is rounding, and what an interrupt leaves."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator

import numpy as np

from symdfi.errors import ConvergenceError, DivergenceError, Interrupted
from symdfi.linalg import ChainLU


def size(array: np.ndarray) -> float:
    return float(np.max(np.abs(array)))


def floor(factor: ChainLU, tolerance: float) -> float:
    """What max |∂S/∂q| is held against, for a path of size 1: never below roundoff."""
    return max(tolerance, 16 * np.finfo(float).eps) * factor.norm


@contextlib.contextmanager
def keeping(path: np.ndarray) -> Iterator[deque[np.ndarray]]:
    """The last of the paths that are appended is the ``partial`` of an interrupt, ``path`` if there is none."""
    kept = deque([path], maxlen=1)
    try:
        yield kept
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted on the way to an extremal trajectory", partial=kept[0]) from error


def check_nudge(path: np.ndarray, beta: complex, push: float, rounding: float) -> None:
    """For max |∂C/∂q| = ``push`` and the ``rounding`` of ∂S/∂q: ``DivergenceError`` where it is not finite,
    ``ConvergenceError`` where the nudge is lost in it."""
    if not np.isfinite(push):
        raise DivergenceError("the derivative of the cost by the path is not finite", partial=path)
    if push > 0 and abs(beta) * push <= rounding:
        raise ConvergenceError(
            f"the orbit nudged by beta = {beta:g} cannot be told from the free one: max |beta ∂C/∂q| = "
            f"{abs(beta) * push:.3g} is less than the roundoff of ∂S/∂q, {rounding:.3g}; increase beta",
            partial=path, beta=beta,
        )  # fmt: skip
