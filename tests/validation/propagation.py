"""Figures of the cases of equilibrium propagation, and the section of RESULTS.md that they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.validation.results import merged, publish, table, tables

TITLE = "E: equilibrium propagation"
TEXT = (
    "`pytest -m slow tests/validation/test_e_results.py`: gradients are relative to those of a complex step or of the "
    "adjoint, as the tests of the cases say; what is to be reached is that of the table of cases.\n\n"
)
COLUMNS = ("case", "figure", "to reach", "measured")
ORDER = tuple(f"E{k}" for k in range(1, 12))


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it may be at most."""

    name: str
    measured: float
    at_most: float

    @property
    def holds(self) -> bool:
        return self.measured <= self.at_most


def record(case: str, figures: Sequence[Figure]) -> None:
    """Put the rows of a case in place of those that stood there."""
    rows = [[case, f.name, f"{f.at_most:.1e}", f"{f.measured:.1e}"] for f in figures]
    known = tables(TITLE)
    publish(TITLE, TEXT + table(COLUMNS, merged(COLUMNS, rows, known[0] if known else [], ORDER)))


def apart(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(np.ravel(found) - np.ravel(exact)) / np.linalg.norm(exact))
