"""The Lagrangian of an ansatz's parameters: a density on a quadrature."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.function import Function, compile
from symdfi.dfi.domain import Box
from symdfi.dfi.sampling import Quadrature
from symdfi.dynamics.system import Lagrangian
from symdfi.errors import SymbolicError
from symdfi.numbers import reals
from symdfi.symbolic import lagrangian as symbolic
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.complexes import parts
from symdfi.symbolic.density import LagrangianDensity
from symdfi.symbolic.given import Lookup
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.joint import for_fields
from symdfi.symbolic.reduction import reduction
from symdfi.symbolic.renaming import Renaming
from symdfi.symbolic.structure import Diagonal, Structure


class ReducedLagrangian(Lagrangian):
    """L(θ, θ̇) of an ansatz, made by ``LagrangianDensity.reduce``: coordinates are the ansatz's parameters, in its
    order, and the samples are numbers that the system holds (``values``)."""

    is_full = True

    def __init__(
        self,
        density: LagrangianDensity,
        ansatz: Ansatz | Mapping[AppliedUndef, Ansatz],
        domain: Box,
        quadrature: Quadrature,
        params: Mapping[Any, float] | None = None,
    ) -> None:
        ansatz = for_fields(density.fields, ansatz)
        self.density, self.ansatz, self.domain, self.quadrature = density, ansatz, domain, quadrature
        if set(ansatz.variables) != set(density.variables):
            raise SymbolicError(f"the density has variables {density.variables}, the ansatz {ansatz.variables}")
        if domain.dim != len(ansatz.variables):
            raise SymbolicError(f"a domain of dimension {domain.dim} for the variables {ansatz.variables}")
        outputs = dict(zip(density.fields, ansatz.exprs, strict=True))
        found = reduction(density, outputs, ansatz.variables, ansatz.parameters)
        lookup = Lookup(density.parameters, "parameters of the density")
        given = lookup.read(params, lambda name: f"unknown parameter {name} of the density")
        points, weights = quadrature.nodes(domain)
        super().__init__(
            found.lagrangian,
            found.coordinates,
            found.velocities,
            parameters=[*found.points, found.weights, *density.parameters],
        )
        samples = dict(zip(found.points, np.ascontiguousarray(points.T), strict=True))
        self.values = {**samples, found.weights: weights, **given}

    @functools.cached_property
    def is_first_order(self) -> bool:
        """Whether the density is linear in the rates."""
        return self.density.is_first_order

    @functools.cached_property
    def mass_structure(self) -> Structure:
        """As of any system; a density that is linear in the rates has no mass."""
        return Diagonal((sp.S.Zero,) * len(self.coordinates)) if self.is_first_order else super().mass_structure

    def renamed(self) -> tuple[symbolic.Lagrangian, Renaming]:
        """As of any system."""
        system, renaming = super().renamed()
        vars(system)["density"] = self.density
        return system, renaming

    def evaluate(self, theta: np.ndarray | Mapping[Any, Any], points: np.ndarray) -> np.ndarray:
        """û at ``points`` of shape (n, dim), or (n,) in one dimension, for θ of shape ``(..., p)`` or by parameter:
        ``(..., n)``, or ``(..., F, n)`` of F fields; complex where a field is."""
        packed = self.ansatz.pack(theta) if isinstance(theta, Mapping) else np.atleast_1d(reals(theta, "theta"))
        at = reals(points, "points")
        at = at[:, None] if at.ndim == 1 else at
        if at.ndim != 2 or at.shape[1] != self.domain.dim:
            raise ValueError(f"points of shape {at.shape} for a domain of dimension {self.domain.dim}")
        own = {name: value[..., None] if value.ndim == packed.ndim - 1 else np.expand_dims(value, packed.ndim - 1)
               for name, value in self.ansatz.unpack(packed).items()}  # fmt: skip
        values = dict(zip(self.ansatz.parameters, own.values(), strict=True))
        found = self._field({**values, **dict(zip(self.ansatz.variables, at.T, strict=True))})
        fields = [
            found[f"{k}"] + 1j * found[f"{k}i"] if f"{k}i" in found else found[f"{k}"]
            for k in range(len(self.density.fields))
        ]
        return fields[0] if len(fields) == 1 else np.stack(fields, axis=-2)

    @functools.cached_property
    def _field(self) -> Function:
        """û, real and imaginary part apart, at points that are batch axes."""
        outputs: dict[str, sp.Expr] = {}
        for k, (expr, own) in enumerate(zip(self.ansatz.exprs, self.density.components.values(), strict=True)):
            real, imaginary = parts(normalise(expr))
            outputs |= {f"{k}": real, f"{k}i": imaginary} if len(own) == 2 else {f"{k}": real}
        return compile(outputs, [*self.ansatz.variables, *self.ansatz.parameters])
