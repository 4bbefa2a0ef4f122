"""``integrate``: the motion of a Lagrangian system from an initial state."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike

from symdfi.dynamics.methods import DOP853, Method, Model, State, named
from symdfi.dynamics.states import with_sizes
from symdfi.dynamics.system import Lagrangian, name_of
from symdfi.errors import ConvergenceError, DivergenceError
from symdfi.plotting import plot_trajectory
from symdfi.results import hermite, save

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


#: From here on t + h = t to within a few digits.
_MOST_STEPS = 1e14


@dataclass(frozen=True)
class Trajectory:
    """States at the saved times: ``t`` (s,), ``q`` and ``v`` (s, n_dof), ``energy`` (s,)."""

    system: Lagrangian
    t: np.ndarray
    q: np.ndarray
    v: np.ndarray
    energy: np.ndarray
    params: Mapping[Any, Any]
    method: str

    def __repr__(self) -> str:
        size = f"{len(self.t)} saves of {self.q.shape[1]} degrees of freedom"
        return f"Trajectory(t = {self.t[0]:g} to {self.t[-1]:g}, {size}, {self.method})"

    @property
    def energy_drift(self) -> float:
        """max |E(t) − E(0)| / |E(0)| (absolute where E(0) = 0)."""
        change = float(np.max(np.abs(self.energy - self.energy[0])))
        return change / abs(float(self.energy[0])) if self.energy[0] else change

    def q_at(self, t: ArrayLike) -> np.ndarray:
        """q at times t, ``(*t.shape, n_dof)``: between the saved states a cubic Hermite polynomial, of an error
        O(Δt⁴) in their distance Δt. ``ValueError`` outside the trajectory."""
        return hermite(self.t, self.q, self.v, t)

    def v_at(self, t: ArrayLike) -> np.ndarray:
        """v at times t, ``(*t.shape, n_dof)``: the derivative of ``q_at``, of an error O(Δt³)."""
        return hermite(self.t, self.q, self.v, t, derivative=1)

    def __getitem__(self, variable: Any) -> np.ndarray:
        """A coordinate's or velocity's values, ``(s, *shape)``, by symbol, name or function of time.

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
        sizes = kernels.sizes(self.q.shape[1], self.params)
        columns = {}
        for values, variables in ((self.q, self.system.coordinates), (self.v, self.system.velocities)):
            start = 0
            for variable in variables:
                shape = kernels.shape(variable, sizes)
                stop = start + int(np.prod(shape, dtype=int))
                columns[name_of(variable)] = values[:, start:stop].reshape((-1, *shape))
                start = stop
        return columns

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The trajectory as an ``xarray.Dataset``: a variable a coordinate, a velocity, and the energy."""
        import xarray as xr

        data: dict[str, Any] = {}
        for q, v in zip(self.system.coordinates, self.system.velocities, strict=True):
            for variable in (q, v):
                values = self[variable]
                axes = tuple(f"{name_of(q)}_{k}" for k in range(values.ndim - 1))
                data[name_of(variable)] = (("time", *axes), values)
        data["energy"] = ("time", self.energy, {"long_name": "energy"})
        attributes: dict[str, Any] = {"method": self.method, "lagrangian": str(self.system.lagrangian)}
        attributes |= {f"parameter {name_of(p)}": np.asarray(value) for p, value in self.params.items()}
        attributes["coordinates"] = ", ".join(name_of(q) for q in self.system.coordinates)
        attributes["velocities"] = ", ".join(name_of(v) for v in self.system.velocities)
        return xr.Dataset(data, {"time": ("time", self.t, {"long_name": "time"})}, attributes)

    def save(self, path: str | Path) -> Path:
        """Write the dataset as netCDF."""
        return save(self.dataset, path)

    def plot(self) -> Figure:
        """A figure of the coordinates against time, the phase plane, and the error of the energy."""
        return plot_trajectory(self.dataset)


@dataclass(frozen=True)
class _Grid:
    """Steps of size h from ``start``, and after which of them the state is saved."""

    start: float
    h: float
    marks: np.ndarray
    every: int

    @property
    def times(self) -> np.ndarray:
        return self.start + self.h * self.marks

    def time(self, step: int) -> float:
        return self.start + step * self.h

    def chunks(self) -> list[tuple[int, int, int]]:
        """``(first, last, every)``: rows of saves done in one call, about a thousand steps, evenly spaced."""
        rows = max(1, 1000 // self.every)
        last = self.marks.size
        regular = last if self.marks[-1] - self.marks[-2] == self.every else last - 1
        found = [(k, min(k + rows, regular), self.every) for k in range(1, regular, rows)]
        return found + [(k, k + 1, int(self.marks[k] - self.marks[k - 1])) for k in range(regular, last)]


def integrate(
    system: Lagrangian,
    q0: Any,
    v0: Any,
    t_span: tuple[float, float],
    dt: float | None = None,
    params: Mapping[Any, Any] | None = None,
    *,
    method: str | Method | DOP853 = "verlet",
    inputs: Callable[[float], Mapping[Any, Any]] | Mapping[Any, Any] | None = None,
    save_every: int = 1,
) -> Trajectory:
    """Integrate M q̈ = F from (q0, v0) over ``t_span``.

    ``q0`` and ``v0`` have length n_dof (a number for one degree of freedom), or the shape of the system's only
    coordinate, which then tells its sizes. ``dt`` is the step, for DOP853 the spacing of the saved times; every
    ``save_every``-th step is saved. ``inputs`` are constants or functions of time by name, or one function of time
    that returns them all. The last step lands on the end of the interval: dt is made to divide it.

    Raises ``ValueError`` for a wrong shape, a non-finite state or a missing parameter; ``SymbolicError``
    for a method that is not made for the system; ``SingularMatrixError`` for a mass matrix that is singular
    at the start. ``DivergenceError`` and ``ConvergenceError`` name the step and time and keep the
    trajectory so far as ``partial``.
    """
    chosen = named(method) if isinstance(method, str) else method
    q, v, params = _read_state(system, q0, v0, params)
    grid = _read_grid(t_span, dt, save_every)
    model = Model(system.compile(), q.size, params, inputs, grid.start)
    label = method if isinstance(method, str) else type(method).__name__
    qs, vs = np.empty((grid.marks.size, q.size)), np.empty((grid.marks.size, q.size))
    qs[0], vs[0] = q, v

    def trajectory(rows: int) -> Trajectory:
        energy = _energy(model, grid.times[:rows], qs[:rows], vs[:rows])
        return Trajectory(system, grid.times[:rows], qs[:rows], vs[:rows], energy, params, label)

    try:
        if isinstance(chosen, DOP853):
            rows = _run_adaptive(chosen, model, State(grid.start, q, v), grid, qs, vs)
        else:
            rows = _run_steps(chosen, model, State(grid.start, q, v), grid, qs, vs)
    except (ConvergenceError, DivergenceError) as error:
        error.partial = trajectory(error.details.get("rows", 1))
        raise
    return trajectory(rows)


def _run_steps(method: Method, model: Model, state: State, grid: _Grid, qs: np.ndarray, vs: np.ndarray) -> int:
    """Fixed steps from ``state`` into the rows of ``qs`` and ``vs``; the number of rows."""
    from tqdm.auto import tqdm  # slow to import

    marks, h = grid.marks, grid.h
    method.begin(model, state)
    with tqdm(total=int(marks[-1]), desc="integrate", unit="step", disable=None, leave=False) as bar:
        for first, last, every in grid.chunks():
            done = method.advance(model, state, h, every, qs[first:last], vs[first:last])
            saved = first + done // every
            finite = np.isfinite(qs[first:saved]).all(axis=1) & np.isfinite(vs[first:saved]).all(axis=1)
            if not finite.all():
                good = first + int(np.argmin(finite))
                restart = State(float(grid.times[good - 1]), qs[good - 1].copy(), vs[good - 1].copy())
                step = int(marks[good - 1]) + _first_bad(method, model, restart, h, every)
                raise DivergenceError(
                    f"the state is not finite after step {step} (t = {grid.time(step):.6g}): "
                    f"reduce dt = {h:.3g}",
                    step=step, time=grid.time(step), rows=good,
                )  # fmt: skip
            if done < every * (last - first):
                step = int(marks[first - 1]) + done + 1
                raise ConvergenceError(
                    f"Newton's method did not converge in step {step} (to t = {grid.time(step):.6g}): "
                    f"reduce dt = {h:.3g}",
                    step=step, time=grid.time(step), rows=saved,
                )  # fmt: skip
            state.time = float(grid.times[last - 1])
            bar.update(done)
    return marks.size


def _run_adaptive(method: DOP853, model: Model, state: State, grid: _Grid, qs: np.ndarray, vs: np.ndarray) -> int:
    from tqdm.auto import tqdm  # slow to import

    row = 1
    try:
        with tqdm(total=grid.marks.size - 1, desc="integrate", unit="save", disable=None, leave=False) as bar:
            for q, v in method.solve(model, state, grid.times):
                qs[row], vs[row] = q, v
                row += 1
                bar.update()
    except DivergenceError as error:
        error.details["rows"] = row
        raise
    return row


def _first_bad(method: Method, model: Model, state: State, h: float, count: int) -> int:
    """The first of ``count`` steps after which the state is not finite."""
    row_q, row_v = np.empty((1, state.q.size)), np.empty((1, state.q.size))
    method.begin(model, state)
    for step in range(1, count):
        method.advance(model, state, h, 1, row_q, row_v)
        state.time += h
        if not State(state.time, row_q, row_v).is_finite:
            return step
    return count


def _read_state(
    system: Lagrangian, q0: Any, v0: Any, params: Mapping[Any, Any] | None
) -> tuple[np.ndarray, np.ndarray, Mapping[Any, Any]]:
    """q0 and v0, flat, and the parameters with the sizes that their shapes tell."""
    for name, value in (("q0", q0), ("v0", v0)):
        params = with_sizes(system, name, np.shape(value), params)
    q = np.array(q0, dtype=float, ndmin=1).ravel()
    v = np.array(v0, dtype=float, ndmin=1).ravel()
    if q.shape != v.shape:
        raise ValueError(f"q0 has {q.size} degrees of freedom, v0 has {v.size}")
    for name, values in (("q0", q), ("v0", v)):
        for position in np.flatnonzero(~np.isfinite(values)):
            raise ValueError(f"{name}[{position}] is {values[position]}")
    return q, v, params or {}


def _read_grid(t_span: tuple[float, float], dt: float | None, save_every: int) -> _Grid:
    start, stop = (float(x) for x in t_span)
    if not (np.isfinite(start) and np.isfinite(stop) and stop > start):
        raise ValueError(f"t_span = {t_span} does not go forward")
    if dt is None or not 0 < dt <= (stop - start) * (1 + 1e-12):
        raise ValueError(f"dt = {dt} must be positive and at most the length of t_span")
    if save_every < 1:
        raise ValueError(f"save_every = {save_every} must be at least 1")
    if not (stop - start) / dt < _MOST_STEPS:
        raise ValueError(f"t_span = {t_span} in steps of dt = {dt} makes {(stop - start) / dt:.3g} steps")
    steps = max(1, round((stop - start) / dt))
    marks = np.unique(np.append(np.arange(0, steps + 1, save_every), steps))
    return _Grid(start, (stop - start) / steps, marks, save_every)


def _energy(model: Model, t: np.ndarray, q: np.ndarray, v: np.ndarray) -> np.ndarray:
    rows = [model.inputs_at(time) or {} for time in t] if model.n_inputs else [{}]
    inputs = {name: np.array([np.asarray(row[name], dtype=float) for row in rows]) for name in rows[0]}
    return model.kernels.energy(q, v, model.given, t, inputs)
