"""Time integration of Lagrangian systems."""

from symdfi.dynamics import kept as _kept  # noqa: F401  (what files may hold)
from symdfi.dynamics.adaptive import DOP853
from symdfi.dynamics.events import Event
from symdfi.dynamics.integrate import integrate
from symdfi.dynamics.methods import RK4, ImplicitMidpoint, Verlet
from symdfi.dynamics.scipy_methods import SciPy
from symdfi.dynamics.system import CompiledLagrangian, Lagrangian
from symdfi.dynamics.trajectory import Trajectory

__all__ = [
    "DOP853",
    "RK4",
    "CompiledLagrangian",
    "Event",
    "ImplicitMidpoint",
    "Lagrangian",
    "SciPy",
    "Trajectory",
    "Verlet",
    "integrate",
]
