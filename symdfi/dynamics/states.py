"""Where integrations start: one state or an ensemble, flat or in the shape of the system's only coordinate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symdfi.compile.kernels.groups import shape_of
from symdfi.compile.program.loops import Variable
from symdfi.dynamics.axes import read_axes
from symdfi.dynamics.system import CompiledLagrangian
from symdfi.numbers import finite_reals, reals
from symdfi.symbolic.given import name_of


@dataclass(frozen=True)
class Ensemble:
    """Initial states, a row a member, ``q`` and ``v`` (m, n_dof), and parameters: those that all members share, and
    the ``varied`` ones, ``(m, *shape)`` each. ``batch`` is the shape in which the members were given; a single run is
    an ensemble of one, of the shape (). ``carry`` is what a method carries of a motion that goes on, a row a member."""

    q: np.ndarray
    v: np.ndarray
    batch: tuple[int, ...]
    shared: Mapping[Any, Any]
    varied: Mapping[Any, np.ndarray]
    carry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.q)

    def rows(self, start: int, stop: int) -> Ensemble:
        """Some of the members."""
        part = slice(start, stop)
        varied = {p: values[part] for p, values in self.varied.items()}
        carry = {name: values[part] for name, values in self.carry.items()}
        return replace(self, q=self.q[part], v=self.v[part], batch=(len(self.q[part]),), varied=varied, carry=carry)

    def parameters(self, member: int = 0) -> dict[Any, Any]:
        """The parameters of one member."""
        return {**self.shared, **{p: values[member] for p, values in self.varied.items()}}


def read_ensemble(kernels: CompiledLagrangian, q0: Any, v0: Any, params: Mapping[Any, Any] | None) -> Ensemble:
    """The members from what was given, leading axes being batch axes, which broadcast.

    States are flat or in the shape of the only coordinate, as ``axes.read_axes`` tells.

    Raises ``ValueError`` for any other shape, for one that contradicts the sizes among ``params``, for batch axes
    that do not broadcast, and for a number that is not finite.
    """
    shared, varied, extents = _read_parameters(kernels, params)
    q, v = (finite_reals(np.atleast_1d(reals(x, name)), name) for name, x in (("q0", q0), ("v0", v0)))
    if q.ndim == v.ndim == 1 and q.size != v.size:
        raise ValueError(f"q0 has {q.size} degrees of freedom, v0 has {v.size}")
    axes, shared = read_axes(kernels.system, kernels.sizes, {"q0": q.shape, "v0": v.shape}, shared)
    leading = {"q0": q.shape[: q.ndim - len(axes["q0"])], "v0": v.shape[: v.ndim - len(axes["v0"])], **extents}
    try:
        batch = np.broadcast_shapes(*leading.values())
    except ValueError:
        found = ", ".join(f"{shape} of {name}" for name, shape in leading.items() if shape)
        raise ValueError(f"the batch axes do not broadcast: {found}") from None
    count = math.prod(batch)
    if count == 0:
        raise ValueError(f"an ensemble of shape {batch} has no members")

    def spread(values: np.ndarray, own: int) -> np.ndarray:
        shape = values.shape[values.ndim - own :]
        return np.array(np.broadcast_to(values, batch + shape), order="C").reshape(count, *shape)

    rows = [spread(x, len(axes[name])).reshape(count, -1) for name, x in (("q0", q), ("v0", v))]
    if rows[0].shape != rows[1].shape:
        raise ValueError(f"q0 has {rows[0].shape[1]} degrees of freedom, v0 has {rows[1].shape[1]}")
    return Ensemble(rows[0], rows[1], batch, shared, {p: spread(x, len(shape_of(p))) for p, x in varied.items()})


def _read_parameters(
    kernels: CompiledLagrangian, params: Mapping[Any, Any] | None
) -> tuple[dict[Any, Any], dict[Variable, np.ndarray], dict[str, tuple[int, ...]]]:
    """The parameters as one member has them (those that vary: as the first), those that vary, and their batch axes."""
    kernels.named(params)  # which says what is wrong with them
    shared, varied, extents = dict(params or {}), {}, {}
    for key, value in (params or {}).items():
        symbol = kernels.lookup.find(key)
        extra = np.ndim(value) - len(shape_of(symbol)) if symbol in kernels.system.parameters else 0
        if symbol is not None and extra > 0 and symbol not in kernels.index_arrays:
            values = finite_reals(value, f"the parameter {name_of(key)}")
            if values.size == 0:
                raise ValueError(f"the parameter {name_of(key)} of shape {values.shape} has no members")
            varied[symbol], extents[name_of(key)] = values, values.shape[:extra]
            shared[key] = values[(0,) * extra]
    return shared, varied, extents
