"""The error bound against true errors, which it must never be below: ‖û − u‖ in L², absolute, all fields together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symdfi as sd

COLUMNS = ["by", "error at T/2", "bound / error", "error at T", "bound / error"]

#: How far the same error is apart on the points of the bound and on those here.
QUADRATURE = 1e-6


def absolute_errors(solution: sd.Solution, points: np.ndarray, truth: Callable[[float], np.ndarray]) -> np.ndarray:
    """Errors (s,) at the saved times, on uniform ``points`` of the domain, where ``truth(t)`` is what
    ``Solution.evaluate`` should give."""
    volume = np.prod([high - low for low, high in solution.problem.domain.bounds]) / len(points)
    off = [np.linalg.norm(solution.evaluate(points, t) - truth(t)) for t in solution.t.tolist()]
    return np.sqrt(volume) * np.array(off)


def holds(errors: np.ndarray, bound: np.ndarray, known: float = 0.0) -> None:
    """At no saved time is the bound below the error, which is ``known`` to so much."""
    assert not np.isnan(bound).any()
    below = errors > bound * (1 + QUADRATURE) + known
    assert not below.any(), f"errors {errors[below]} are above the bound {bound[below]}"


def by(dataset: Any) -> str:
    """What the bound of a run is by."""
    lipschitz = dataset["error_bound"].attrs.get("lipschitz")
    return "estimated growth" if lipschitz is None else f"ℓ = {lipschitz:.3g}"


def row(errors: np.ndarray, bound: np.ndarray, by: str) -> list[object]:
    """Of a table with ``COLUMNS``: what the bound is by, and how far it is above the error, "overflows" where it is
    infinite."""
    cells: list[object] = [by]
    for k in (len(errors) // 2, -1):
        cells += [f"{errors[k]:.1e}", f"{bound[k] / errors[k]:.1e}" if np.isfinite(bound[k]) else "overflows"]
    return cells
