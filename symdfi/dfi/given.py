"""Numbers that a problem is given: values of the equation's parameters, weights of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdfi.numbers import one_real, real
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import Lookup, name_of


def parameter_values(equation: EvolutionEquation, params: Mapping[Any, float] | None) -> dict[sp.Symbol, float]:
    """A number for every parameter. ``ValueError`` for a missing or unknown one, or one that is not finite."""
    lookup = Lookup(equation.parameters, "parameters of the equation")
    given = {
        p: one_real(v, f"the parameter {name_of(p)} of the equation")
        for p, v in lookup.read(params, lambda name: f"unknown parameter {name} of the equation").items()
    }
    for p in equation.parameters:
        if p not in given:
            raise ValueError(f"no value for parameter {p} of the equation: give params={{{p}: ...}}")
        if not np.isfinite(given[p]):
            raise ValueError(f"the parameter {p} of the equation is {given[p]}: it must be finite")
    return given


def field_scales(equation: EvolutionEquation, weights: Mapping[Any, float] | None) -> np.ndarray:
    """√ω of every field. ``ValueError`` for a weight that is not positive, and for one of no field."""
    found = dict.fromkeys(equation.names, 1.0)
    for field, value in (weights or {}).items():
        name = name_of(field)
        if name not in found:
            raise ValueError(f"field_weights holds {name}, which is no field: {', '.join(equation.names)}")
        found[name] = real(value, f"the weight of the field {name}")
        if found[name] <= 0:
            raise ValueError(f"the weight of the field {name} is {found[name]}: it must be positive")
    return np.sqrt(list(found.values()))
