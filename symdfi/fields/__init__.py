"""Fields: Lagrangian densities, and their motion on a parametrized ansatz."""

from symdfi.fields import kept as _kept  # noqa: F401  (what files may hold)
from symdfi.fields.density import LagrangianDensity
from symdfi.fields.reduced import ReducedLagrangian

__all__ = ["LagrangianDensity", "ReducedLagrangian"]
