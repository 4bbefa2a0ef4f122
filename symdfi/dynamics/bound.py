"""A system at one size, with its parameters: the call around a kernel takes microseconds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.call import floats
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.kernels import Kernels
from symdfi.numbers import one_real

_FLOAT = np.dtype(np.float64)
#: Of q, v, t and the output, or None for a new one.
_Call = Callable[[Any, Any, float, np.ndarray | None], np.ndarray]


class BoundLagrangian:
    """A compiled system whose sizes, parameters and inputs are settled. Made by ``CompiledLagrangian.bind``.

    States are flat arrays ``(n_dof,)``, or in the shape of the system's only coordinate; results are flat. States that
    are flat, C-contiguous and float64 are passed on as they are. Every result is a new array, or is written into
    ``out``, a C-contiguous float64 array of its shape. Numbers that overflow are infinite or NaN, as in
    ``CompiledLagrangian``. Raises ``ValueError`` for states of another length.
    """

    def __init__(
        self,
        kernels: Kernels,
        n_dof: int,
        own: tuple[int, ...],
        packed: tuple[np.ndarray, np.ndarray],
        drive: np.ndarray,
        prepare: Callable[[CompiledKernel], np.ndarray],
        refuse: Callable[[Any, Any, float], Any],
    ) -> None:
        """``own`` is the shape of the only coordinate, ``packed`` are the sizes and the float parameters, ``drive`` the
        inputs, as kernels take them. ``prepare(kernel)`` checks its indices and returns its index arrays;
        ``refuse(q, v, t)`` tells a singular M.
        """
        self._kernels, self.n_dof, self._shapes = kernels, n_dof, ((n_dof,), own)
        (self._sizes, self._packed), self._drive = packed, drive
        self._prepare, self._refuse = prepare, refuse

    def acceleration(self, q: Any, v: Any, t: float = 0.0, out: np.ndarray | None = None) -> np.ndarray:
        """q̈ = M⁻¹F. ``SingularMatrixError`` where M is singular."""
        return self._acceleration(q, v, t, out)

    def forcing(self, q: Any, v: Any, t: float = 0.0, out: np.ndarray | None = None) -> np.ndarray:
        """F of M q̈ = F."""
        return self._forcing(q, v, t, out)

    def momenta(self, q: Any, v: Any, t: float = 0.0, out: np.ndarray | None = None) -> np.ndarray:
        """p = ∂L/∂v."""
        return self._momenta(q, v, t, out)

    def mass_matrix(self, q: Any, v: Any, t: float = 0.0, out: np.ndarray | None = None) -> np.ndarray:
        """M in full, ``(n_dof, n_dof)``."""
        shape = self.n_dof, self.n_dof
        out = np.empty(shape) if out is None else _output(out, shape)
        self._mass(q, v, t, out.reshape(-1))
        return out

    def energy(self, q: Any, v: Any, t: float = 0.0) -> float:
        """Σ v ∂L/∂v − L."""
        return self._energy(q, v, t, None).item()

    def lagrangian(self, q: Any, v: Any, t: float = 0.0) -> float:
        """L."""
        return self._lagrangian(q, v, t, None).item()

    @functools.cached_property
    def _acceleration(self) -> _Call:
        return self._bound(self._kernels.acceleration_kernel, self.n_dof, self._refuse)

    @functools.cached_property
    def _forcing(self) -> _Call:
        return self._bound(self._kernels.forcing_kernel, self.n_dof)

    @functools.cached_property
    def _momenta(self) -> _Call:
        return self._bound(self._kernels.momenta_kernel, self.n_dof)

    @functools.cached_property
    def _mass(self) -> _Call:
        return self._bound(self._kernels.mass_kernel, self.n_dof**2)

    @functools.cached_property
    def _energy(self) -> _Call:
        return self._bound(self._kernels.energy_kernel, 1)

    @functools.cached_property
    def _lagrangian(self) -> _Call:
        return self._bound(self._kernels.lagrangian_kernel, 1)

    def _bound(self, kernel: CompiledKernel, size: int, refuse: Callable[..., Any] | None = None) -> _Call:
        """The kernel as a function of q, v, t and its output of ``size`` numbers, which must be finite if ``refuse``
        is given. One function with all it needs at hand: on ten degrees of freedom every other layer would cost as much
        as the kernel.
        """
        ints, function = self._prepare(kernel), kernel.at(self._sizes)
        sizes, packed, drive, n = self._sizes, self._packed, self._drive, self.n_dof
        # Not BLAS, which would call its threads together for it.
        all_finite = cache.load_module("symdfi.dynamics.loops.finite").all_finite

        def call(q: Any, v: Any, t: float, out: np.ndarray | None) -> np.ndarray:
            if out is None:
                out = np.empty(size)
            try:
                fits = len(q) == n == len(v) and len(out) == size
                if fits:
                    function(sizes, ints, q, v, packed, drive, t, out)
            except (TypeError, ValueError, OverflowError):  # kernels take nothing but flat contiguous arrays of float64
                fits = False
            if not fits:
                at, moving, now = self._state("q", q), self._state("v", v), one_real(t, "the time")
                function(sizes, ints, at, moving, packed, drive, now, _output(out, (size,)))
            if refuse is not None and not all_finite(out):
                refuse(q, v, t)
            return out

        return call

    def _state(self, name: str, value: Any) -> np.ndarray:
        array = floats(name, value)
        if array.size != self.n_dof or not (array.ndim == 0 or array.shape in self._shapes):
            raise ValueError(f"{name} has shape {array.shape}, but the system is bound to {self._shapes[0]}")
        return array.reshape(-1)


def _output(out: Any, shape: tuple[int, ...]) -> np.ndarray:
    """``out`` if results can be written into it. ``ValueError`` otherwise."""
    if not (type(out) is np.ndarray and out.dtype == _FLOAT and out.shape == shape and out.flags.carray):
        raise ValueError(f"out must be a C-contiguous, writable float64 array of shape {shape}")
    return out
