"""Time integration of Lagrangian systems."""

from symdfi.dynamics.integrate import Trajectory, integrate
from symdfi.dynamics.methods import DOP853, RK4, ImplicitMidpoint, Verlet
from symdfi.dynamics.system import CompiledLagrangian, Lagrangian

__all__ = [
    "DOP853",
    "RK4",
    "CompiledLagrangian",
    "ImplicitMidpoint",
    "Lagrangian",
    "Trajectory",
    "Verlet",
    "integrate",
]
