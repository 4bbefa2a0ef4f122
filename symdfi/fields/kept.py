"""What files may hold of this room: densities, and what they reduce to."""

from symdfi.archive import keep
from symdfi.dfi import kept as _dfi  # noqa: F401
from symdfi.dynamics import kept as _dynamics  # noqa: F401
from symdfi.fields.density import LagrangianDensity
from symdfi.fields.reduced import ReducedLagrangian

keep(LagrangianDensity, ReducedLagrangian)
