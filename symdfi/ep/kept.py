"""What files may hold of this room: boundary conditions, rules, nudges, optimisers, costs and trainers."""

from __future__ import annotations

from symdfi.archive import keep, keep_as_data, keep_by
from symdfi.archive.classes import Call
from symdfi.dynamics import kept as _dynamics  # noqa: F401
from symdfi.ep.boundary import AtRest, Autonomous, FixedEnds, InitialState, LimitCycle, Periodic, Static
from symdfi.ep.convolution import Convolution
from symdfi.ep.cost import Cost
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.echo import Echo
from symdfi.ep.gain import GainFlippedEcho
from symdfi.ep.nudging import Centered, Holomorphic, Infinitesimal, OneSided
from symdfi.ep.optimizers import LBFGS, SGD, Adam
from symdfi.ep.reciprocal import Reciprocal
from symdfi.ep.rules import Fourier, Galerkin, Midpoint, Rule, Trapezoidal
from symdfi.ep.trainer import EPTrainer

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
