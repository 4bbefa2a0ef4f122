"""Lagrangian systems that compile, and their evaluation on arrays."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.dynamics.bound import BoundLagrangian
from symdfi.dynamics.holding import Holding
from symdfi.numbers import count
from symdfi.showing import shortened
from symdfi.symbolic import lagrangian as symbolic


class Lagrangian(symbolic.Lagrangian):
    # One text for both: what is given is the same.
    __doc__ = symbolic.Lagrangian.__doc__

    def compile(self) -> CompiledLagrangian:
        """The kernels of this system, each compiled when it is first used."""
        return self._compiled

    @functools.cached_property
    def _compiled(self) -> CompiledLagrangian:
        return CompiledLagrangian(self)


def check_system(system: Any) -> None:
    """``TypeError`` for what is no Lagrangian system."""
    if not isinstance(system, Lagrangian):
        raise TypeError(f"the system is {shortened(repr(system), 100)}: give a sd.Lagrangian(L, q, v)")


class CompiledLagrangian(Holding):
    """A system on numbers: acceleration, energy, Lagrangian, momenta, forcing and mass matrix.

    States are arrays ``(..., n_dof)`` with the coordinates one after the other in declared order, each in
    row-major order; leading axes are batch axes. States of a system whose only coordinate has two or more axes may
    be in its shape, ``(..., n, m)``, and so are the results then; an array of exactly that shape is one state.
    ``params`` maps parameters, by symbol or name, to a number or an array of the declared shape; sizes that do not
    follow from the shapes are given there too. ``inputs`` maps inputs likewise; ``time``, inputs, and parameters other
    than index arrays may have batch axes.

    The formulas are evaluated as NumPy would: what overflows is infinite, what has no value is NaN, without a warning
    (and, in another order of the operations, not always where NumPy's would be). ``integrate`` lets no such number
    through. What is given may be any real number, infinite or NaN as well; ``ValueError`` for anything else.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return Lagrangian.compile, (self.system,)

    def __repr__(self) -> str:
        return f"CompiledLagrangian({self.system})"

    def _repr_latex_(self) -> str:
        return self.system._repr_latex_()

    def acceleration(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """q̈ of M q̈ = F (+ Gᵀλ under constraints) for states ``(..., n_dof)``.

        ``SingularMatrixError`` where M is singular; with constraints where [[M, Gᵀ], [G, 0]] is, and then it says
        which constraint follows from the others.
        """
        states = self.read_states(q, v, params, time, inputs)
        found = self.evaluate(self.acceleration_kernel, states, states.at.n)
        self.check_solved(found, states)
        return states.shaped(found)

    def bind(
        self, params: Mapping[Any, Any] | None = None, *, n_dof: int | None = None, inputs: Any = None
    ) -> BoundLagrangian:
        """The system at one size, with its parameters and inputs settled, for many calls of microseconds.

            bound = system.compile().bind({k: 1.0}, n_dof=64)
            bound.acceleration(q, v, t)

        ``n_dof`` may be left out where the parameters' shapes and sizes tell it. Raises ``ValueError`` as a call does.
        """
        n = self.length(params) if n_dof is None else count(n_dof, "n_dof", 1)
        params = dict(params or {})
        order, ints, packed = self.pack(params, n)
        sizes = self.sizes(n, params)
        given, drive = self.index_values(n, params), self.input_values(inputs, sizes, batched=False)

        def prepare(kernel: CompiledKernel) -> np.ndarray:
            self.check(kernel, given)
            return self.with_plan(kernel, order, ints)

        def refuse(q: Any, v: Any, t: float) -> None:
            self.acceleration(q, v, params, t, inputs)

        coordinates = self.system.coordinates
        own = self.shape(coordinates[0], sizes) if len(coordinates) == 1 else ()
        return BoundLagrangian(self, n, own, (order, packed), drive, prepare, refuse)

    def energy(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """Σ v ∂L/∂v − L, of shape ``(...)``."""
        return self.evaluate(self.energy_kernel, self.read_states(q, v, params, time, inputs), 1)[..., 0]

    def lagrangian(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """L, of shape ``(...)``."""
        return self.evaluate(self.lagrangian_kernel, self.read_states(q, v, params, time, inputs), 1)[..., 0]

    def momenta(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """p = ∂L/∂v, of shape ``(..., n_dof)``."""
        states = self.read_states(q, v, params, time, inputs)
        return states.shaped(self.evaluate(self.momenta_kernel, states, states.at.n))

    def forcing(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """F of M q̈ = F, of shape ``(..., n_dof)``."""
        states = self.read_states(q, v, params, time, inputs)
        return states.shaped(self.evaluate(self.forcing_kernel, states, states.at.n))

    def mass_matrix(self, q: Any, v: Any, params: Any = None, time: Any = 0.0, inputs: Any = None) -> np.ndarray:
        """M in full, of shape ``(..., n_dof, n_dof)``."""
        states = self.read_states(q, v, params, time, inputs)
        n = states.at.n
        flat = self.evaluate(self.mass_kernel, states, n**2)
        return flat.reshape((*flat.shape[:-1], n, n))

    @property
    def source(self) -> str:
        """The Python source of the acceleration kernel."""
        return self.acceleration_kernel.readable
