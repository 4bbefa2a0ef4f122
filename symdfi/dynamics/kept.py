"""What files may hold of this room: systems, methods, events, and motions."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.archive import Missing, keep, keep_as_data, keep_by
from symdfi.archive.classes import Call
from symdfi.dynamics.adaptive import DOP853, Schedule
from symdfi.dynamics.dense import SciPyPolynomials, StepPolynomials
from symdfi.dynamics.events import Event, Occurrences
from symdfi.dynamics.fixed import Grid
from symdfi.dynamics.methods import RK4, ImplicitMidpoint, Verlet
from symdfi.dynamics.resumption import Resumption
from symdfi.dynamics.scipy_methods import SciPy
from symdfi.dynamics.states import Ensemble
from symdfi.dynamics.system import Lagrangian
from symdfi.dynamics.trajectory import Trajectory
from symdfi.symbolic import kept  # noqa: F401

#: What SciPy's solvers leave of a step.
_PIECES = ("RkDenseOutput", "Dop853DenseOutput", "RadauDenseOutput", "BdfDenseOutput", "LsodaDenseOutput")


def _trajectory(motion: Trajectory) -> Call:
    """By the variables of its dataset, of which a file then has one."""
    fields = {name: getattr(motion, name) for name in motion.__dataclass_fields__}
    if not isinstance(motion.system, Missing):
        for name, variables in (("q", motion.system.coordinates), ("v", motion.system.velocities)):
            fields[name] = [motion[x] for x in variables]
    return Call((), fields)


def _made(q: Any, v: Any, **fields: Any) -> Trajectory:
    lead = np.shape(fields["energy"])
    q, v = (_flat(x, lead) for x in (q, v))
    return Trajectory(q=q, v=v, **fields)


def _flat(parts: Any, lead: tuple[int, ...]) -> np.ndarray:
    if isinstance(parts, np.ndarray):
        return parts
    flat = [np.reshape(part, (*lead, int(np.prod(np.shape(part)[len(lead) :], dtype=int)))) for part in parts]
    return np.concatenate(flat, axis=-1)


def _dense(found: SciPyPolynomials) -> Call | None:
    solution = found.solution
    names = {type(piece).__name__ for piece in solution.interpolants}
    if not names <= set(_PIECES):
        return None
    pieces = [[type(piece).__name__, vars(piece)] for piece in solution.interpolants]
    return Call((), {"ts": np.asarray(solution.ts), "pieces": pieces})


def _scipy(ts: np.ndarray, pieces: list[Any]) -> SciPyPolynomials:
    from scipy.integrate import OdeSolution  # slow to import
    from scipy.integrate._ivp import bdf, lsoda, radau, rk

    made = []
    for name, given in pieces:
        if name not in _PIECES:
            raise TypeError(f"{name!r} is no dense output of SciPy's")
        cls = next(getattr(module, name) for module in (bdf, lsoda, radau, rk) if hasattr(module, name))
        piece = object.__new__(cls)
        vars(piece).update(given)
        made.append(piece)
    return SciPyPolynomials(OdeSolution(ts, made))


keep(Lagrangian, Verlet, RK4, ImplicitMidpoint, DOP853, SciPy, Event)
keep_as_data(Ensemble, Occurrences, Schedule, StepPolynomials)
keep_as_data(Grid, Resumption, room="dynamics.")
keep_by(SciPyPolynomials, _dense, _scipy)
keep_by(Trajectory, _trajectory, _made)
