"""``Integral`` nodes over the space variables of fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.coordinates import t

#: Ends of an integral and of the domain are the same within this part of the domain's length.
_SAME = 1e-10


def places(instance: AppliedUndef, fields: Sequence[AppliedUndef]) -> tuple[AppliedUndef, dict[sp.Symbol, sp.Expr]]:
    """The field that ``instance`` is, u(t, y) of u(t, x), and the argument in place of each space variable.

    Raises ``SymbolicError`` for a function that is no field, or one at another time or place than a symbol.
    """
    field = next((u for u in fields if u.func == instance.func and len(u.args) == len(instance.args)), None)
    if field is None:
        raise SymbolicError(f"the integral holds {instance}, which is none of the fields {', '.join(map(str, fields))}")
    pairs = dict(zip(field.args, instance.args, strict=True))
    if pairs.pop(t) != t:
        raise SymbolicError(f"{instance} under an integral is the field at another time")
    for place in pairs.values():
        if not isinstance(place, sp.Symbol):
            raise SymbolicError(f"{instance} under an integral: its place {place} must be a variable")
    return field, pairs


def axes_of(
    integral: sp.Integral, fields: Sequence[AppliedUndef], variables: Sequence[sp.Symbol]
) -> dict[sp.Symbol, sp.Symbol]:
    """The space variable that each variable of integration runs along: as an argument of a field, or by name.

    Raises ``SymbolicError`` for an integral without limits, one of a time derivative, and where the space variable does
    not show.
    """
    found: dict[sp.Symbol, sp.Symbol] = {}
    for limit in integral.limits:
        if len(limit) != 3:
            raise SymbolicError(f"{integral} is no definite integral: give the ends of the domain")
    bound = {limit[0] for limit in integral.limits}
    for d in integral.function.atoms(sp.Derivative):
        if t in d.variables:
            raise SymbolicError(f"{integral} holds the time derivative {d}")
    for instance in sorted(integral.function.atoms(AppliedUndef), key=str):
        for variable, place in places(instance, fields)[1].items():
            if place in bound and found.setdefault(place, variable) != variable:
                raise SymbolicError(f"{place} in {integral} runs along both {found[place]} and {variable}")
    for y in bound - set(found):
        if y not in variables and len(variables) > 1:
            raise SymbolicError(f"{integral}: along which of {', '.join(map(str, variables))} does {y} run?")
        found[y] = y if y in variables else variables[0]
    return {limit[0]: found[limit[0]] for limit in integral.limits}


def check_ends(
    integral: sp.Integral,
    axes: Mapping[sp.Symbol, sp.Symbol],
    bounds: Mapping[sp.Symbol, tuple[float, float]],
    params: Mapping[sp.Symbol, float],
) -> None:
    """``SymbolicError`` unless the limits of the variables in ``axes`` are the ends of the domain: ``bounds`` by space
    variable."""
    for y, *ends in integral.limits:
        if y not in axes:
            continue
        a, b = bounds[axes[y]]
        room = _SAME * (b - a if np.isfinite(b - a) else 1.0)
        values = [end.subs(dict(params)) for end in ends]
        if not all(v.is_number and v.is_extended_real for v in values):
            raise SymbolicError(
                f"the limits of {y} in {integral} are no numbers: integrate over the whole domain, with a Heaviside or "
                "Piecewise factor in the integrand"
            )
        for value, end in zip(map(float, values), (a, b), strict=True):
            if not (value == end or abs(value - end) <= room):
                raise SymbolicError(
                    f"the limits of {y} in {integral} are not the ends {a:g} and {b:g} of the domain: an "
                    "integral is over all of it; for a part of it put a Piecewise into the integrand"
                )
