"""The motion of a Lagrangian system, of one member or of an ensemble."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from symdfi.compile.kernels.groups import shape_of
from symdfi.dynamics.dense import Interpolant
from symdfi.dynamics.events import Occurrences
from symdfi.dynamics.system import Lagrangian
from symdfi.pickling import Bare
from symdfi.plotting import plot_trajectory
from symdfi.results import distinct, hermite, save, within
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Trajectory(Bare):
    """States at the saved times: ``t`` (s,), ``q`` and ``v`` (..., s, n_dof), ``energy`` (..., s), the leading axes
    those of an ensemble. ``events`` has what was found of each event; where a member of an ensemble has ended before
    its time, its states are NaN."""

    system: Lagrangian
    t: np.ndarray
    q: np.ndarray
    v: np.ndarray
    energy: np.ndarray
    params: Mapping[Any, Any]
    method: str
    events: tuple[Occurrences, ...] = ()
    dense: tuple[Interpolant, ...] = ()

    def __repr__(self) -> str:
        size = f"{len(self.t)} saves of {self.q.shape[-1]} degrees of freedom"
        members = f"{' × '.join(map(str, self.batch))} members, " if self.batch else ""
        span = f"t = {self.t[0]:g} to {self.t[-1]:g}, " if len(self.t) else ""
        return f"Trajectory({span}{members}{size}, {self.method})"

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
            events=tuple(found.of(flat) for found in self.events), dense=self.dense[flat : flat + 1],
        )  # fmt: skip

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
        key = variable if isinstance(variable, str | sp.IndexedBase) else self.system.read(variable)
        found = self._columns.get(name_of(key))
        if found is None:
            raise KeyError(f"{variable} is no coordinate or velocity of this system: {', '.join(self._columns)}")
        return found

    @functools.cached_property
    def _columns(self) -> dict[str, np.ndarray]:
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
        """The trajectory as an ``xarray.Dataset``: a variable a coordinate, a velocity, and the energy; the axes of an
        ensemble come first."""
        import xarray as xr

        pairs = list(zip(self.system.coordinates, self.system.velocities, strict=True))
        taken = ["time", "energy", "member", *(f"member_{k}" for k in range(len(self.batch)))]
        flat = iter(distinct((name_of(variable) for pair in pairs for variable in pair), taken))
        labels = [(next(flat), next(flat)) for _ in pairs]
        members = tuple(f"member_{k}" if len(self.batch) > 1 else "member" for k in range(len(self.batch)))
        data: dict[str, Any] = {}
        for (q, v), names in zip(pairs, labels, strict=True):
            for variable, name, role in zip((q, v), names, ("coordinate", "velocity"), strict=True):
                values = self[variable]
                axes = tuple(f"{names[0]}_{k}" for k in range(values.ndim - 1 - len(self.batch)))
                data[name] = ((*members, "time", *axes), values, {"role": role, "long_name": name_of(variable)})
        data["energy"] = (
            (*members, "time"),
            self.energy,
            {"long_name": "energy", "conserved": self.system.conserves_energy},
        )
        attributes: dict[str, Any] = {"method": self.method, "lagrangian": str(self.system.lagrangian)}
        attributes |= {
            f"parameter {name_of(p)}": np.ravel(value) if np.ndim(value) > 1 else np.asarray(value)
            for p, value in self.params.items()
        }
        attributes["coordinates"] = ", ".join(name_of(q) for q in self.system.coordinates)
        attributes["velocities"] = ", ".join(name_of(v) for v in self.system.velocities)
        return xr.Dataset(data, {"time": ("time", self.t, {"long_name": "time"})}, attributes)

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Figure:
        """A figure of the coordinates against time, the phase plane, and the error of the energy. ``ValueError`` for an
        ensemble: its members are drawn one by one."""
        if self.batch:
            raise ValueError(f"an ensemble of shape {self.batch} has no one figure: plot a member, .member(...).plot()")
        return plot_trajectory(self.dataset)
