"""Time schemes for θ̇ = v, where v at any θ is a least-squares solve anchored at a nearby velocity.

Each is one small file; a new one needs ``step`` only (THEORY-DFI, §1–2).
"""

from symdfi.dfi.schemes.base import Field, Motion, Scheme, Stage, Step
from symdfi.dfi.schemes.bdf2 import BDF2
from symdfi.dfi.schemes.euler import Euler
from symdfi.dfi.schemes.rk4 import RK4

#: The schemes by the names that settings from text use.
SCHEMES: dict[str, type[Scheme]] = {"euler": Euler, "bdf2": BDF2, "rk4": RK4}

__all__ = ["BDF2", "RK4", "SCHEMES", "Euler", "Field", "Motion", "Scheme", "Stage", "Step"]
