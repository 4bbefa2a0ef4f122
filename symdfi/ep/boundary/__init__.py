"""Boundary conditions of trajectories, one a file."""

from symdfi.ep.boundary.autonomous import Autonomous, Closed, LimitCycle
from symdfi.ep.boundary.base import Boundary, Places
from symdfi.ep.boundary.fixed_ends import FixedEnds
from symdfi.ep.boundary.initial_state import AtRest, InitialState
from symdfi.ep.boundary.periodic import Periodic
from symdfi.ep.boundary.static import Static

__all__ = [
    "AtRest",
    "Autonomous",
    "Boundary",
    "Closed",
    "FixedEnds",
    "InitialState",
    "LimitCycle",
    "Periodic",
    "Places",
    "Static",
]
