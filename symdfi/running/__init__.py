"""Running, reporting and drawing what a model of the library states.

A model is a ``MechanicsModel`` or an ``EvolutionModel``: system, settings, initial state and reference. What is done
with it is the same for all and stands here.
"""

from symdfi.running.evolution import COMMON, EvolutionModel
from symdfi.running.mechanics import MechanicsModel
from symdfi.running.model import Model
from symdfi.running.report import RunResult
from symdfi.running.settings import Settings, not_negative, positive

__all__ = [
    "COMMON",
    "EvolutionModel",
    "MechanicsModel",
    "Model",
    "RunResult",
    "Settings",
    "not_negative",
    "positive",
]
