"""What files may hold of this room: boundary conditions, rules, nudges, optimisers, costs and trainers."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.archive import Missing, keep, keep_as_data, keep_by
from symdfi.archive.classes import Call
from symdfi.compile.kernels.index_values import IndexValues
from symdfi.dynamics import kept as _dynamics  # noqa: F401
from symdfi.ep.boundary import AtRest, Autonomous, FixedEnds, InitialState, LimitCycle, Periodic, Places, Static
from symdfi.ep.boundary.static import Rest
from symdfi.ep.closed import Pinned
from symdfi.ep.closure import Closure, Place
from symdfi.ep.convolution import Convolution
from symdfi.ep.cost import Cost
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.echo import Echo
from symdfi.ep.frame import Open, Ring, TwoPoint
from symdfi.ep.gain import GainFlippedEcho
from symdfi.ep.history import Failure, Training
from symdfi.ep.iterated import IteratedRing
from symdfi.ep.march import Marched
from symdfi.ep.nudging import Centered, Holomorphic, Infinitesimal, OneSided
from symdfi.ep.optimizers import LBFGS, SGD, Adam
from symdfi.ep.orbit import Orbit
from symdfi.ep.reciprocal import Reciprocal
from symdfi.ep.rules import Fourier, Galerkin, Midpoint, Rule, Trapezoidal
from symdfi.ep.samples import Samples
from symdfi.ep.setting import Setting
from symdfi.ep.trainer import EPTrainer
from symdfi.ep.training import Plan, Resumption

# Their arguments are not what they hold: a state is flat in them, and its shape beside it.
keep_as_data(AtRest, Autonomous, FixedEnds, InitialState, LimitCycle, Periodic, Static)
keep_as_data(Rule)
keep_by(Midpoint, lambda rule: Call())
keep_by(Trapezoidal, lambda rule: Call())
keep_by(Galerkin, lambda rule: Call((rule.degree,)))
keep_by(Fourier, lambda rule: Call((rule.degree // 2,)))
keep(Cost, DiscreteSystem, EPTrainer)
keep(Centered, Convolution, Echo, GainFlippedEcho, Holomorphic, Infinitesimal, OneSided, Reciprocal)
keep(Adam, LBFGS, SGD)
keep_as_data(Failure, Marched, Open, Place, Places, Plan, Ring, Setting)
keep_as_data(Closure, Resumption, room="ep.")
keep_by(Rest, lambda rule: Call())
keep_by(IndexValues, lambda found: Call((found.sizes, found.arrays)))


def _pinned(pinned: Pinned) -> Call:
    return Call((pinned.closure, pinned.place, pinned.weights))


def _refactored(closure: Closure, place: Place, weights: tuple[float, complex]) -> Pinned:
    return Pinned(closure, place, closure.factor(place, weights), weights)


keep_by(Pinned, _pinned, _refactored)


def _orbit(orbit: Orbit) -> Call:
    """Factors are made again, of the path that they were made of."""
    fields: dict[str, Any] = {name: getattr(orbit, name) for name in orbit.__dataclass_fields__}
    if isinstance(orbit.linear, TwoPoint):
        iterated = isinstance(orbit.linear.factor, IteratedRing)
        fields["linear"] = {"at": orbit.linear.at, "weights": orbit.linear.weights, "iterated": iterated}
    return Call((), fields)


def _made(system: DiscreteSystem, setting: Setting, linear: Any, **fields: Any) -> Orbit:
    if isinstance(system, Missing):
        linear = None  # nothing to make them of
    elif isinstance(linear, dict):
        at, weights = np.asarray(linear["at"]), linear["weights"]
        if linear["iterated"]:
            factor: Any = IteratedRing(system, setting, at)
        else:
            factor = setting.frame.factor(system.blocks(setting, at, weights))
        linear = TwoPoint(setting.frame, factor, at, weights)
    return Orbit(system=system, setting=setting, linear=linear, **fields)


keep_by(Orbit, _orbit, _made)


def _training(training: Training) -> Call:
    """With what the data are, which may hold functions that no file can."""
    fields = {name: getattr(training, name) for name in training.__dataclass_fields__}
    if training.resumption is not None and not isinstance(training.resumption.data, Missing):
        fields["data_digest"] = training.data_digest or Samples(training.resumption.data).digest
    return Call((), fields)


keep_by(Training, _training)
