"""Several ansätze, one a field, as one whose parameters are those of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.errors import SymbolicError
from symdfi.symbolic.ansatz import Ansatz, Parameter, Start
from symdfi.symbolic.given import Lookup, mapping, name_of
from symdfi.symbolic.sums import renamed


def for_fields(fields: Sequence[AppliedUndef], ansatz: Ansatz | Mapping[AppliedUndef, Ansatz]) -> Ansatz:
    """One ansatz with an output for each of ``fields``, in their order.

    Raises ``SymbolicError`` where there is none for a field, or one for what is no field.
    """
    many = "the field" if len(fields) == 1 else "the fields"
    named = f"{many} {', '.join(map(str, fields))}"
    if not isinstance(ansatz, Ansatz | Mapping):
        raise TypeError(f"the ansatz is a {type(ansatz).__name__}: give an Ansatz, or one a field, {{u: ..., w: ...}}")
    given = ansatz.fields if isinstance(ansatz, Ansatz) else tuple(ansatz)
    for field in given or ():
        if field not in fields:
            raise SymbolicError(f"there is an ansatz for {field}, but the equation has {named}")
    for field in fields if given is not None else ():
        if field not in given:
            raise SymbolicError(f"there is no ansatz for the field {field}")
    if isinstance(ansatz, Mapping):
        for field, part in ansatz.items():
            if not isinstance(part, Ansatz):
                raise TypeError(f"the ansatz of {field} is a {type(part).__name__}: give an Ansatz")
        return JointAnsatz({field: ansatz[field] for field in fields})
    if len(ansatz.exprs) != len(fields):
        raise SymbolicError(f"an ansatz with {len(ansatz.exprs)} outputs for {named}")
    if given is None or given == tuple(fields):
        return ansatz
    exprs = dict(zip(given, ansatz.exprs, strict=True))
    return Ansatz({u: exprs[u] for u in fields}, ansatz.variables, ansatz.parameters, ansatz.start)


class JointAnsatz(Ansatz):
    """An ansatz of its own for every field, ``{u: ansatz_u, w: ansatz_w}``: û, ŵ with parameters that are apart.

    A parameter a of the ansatz of u is named "u.a" here. Values are given under these names, or by field, each as its
    own ansatz takes them: ``{u: {"a": ...}, w: {"a": ...}}``.

    Raises ``SymbolicError`` for an ansatz of several outputs, and for ansätze in different variables.
    """

    parts: Mapping[AppliedUndef, Ansatz]

    def __init__(self, parts: Mapping[AppliedUndef, Ansatz]) -> None:
        variables = next(iter(parts.values())).variables
        for field, part in parts.items():
            if len(part.exprs) > 1:
                raise SymbolicError(
                    f"the ansatz of {field} has {len(part.exprs)} outputs: give it alone, for all fields"
                )
            if part.fields not in (None, (field,)):
                raise SymbolicError(f"the ansatz of {field} is given as one of {part.fields[0]}")
            if part.variables != variables:
                raise SymbolicError(
                    f"the ansatz of {field} has variables {part.variables}, that of {next(iter(parts))} {variables}"
                )
        exprs: dict[AppliedUndef, sp.Expr] = {}
        parameters: list[Parameter] = []
        for field, part in parts.items():
            own = {p: _named(p, f"{name_of(field)}.{name_of(p)}") for p in part.parameters}
            exprs[field] = renamed(part.expr, own)
            parameters += own.values()
        start = None if any(part.start is None for part in parts.values()) else JointStart(parts)
        super().__init__(exprs, variables, parameters, start)
        object.__setattr__(self, "parts", parts)

    def pack(self, values: Mapping[Any, Any]) -> np.ndarray:
        """θ from values by name ("u.a"), or from the values of every field by field or its name."""
        by_name = {name_of(field): part for field, part in self.parts.items()}
        given = {name_of(key): own for key, own in values.items()}
        if not set(given) & set(by_name):
            return super().pack(values)
        flat: dict[str, Any] = {}
        for field, own in given.items():
            if field not in by_name:
                raise ValueError(f"unknown field {field}")
            own = mapping(own, f"the values of {field}", '{"a": ...}')
            unknown = lambda name, field=field: f"unknown parameter {name} of the ansatz of {field}"  # noqa: E731
            found = Lookup(by_name[field].parameters).read(own, unknown)
            flat |= {f"{field}.{name_of(p)}": value for p, value in found.items()}
        return super().pack(flat)


@dataclass(frozen=True)
class JointStart:
    """Every part's own proposal."""

    parts: Mapping[AppliedUndef, Ansatz]

    def __call__(self, bounds: np.ndarray, generator: np.random.Generator) -> dict[str, np.ndarray]:
        starts: dict[str, Start | None] = {name_of(field): part.start for field, part in self.parts.items()}
        proposed = {name: start(bounds, generator) for name, start in starts.items() if start is not None}
        return {f"{field}.{name}": value for field, own in proposed.items() for name, value in own.items()}


def _named(parameter: Parameter, name: str) -> Parameter:
    """A parameter like the given one under another name."""
    label = parameter.label if isinstance(parameter, sp.IndexedBase) else parameter
    symbol = sp.Symbol(name, **label.assumptions0)
    return sp.IndexedBase(symbol, shape=parameter.shape) if isinstance(parameter, sp.IndexedBase) else symbol
