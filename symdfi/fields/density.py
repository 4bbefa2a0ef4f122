"""Lagrangian densities that reduce to Lagrangian systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy.core.function import AppliedUndef

from symdfi.dfi.domain import Box
from symdfi.dfi.sampling import Quadrature
from symdfi.fields.reduced import ReducedLagrangian
from symdfi.symbolic import density as symbolic
from symdfi.symbolic.ansatz import Ansatz


class LagrangianDensity(symbolic.LagrangianDensity):
    """A Lagrangian density that reduces to an ansatz (see ``symdfi.symbolic.density.LagrangianDensity`` for the
    arguments)."""

    def reduce(
        self,
        ansatz: Ansatz | Mapping[AppliedUndef, Ansatz],
        domain: Box,
        quadrature: Quadrature,
        params: Mapping[Any, float] | None = None,
    ) -> ReducedLagrangian:
        """The motion of the parameters θ of an ansatz û(x; θ) (collective coordinates), by the action itself:

            L(θ, θ̇) = Σ_s w_s 𝓛(û, J θ̇, ∂û/∂x, ...),    J = ∂û/∂θ.

        The result is a ``Lagrangian``, for ``sd.integrate`` and all else that takes one; ``params`` are numbers of the
        density's parameters, those left out are given there. Its mass matrix is M = Σ_s w_s 𝓛_{u_t u_t} J Jᵀ. Where
        that is singular, as for an ansatz with more parameters than its functions need, ``sd.integrate`` raises
        ``SingularMatrixError``: then evolve ``density.evolution()`` by ``sd.DFI``, which is made for it. A density that
        is linear in the rates has no mass matrix: its motion Ω(θ) θ̇ = ∂H/∂θ (the time-dependent variational principle)
        is integrated by ``method="midpoint"``, or with redundant parameters by ``ImplicitMidpoint(rtol=1e-9)``.

        What is compiled does not grow with samples or units, but with the depth of nested sums: seconds for a mixture,
        a minute for a network of three layers.

        Of several fields the ansatz is one with as many outputs, or one a field, ``{u: ansatz_u, w: ansatz_w}``. A
        complex field takes an ansatz with complex values in real parameters. Raises ``SymbolicError`` where ansatz,
        domain and density do not fit or the ansatz has no derivative, ``ValueError`` for an unknown parameter.
        """
        return ReducedLagrangian(self, ansatz, domain, quadrature, params)
