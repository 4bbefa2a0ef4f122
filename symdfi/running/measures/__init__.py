"""Ways of measuring a solution: against an exact one, a spectral one, or what characteristics carry along; and what is
conserved."""

from symdfi.running.measures.base import (
    InitialValue,
    Measure,
    Measured,
    error_rows,
    error_series,
    of_errors,
    uniform_points,
)
from symdfi.running.measures.characteristics import Characteristics, Flow
from symdfi.running.measures.conserved import Conserved
from symdfi.running.measures.exact import Exact
from symdfi.running.measures.rivals import Rivals
from symdfi.running.measures.spectral import SpectralReference

__all__ = [
    "Characteristics",
    "Conserved",
    "Exact",
    "Flow",
    "InitialValue",
    "Measure",
    "Measured",
    "Rivals",
    "SpectralReference",
    "error_rows",
    "error_series",
    "of_errors",
    "uniform_points",
]
