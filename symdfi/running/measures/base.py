"""What measures a solution, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from symdfi.dfi import Box, Grid, Solution
from symdfi.running.settings import Settings

#: u₀ at points (n,) in one dimension, (n, dim) in more: (n,), or (F, n) of F fields.
InitialValue = Callable[[np.ndarray], np.ndarray]

#: About how many uniform points errors are taken at.
_POINTS = 2**14


@dataclass(frozen=True)
class Measured:
    """Rows of the summary, and what goes into the dataset by name, each as ``(dimensions, values)``."""

    rows: Sequence[tuple[str, str]]
    data: Mapping[str, Any] = field(default_factory=dict)


class Measure(Protocol):
    """A way of measuring: an ``Exact`` solution, a ``SpectralReference``, ``Characteristics``, or a function."""

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured: ...


def of_errors(reference: str, solution: Solution, points: np.ndarray, exact: Iterable[np.ndarray]) -> Measured:
    """Errors at the saved times against the ``exact`` values there, each as ``Problem.evaluate`` gives them, at
    ``points`` (n, dim) that are uniform over the domain: relative L² errors, and as "error" ‖û − u‖, in the norm that
    the error bound is in."""
    problem = solution.problem
    root, found = problem.roots(np.full(len(points), problem.domain.volume / len(points))), []
    for theta, values in zip(solution.theta, exact, strict=True):
        pairs = zip(np.atleast_2d(values), problem.components.complex, strict=True)
        fields = [field if both else np.real(field) for field, both in pairs]
        off = problem.values(theta, points) - problem.components.stacked(fields)
        found.append((np.linalg.norm(root * off), np.linalg.norm(off) / (np.linalg.norm(values) or 1.0)))
    absolute, relative = np.array(found).T
    rows = [("reference", reference), *error_rows("relative L² error", solution.t, relative)]
    return Measured(rows, {
        "relative_error": error_series("u", relative),
        "error": ("time", absolute, {"long_name": "error of u in L²"}),
    })  # fmt: skip


def error_series(of: str, errors: np.ndarray) -> tuple[str, np.ndarray, dict[str, str]]:
    """Relative errors (s,) for the dataset, drawn with the residual."""
    return "time", errors, {"role": "error", "long_name": f"error of {of}"}


def error_rows(name: str, times: np.ndarray, errors: np.ndarray) -> list[tuple[str, str]]:
    """Errors (s,) at six of their times, the largest of all, and their mean."""
    some = np.unique(np.linspace(0, len(errors) - 1, 6).astype(int))
    return [
        *((f"{name} at t = {times[k]:.4g}", f"{errors[k]:.2e}") for k in some),
        (f"largest {name}", f"{errors.max():.2e}"),
        ("its mean over time", f"{errors.mean():.2e}"),
    ]


def uniform_points(domain: Box) -> np.ndarray:
    """Some 10⁴ points (n, dim), on periodic axes off any ``Grid``. ``ValueError`` for a box without end."""
    cells = max(1, round(1.5 * _POINTS ** (1 / domain.dim)))
    return Grid(cells).independent(domain)[0]
