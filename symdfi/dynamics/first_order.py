"""Systems whose Lagrangian is linear in the velocities, L = A(q)·v − H(q): their motion is of first order.

The equations of motion hold no acceleration, F(q, v, t) = 0 with

    F = Ω(q) v − ∂H/∂q,    Ω = A'ᵀ − A',    A' = ∂A/∂q,

the canonical ones among them (A = (p, 0)), point vortices, guiding centres, and the time-dependent variational
principle of an ansatz. They are stepped by the implicit midpoint rule F(q₀ + δ/2, δ/h) = 0: symmetric, of order 2,
symplectic where Ω is constant, and it keeps every linear and quadratic invariant to rounding. (The variational midpoint
rule, in momenta, is a two-step method here, with a parasitic solution.)
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from symdfi.compile.kernels import cache, threads
from symdfi.dynamics.model import Model
from symdfi.errors import DivergenceError, SingularMatrixError
from symdfi.linalg import structured

#: Up to so many coordinates Ω is looked at in full to tell along which it is singular.
_IN_FULL = 1000


def _functions(model: Model, rtol: float | None) -> tuple[Callable, Callable, Callable]:
    """F, and what solves with its Newton matrices: of a step, and of the velocities."""
    kernels = model.kernels
    forcing = model.function(kernels.forcing_kernel)
    if not kernels.system.is_full and rtol is None:
        return forcing, model.function(kernels.implicit_kernel), model.function(kernels.rates_kernel)
    own = kernels.forcing_kernel
    before = f"# {structured.version()}\n{own.source}\n\nkernel_step = {own.entry}\n\n\n"
    text = re.sub(r"(?m)^RTOL = .*$", f"RTOL = {rtol or 0.0!r}", cache.text("symdfi.dynamics.loops.differences"))
    loops = cache.load(before + text)
    return loops.kernel_step, loops.implicit, loops.rates


def initial_rates(model: Model, time: float, rtol: float | None, iterations: int) -> np.ndarray:
    """The velocities (m, n_dof) of the initial states, from F(q, v, t) = 0.

    Raises ``SingularMatrixError`` where Ω is singular, ``DivergenceError`` where they are not finite.
    """
    start, n = model.ensemble, model.n_dof
    forcing, _, rates = _functions(model, rtol)
    signal, found = model.signal(time), start.v.copy()
    loop = cache.load_module("symdfi.dynamics.loops.first_order").newton
    for member in range(start.size):
        own, v = model.params[member if len(model.params) > 1 else 0], found[member]
        at, residual = np.empty(n), np.empty(n)
        solved = loop(
            forcing, rates, model.sizes, model.ints, start.q[member], v, own, signal, time, 1.0, 0.0, 1e-14, iterations,
            at, residual,
        )  # fmt: skip
        if not solved:
            _refuse(model, member, time)
    return found


def midpoint_steps(
    model: Model, carry: np.ndarray, q: np.ndarray, signals: np.ndarray, times: tuple[float, int, float],
    substeps: np.ndarray, every: int, rtol: float | None, tolerance: float, iterations: int,
    out: tuple[np.ndarray, np.ndarray], rows: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """Steps in place: how many each member has done. ``carry`` are the velocities of the last midpoints,
    ``times`` the start, the steps done since, and the step."""
    steps = np.zeros(len(q), np.int64)
    threads.run(
        cache.load_module("symdfi.dynamics.loops.first_order").over, len(q), *_functions(model, rtol),
        model.sizes, model.ints, q, carry, model.params, signals, *times, substeps, every, tolerance,
        iterations, *out, *rows, steps, least=1,
    )  # fmt: skip
    return steps


def _refuse(model: Model, member: int, time: float) -> None:
    """The error for a member whose velocities could not be solved for."""
    start, n = model.ensemble, model.n_dof
    kernels, q = model.kernels, start.q[member]
    where = f"q = {np.array2string(q, threshold=8)}"
    if n > _IN_FULL:
        raise SingularMatrixError(f"the symplectic matrix is singular at {where}", member=member, direction=None)
    given = {**start.parameters(member), **model.size_values}
    states = np.broadcast_to(q, (n + 1, n))
    at = kernels.forcing(states, np.vstack([np.zeros(n), np.eye(n)]), given, time, model.inputs_at(time))
    if not np.isfinite(at).all():
        raise DivergenceError("the equations of motion are not finite at the initial state", member=member)
    omega = (at[1:] - at[0]).T
    direction = np.linalg.svd(omega)[2][-1]
    along = kernels.combination(direction, kernels.sizes(n, given))
    odd = "" if n % 2 == 0 or np.abs(omega + omega.T).max() > 1e-12 * np.abs(omega).max() else (
        f"; with {n} coordinates, an odd number, it always is"
    )  # fmt: skip
    raise SingularMatrixError(
        f"the symplectic matrix Ω of L = A·v − H is singular at {where}, along {along}{odd}",
        member=member, direction=direction,
    )  # fmt: skip
