"""What measures a solution, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def of_errors(reference: str, times: np.ndarray, errors: np.ndarray) -> Measured:
    """Relative L² errors (s,) at the saved times, against what ``reference`` says."""
    rows = [("reference", reference), *error_rows("relative L² error", times, errors)]
    return Measured(rows, {"relative_error": error_series("u", errors)})


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
