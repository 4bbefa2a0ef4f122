"""Steppers: which least-squares problem gives the velocity, and which time scheme uses it.

All solve ``min ‖J v − f‖² + γ‖v − μ a‖²`` (theory of DFI, "The step"): Dirac–Frenkel has no anchor a, inertia anchors
at the last velocity. A new one is one small file.
"""

from symdfi.dfi.steppers.adaptive import Adaptive
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.budget import Budget
from symdfi.dfi.steppers.conserving import Conserving
from symdfi.dfi.steppers.dirac_frenkel import DiracFrenkel
from symdfi.dfi.steppers.inertia import DFI
from symdfi.dfi.steppers.memory import Memory
from symdfi.dfi.steppers.named import stepper_of
from symdfi.dfi.steppers.onsager import DFO
from symdfi.dfi.steppers.solves import Solves
from symdfi.dfi.steppers.sparse import RSNG
from symdfi.dfi.steppers.trust import Trust

__all__ = [
    "Adaptive",
    "Budget",
    "Conserving",
    "DFI",
    "DFO",
    "DiracFrenkel",
    "Memory",
    "RSNG",
    "Solves",
    "Stepper",
    "Trust",
    "stepper_of",
]
