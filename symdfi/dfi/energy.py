"""The energy identity of inertia, for the steps of a solution.

θ̇ = v, ε v̇ = Jᵀ(f − J v) has ε‖v(T)‖² + ∫(‖r‖² + ‖J v‖²) dt = ε‖v(0)‖² + ∫‖f‖² dt with r = J v − f (theory of DFI,
"Inertia"). Euler's step at γ = ε/h, v⁺ = argmin ‖J v − f‖² + γ‖v − μ v_n‖², has it exactly, whatever h and the rank of
J: its normal equations γ(v⁺ − μ v_n) = Jᵀ(f − J v⁺) times 2 v⁺, with 2 J v⁺·(f − J v⁺) = ‖f‖² − ‖r‖² − ‖J v⁺‖², are

    γ‖v⁺‖² + γ‖v⁺ − μ v_n‖² + ‖r‖² + ‖J v⁺‖² = γ μ²‖v_n‖² + ‖f‖²

and, summed over steps of one ε,

    ε‖v_N‖² + Σ [ε‖v_{n+1} − μ v_n‖² + ε(1 − μ²)‖v_n‖² + h(‖r‖² + ‖J v_{n+1}‖²)] = ε‖v_0‖² + h Σ ‖f‖².

The second term is what the implicit step dissipates, of order h and never negative: ε‖v‖² grows by less than h‖f‖² a
step. The third is what damping takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symdfi.dfi.solution import Solution
from symdfi.numbers import real

#: θ⁺ − θ_n and h v⁺ of Euler's steps differ by rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class EnergyBalance:
    """The terms of the identity, of the steps that begin at ``t`` (k,): all (k,), those with h being integrals over it.

    ``before`` ε‖v_n‖² and ``after`` ε‖v_{n+1}‖², the energy of the velocities; ``given`` h‖f‖²; ``missed`` h‖r‖²,
    ``moved`` h‖J v_{n+1}‖², ``implicit`` ε‖v_{n+1} − μ v_n‖² and ``damped`` ε(1 − μ²)‖v_n‖², where that goes.
    """

    t: np.ndarray
    before: np.ndarray
    after: np.ndarray
    given: np.ndarray
    missed: np.ndarray
    moved: np.ndarray
    implicit: np.ndarray
    damped: np.ndarray

    @cached_property
    def defect(self) -> np.ndarray:
        """Left side minus right side, step by step (k,): rounding."""
        return self.after + self.implicit + self.damped + self.missed + self.moved - self.before - self.given

    @cached_property
    def total_defect(self) -> float:
        """|left side − right side| of the sum over all steps, relative to the right side."""
        supplied = float(self.before[0] + self.given.sum())
        spent = float((self.implicit + self.damped + self.missed + self.moved).sum()) + float(self.after[-1])
        return abs(spent - supplied) / supplied if supplied > 0 else abs(spent)


def energy_balance(solution: Solution, mu: float = 1.0) -> EnergyBalance:
    """The energy identity over a solution by Euler's scheme at a fixed ε and ``mu``, every step of it saved.

    It begins with the first velocity that was solved for. Raises ``ValueError`` where steps were not saved, θ does not
    move by h v, γ changes, or samples do, and of a problem with boundary conditions.
    """
    mu = real(mu, "mu")
    theta, v, t = solution.theta, solution.velocity, solution.t
    if len(t) < 3 or len(solution.step_t) != len(t) - 1:
        raise ValueError(f"an energy balance needs every step saved: {len(t)} saves of {len(solution.step_t)} steps")
    if solution.problem.boundary.conditions:
        raise ValueError("an energy balance is for a problem without rows of boundary conditions")
    if solution.problem.quadrature.changes:
        raise ValueError("samples change from step to step, and with them the norms of an energy balance")
    h = solution.step_dt
    away = np.abs(np.diff(theta, axis=0) - h[:, None] * v[:-1]).max(axis=1)
    if (away > _ROUNDING * (np.abs(theta[1:]).max(axis=1) + np.abs(h[:, None] * v[:-1]).max(axis=1))).any():
        raise ValueError(
            f"θ⁺ is not θ + h v in step {int(np.argmax(away)) + 1}: an energy balance is for Euler's scheme"
        )
    epsilon = solution.gamma[0] * h[0]
    if not np.allclose(solution.gamma[:-1] * h, epsilon, rtol=1e-9, atol=0):
        raise ValueError("γ changes from step to step: an energy balance is for a fixed epsilon")
    squares = []
    # The last velocity is solved for at the end, where no step begins.
    for k in range(1, len(t) - 1):
        moved, side = solution.problem.tangents(theta[k], v[k], float(t[k]), fresh=False)
        squares.append(h[k] * np.array([side @ side, (moved - side) @ (moved - side), moved @ moved]))
    given, missed, along = np.array(squares).T
    norms, change = (v**2).sum(axis=1), ((v[1:-1] - mu * v[:-2]) ** 2).sum(axis=1)
    return EnergyBalance(
        t[1:-1],
        before=epsilon * norms[:-2],
        after=epsilon * norms[1:-1],
        given=given,
        missed=missed,
        moved=along,
        implicit=epsilon * change,
        damped=epsilon * (1 - mu**2) * norms[:-2],
    )
