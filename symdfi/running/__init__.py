"""Running, reporting and drawing what a model of the library states.

A model is a ``MechanicsModel`` or an ``EvolutionModel``: system, settings, initial state and what it is measured by.
What is done with it is the same for all and stands here.
"""

from symdfi.running.evolution import COMMON, EvolutionModel
from symdfi.running.measures import Characteristics, Conserved, Exact, Measured, Rivals, SpectralReference
from symdfi.running.mechanics import MechanicsModel
from symdfi.running.model import Model
from symdfi.running.report import RunResult
from symdfi.running.settings import Settings, not_negative, positive

__all__ = [
    "COMMON",
    "Characteristics",
    "Conserved",
    "EvolutionModel",
    "Exact",
    "Measured",
    "MechanicsModel",
    "Model",
    "Rivals",
    "RunResult",
    "Settings",
    "SpectralReference",
    "not_negative",
    "positive",
]
