"""The motion of a Lagrangian system, of one member or of an ensemble."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from symdfi.archive import Missing
from symdfi.archive.result import Result
from symdfi.compile.kernels.groups import shape_of
from symdfi.dynamics.balance import work
from symdfi.dynamics.dataset import dataset_of
from symdfi.dynamics.dense import Interpolant
from symdfi.dynamics.events import Occurrences
from symdfi.dynamics.outcome import Outcome
from symdfi.dynamics.pieces import Checkpoint
from symdfi.dynamics.resumption import Resumption
from symdfi.dynamics.system import Lagrangian
from symdfi.errors import CheckpointError
from symdfi.numbers import real
from symdfi.plotting import plot_trajectory
from symdfi.results import hermite, provenance, within
from symdfi.showing import shortened
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Trajectory(Result):
    """States at the saved times: ``t`` (s,), ``q`` and ``v`` (..., s, n_dof), ``energy`` (..., s), the leading axes
    those of an ensemble. ``events`` has what was found of each event; where a member of an ensemble has ended before
    its time, its states are NaN. Two are equal where all their numbers are, bit by bit."""

    system: Lagrangian
    t: np.ndarray
    q: np.ndarray
    v: np.ndarray
    energy: np.ndarray
    params: Mapping[Any, Any]
    method: str
    events: tuple[Occurrences, ...] = ()
    dense: tuple[Interpolant, ...] = ()
    resumption: Resumption | None = field(default=None, repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=provenance, compare=False, repr=False)

    @classmethod
    def of(
        cls, system: Lagrangian, outcome: Outcome, batch: tuple[int, ...], params: Mapping[Any, Any], method: str
    ) -> Trajectory:
        """What an integration hands back: members that ended before their time have NaN from there on."""
        for member in np.flatnonzero(outcome.rows < len(outcome.t)) if batch else ():
            for values in (outcome.q, outcome.v, outcome.energy):
                values[member, outcome.rows[member] :] = np.nan
        q, v, energy = (x.reshape(*batch, *x.shape[1:]) for x in (outcome.q, outcome.v, outcome.energy))
        t = outcome.t
        if not batch:
            t, q, v, energy = (x[: outcome.rows[0]] for x in (t, q, v, energy))
        return cls(system, t, q, v, energy, params, method, tuple(outcome.events), tuple(outcome.dense))

    def __repr__(self) -> str:
        size = f"{len(self.t)} saves of {self.q.shape[-1]} degrees of freedom"
        members = f"{' × '.join(map(str, self.batch))} members, " if self.batch else ""
        span = f"t = {self.t[0]:g} to {self.t[-1]:g}, " if len(self.t) else ""
        conserved = len(self.t) and not isinstance(self.system, Missing) and self.system.conserves_energy
        drift = f", energy drift {np.max(self.energy_drift):.1e}" if conserved else ""
        return f"Trajectory({span}{members}{size}, {self.method}{drift})"

    def _rows(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        if not isinstance(self.system, Missing):
            found.append(("lagrangian", shortened(str(self.system.lagrangian), 400)))
        found += [(f"parameter {name_of(p)}", np.asarray(value)) for p, value in self.params.items()]
        found += [] if self.resumption is None else list(self.resumption.settings.items())
        return found + [(f"event {k}", f"{len(event)} times") for k, event in enumerate(self.events)]

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the ensemble, () for a single motion."""
        return self.q.shape[:-2]

    @property
    def energy_drift(self) -> Any:
        """max |E(t) − E(0)| / |E(0)| (absolute where E(0) = 0), ``(...)``; NaN where an energy is not finite, as in
        what an error keeps of a motion."""
        first = self.energy[..., :1]
        ended = np.isnan(self.q).any(axis=-1)
        with np.errstate(over="ignore", invalid="ignore"):
            change = np.where(ended, 0.0, np.abs(self.energy - first)).max(axis=-1)
            drift = change / np.where(first[..., 0], np.abs(first[..., 0]), 1.0)
        return drift if self.batch else float(drift)

    @functools.cached_property
    def work(self) -> np.ndarray | None:
        """The work W (..., s) that dissipation, forces, inputs and all else that changes with time have done until the
        saved times: of an exact motion E − W is constant. It is an integral by splines of degree 5 through the saved
        states, as exact as they are close; None where the work is not known, as that of nonholonomic constraints."""
        return work(self, None if self.resumption is None else self.resumption.inputs)

    @property
    def energy_balance(self) -> Any:
        """max |E − W − E(0)| / max |E|, ``(...)``: how far the energy is from what the ``work`` makes of it; NaN where
        that is not known."""
        if self.work is None:
            return np.full(self.batch, np.nan) if self.batch else np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            off = np.nanmax(np.abs(self.energy - self.work - self.energy[..., :1]), axis=-1)
            found = off / (np.nanmax(np.abs(self.energy), axis=-1) + (off == 0))
        return found if self.batch else float(found)

    def member(self, *index: int) -> Trajectory:
        """The motion of one member of the ensemble, up to where it has ended. ``IndexError`` for an index that the
        ensemble does not have."""
        if len(index) != len(self.batch):
            raise IndexError(
                f"a member of an ensemble of shape {self.batch} has {len(self.batch)} indices, not {index}"
            )
        flat = int(
            np.ravel_multi_index(
                tuple(k % n if -n <= k < n else k for k, n in zip(index, self.batch, strict=True)), self.batch
            )
        )
        rows = np.isfinite(self.q[index]).all(axis=-1) & np.isfinite(self.v[index]).all(axis=-1)
        until = len(rows) if rows.all() else int(np.argmin(rows))
        known = {name_of(p): len(shape_of(p)) for p in self.system.parameters}
        params = {}
        for p, value in self.params.items():
            own = known.get(name_of(p), 0)
            extra = np.ndim(value) - own
            axes = np.shape(value)[extra:] if extra > 0 else ()
            params[p] = np.broadcast_to(value, (*self.batch, *axes))[index] if extra > 0 else value
        return replace(
            self, t=self.t[:until], q=self.q[index][:until], v=self.v[index][:until],
            energy=self.energy[index][:until], params=params,
            events=tuple(found.of(flat) for found in self.events), dense=self.dense[flat : flat + 1], resumption=None,
        )  # fmt: skip

    def resume(
        self, t_end: float | None = None, *, t_eval: ArrayLike | None = None, inputs: Any = None, method: Any = None,
        executor: Executor | None = None, checkpoint: str | Path | None = None, checkpoint_every: float = 10.0,
    ) -> Trajectory:  # fmt: skip
        """The motion gone on with to ``t_end``, by the same method, from where it has come to: to the last bit as if it
        had not stopped. Without ``t_end`` to where it was to end, where Ctrl-C has stopped it.

        This takes a ``t_end`` that is a whole number of the same steps (of dt that divides both spans alike). Of an
        adaptive method what its steps near the end were shortened by is taken back, so that they are those of a longer
        run, saved every dt, or at the further times ``t_eval``, as they were; a save at the end that a longer run does
        not make is not kept. ("scipy:LSODA", whose memory SciPy does not show, is run from the beginning.) Members of
        an ensemble that a terminal event has stopped stay so. ``inputs`` and ``method`` are only asked for where a file
        could not keep them, functions of time say; ``checkpoint`` is as for ``integrate``.

        Raises ``ValueError`` where the motion does not go on, as after a divergence or a terminal event, saying why,
        or for an end that no steps lead to; ``CheckpointError`` naming what a file could not keep; and what
        ``integrate`` raises.
        """
        if isinstance(self.system, Missing):
            raise CheckpointError(f"the file could not keep the system: {self.system}")
        if self.resumption is None:
            raise ValueError(
                "this motion has nothing to go on from, as it is a member of an ensemble: integrate from its last state"
            )
        kept = None if checkpoint is None else Checkpoint(Path(checkpoint), float(real(checkpoint_every, "seconds")))
        return self.resumption.resume(self, t_end, t_eval, inputs, method, executor, kept)

    def __call__(self, t: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(q, v) at times t, ``(..., *t.shape, n_dof)`` each: from the dense output of the steps, of order 7 for
        DOP853, where ``integrate`` was asked for it (``dense=True``), else as ``q_at`` and ``v_at``. ``ValueError``
        outside the trajectory."""
        if not self.dense:
            return self._between(t, 0), self._between(t, 1)
        states = np.array([interpolant(within(t, *interpolant.span)) for interpolant in self.dense])
        states = states.reshape(*self.batch, *states.shape[1:])
        return states[..., : self.q.shape[-1]], states[..., self.q.shape[-1] :]

    def q_at(self, t: ArrayLike) -> np.ndarray:
        """q at times t, ``(..., *t.shape, n_dof)``: from the dense output, if kept; else between the saved states a
        cubic Hermite polynomial, of an error O(Δt⁴) in their distance Δt. ``ValueError`` outside the trajectory."""
        return self(t)[0]

    def v_at(self, t: ArrayLike) -> np.ndarray:
        """v at times t: from the dense output, if kept; else the derivative of ``q_at``, of an error O(Δt³)."""
        return self(t)[1]

    def _between(self, t: ArrayLike, derivative: int) -> np.ndarray:
        count, n = self.q.shape[-2:]
        q, v = (np.moveaxis(x.reshape(-1, count, n), 0, 1).reshape(count, -1) for x in (self.q, self.v))
        found = hermite(self.t, q, v, t, derivative=derivative).reshape(*np.shape(t), -1, n)
        return np.moveaxis(found, -2, 0).reshape(*self.batch, *np.shape(t), n)

    def __getitem__(self, variable: Any) -> np.ndarray:
        """A coordinate's or velocity's values, ``(..., s, *shape)``, by symbol, name or function of time.

        Raises ``KeyError`` for anything else.
        """
        plain = isinstance(variable, str | sp.IndexedBase) or isinstance(self.system, Missing)
        key = variable if plain else self.system.read(variable)
        found = self._columns.get(name_of(key))
        if found is None:
            raise KeyError(f"{variable} is no coordinate or velocity of this system: {', '.join(self._columns)}")
        return found

    @functools.cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        if isinstance(self.system, Missing):  # what was read from a file has its variables there
            roles, stored = ("coordinate", "velocity"), self.dataset.data_vars.values()
            return {own.attrs["symbol"]: own.values for own in stored if own.attrs.get("role") in roles}
        kernels = self.system.compile()
        sizes = kernels.sizes(self.q.shape[-1], self._first_parameters)
        columns = {}
        for values, variables in ((self.q, self.system.coordinates), (self.v, self.system.velocities)):
            start = 0
            for variable in variables:
                shape = kernels.shape(variable, sizes)
                stop = start + int(np.prod(shape, dtype=int))
                columns[name_of(variable)] = values[..., start:stop].reshape((*values.shape[:-1], *shape))
                start = stop
        return columns

    @functools.cached_property
    def _first_parameters(self) -> Mapping[Any, Any]:
        return self.member(*(0 for _ in self.batch)).params if self.batch else self.params

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The trajectory as an ``xarray.Dataset``: a variable a coordinate, a velocity and a parameter, and the energy
        (with the ``work`` where that changes it); the axes of an ensemble come first, and axes that the Lagrangian runs
        over with one index are one dimension. Attributes are the settings, when it was made and by which versions."""
        return dataset_of(self)

    def plot(self) -> Figure:
        """A figure of the coordinates against time, the phase plane, and the error of the energy. ``ValueError`` for an
        ensemble: its members are drawn one by one."""
        if self.batch:
            raise ValueError(f"an ensemble of shape {self.batch} has no one figure: plot a member, .member(...).plot()")
        return plot_trajectory(self.dataset)
