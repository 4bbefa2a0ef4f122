"""Time schemes for θ̇ = v, where v at any θ is a least-squares solve anchored at a nearby velocity.

Each is one small file; a new one needs ``step`` only (theory of DFI, "Time schemes").
"""

from symdfi.dfi.schemes.base import Estimate, Field, Motion, Scheme, Stage, Step
from symdfi.dfi.schemes.bdf2 import BDF2
from symdfi.dfi.schemes.esdirk4 import ESDIRK4
from symdfi.dfi.schemes.euler import Euler
from symdfi.dfi.schemes.implicit import DiagonallyImplicit
from symdfi.dfi.schemes.implicit_euler import ImplicitEuler
from symdfi.dfi.schemes.rk4 import RK4
from symdfi.dfi.schemes.rk43 import RK43
from symdfi.dfi.schemes.tr_bdf2 import TRBDF2

#: The schemes by the names that settings from text use.
SCHEMES: dict[str, type[Scheme]] = {
    "euler": Euler, "bdf2": BDF2, "rk4": RK4, "rk43": RK43,
    "implicit-euler": ImplicitEuler, "tr-bdf2": TRBDF2, "esdirk4": ESDIRK4,
}  # fmt: skip

__all__ = [
    "BDF2",
    "ESDIRK4",
    "RK4",
    "RK43",
    "SCHEMES",
    "TRBDF2",
    "DiagonallyImplicit",
    "Estimate",
    "Euler",
    "Field",
    "ImplicitEuler",
    "Motion",
    "Scheme",
    "Stage",
    "Step",
]
