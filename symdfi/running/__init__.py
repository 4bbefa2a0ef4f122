"""Running, reporting and drawing what a model of the library states.

A model is a ``MechanicsModel``, an ``EvolutionModel`` or a ``PropagationModel``: system, settings, initial state or
boundary condition, and what it is measured by. What is done with it is the same for all and stands here.
"""

from symdfi.running.evolution import COMMON, EvolutionModel
from symdfi.running.keeping import Kept
from symdfi.running.measures import Characteristics, Conserved, Exact, Measured, Rivals, SpectralReference
from symdfi.running.mechanics import MECHANICS, MechanicsModel
from symdfi.running.model import Model
from symdfi.running.propagation import PROPAGATION, Experiment, Outcome, PropagationModel, nudging, rule
from symdfi.running.report import RunResult
from symdfi.running.settings import Settings, chosen, not_negative, positive

__all__ = [
    "COMMON",
    "PROPAGATION",
    "Characteristics",
    "Conserved",
    "EvolutionModel",
    "Exact",
    "Experiment",
    "Kept",
    "Measured",
    "MECHANICS",
    "MechanicsModel",
    "Model",
    "Outcome",
    "PropagationModel",
    "Rivals",
    "RunResult",
    "Settings",
    "SpectralReference",
    "chosen",
    "not_negative",
    "nudging",
    "positive",
    "rule",
]
