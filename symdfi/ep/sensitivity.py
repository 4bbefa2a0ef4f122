"""Derivatives of the cost by everything that was given, from one solution λ of the linearised equations.

λ is the response of the doubled system (theory of EP, "The doubled action") to the nudge: q₋ = βλ to first order in β,
which without dissipation is the response of the system itself. The nudged doubled action S = Σ_a βλ_a·r_a + βC then
gives, for every quantity θ that it holds,

    dC/dθ = d/dβ ∂_θS = ∂_θC + Σ_a λ_a·∂_θr_a,

parameters of L, of R and Q and of the costs, inputs, initial states and ends, and T: exactly, for the discrete cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.ep.boundary import InitialState
from symdfi.ep.discrete import COST, FREE, DiscreteSystem
from symdfi.ep.frame import Open
from symdfi.ep.orbit import Orbit
from symdfi.ep.readout import finite_derivatives, sampled
from symdfi.ep.setting import Setting


@dataclass(frozen=True)
class Sensitivity:
    """dC/d… of an orbit.

    ``params`` by name; ``signals``, inputs and targets, by name, a row for each time at which the rule samples (a
    terminal cost reads its targets at the last of them). ``q0`` and ``qT``, by the coordinates that an end holds, and
    ``p0``, ``pT``, by the momenta given there, are states with NaN where there is nothing given; ``v0`` is by the
    initial velocity if the momentum followed from one. ``T`` is by the end time at fixed samples, NaN without one;
    ``energy`` and ``action`` by that of an ``Autonomous`` orbit that has it given, NaN else.
    """

    params: dict[str, np.ndarray]
    signals: dict[str, np.ndarray]
    q0: np.ndarray
    v0: np.ndarray
    p0: np.ndarray
    qT: np.ndarray
    pT: np.ndarray
    T: float
    energy: float = np.nan
    action: float = np.nan


@np.errstate(over="ignore", invalid="ignore")
def by_parameters(free: Orbit, along: np.ndarray) -> dict[str, np.ndarray]:
    """dC/dθ by name, from λ = ``along`` at all nodes. ``DivergenceError`` naming a parameter by which it is not
    finite."""
    theta, *_ = _integrated(free, along)
    if (start := _by_beginning(free, along)) is not None:
        theta = theta + start.theta
    return finite_derivatives(shaped(theta, free.system.shapes(free.setting)), free.q)


@np.errstate(over="ignore", invalid="ignore")
def sensitivity(free: Orbit, push: np.ndarray, along: np.ndarray) -> Sensitivity:
    """The derivatives from ``push``, ∂C/∂x, and ``along``, λ, both at all nodes. Errors as of ``by_parameters``."""
    system, setting, d = free.system, free.setting, free.q.shape[1]
    theta, by_signal, by_time, state = _integrated(free, along)
    signals = sampled(setting, by_signal)
    nodes, nothing = push + system.gathered(setting, state), np.full(d, np.nan)
    v0 = nothing
    if (start := _by_beginning(free, along)) is not None:
        theta, v0 = theta + start.theta, start.v0
        nodes[0] += start.q0
        signals[0] += start.signals
    if setting.boundary.is_marched:
        ends = (nodes[0], along[0].copy(), nothing, nothing)
    elif isinstance(setting.frame, Open):
        first, last = setting.frame.held[[0, -1]]
        ends = (
            np.where(first, nodes[0], np.nan), np.where(first, np.nan, along[0]),
            np.where(last, nodes[-1], np.nan), np.where(last, np.nan, -along[-1]),
        )  # fmt: skip
    else:
        ends = (nothing,) * 4
    found = Sensitivity(
        shaped(theta, system.shapes(setting)), shaped(signals, system.signal_shapes(setting)), ends[0], v0, ends[1],
        ends[2], ends[3], _by_end(free, along, state, by_time[:, 0]),
    )  # fmt: skip
    finite_derivatives(found.params, free.q)
    return found


@dataclass(frozen=True)
class ByVelocity:
    """The part of dC/d… that goes by the initial momentum, where it follows from a velocity."""

    theta: np.ndarray
    signals: np.ndarray
    q0: np.ndarray
    v0: np.ndarray


def by_velocity(system: DiscreteSystem, setting: Setting, p0: np.ndarray) -> ByVelocity | None:
    """dC/dp0 · ∂p0, p0 = ∂L/∂v at (q0, v0), by parameters, signals, q0 and v0; None where p0 itself is given."""
    d = p0.size
    assert isinstance(setting.boundary, InitialState)
    q0, speed, _ = setting.boundary.start(setting.places)
    if speed is None:
        return None
    row = np.concatenate([np.zeros(d), p0])[None]
    theta, signals, _, state = system.run_at(
        system.kernels.doubled, setting, (q0[None], speed[None]), *system.beginning(setting),
        [*system.impulse_widths(setting), 2 * d], row,
    )  # fmt: skip
    return ByVelocity(theta[0], signals[0], state[0, :d], state[0, d:])


def _integrated(free: Orbit, along: np.ndarray) -> tuple[np.ndarray, ...]:
    """∂_θ(C + Σ λ·r), and ∂(c + W) by the signals and by t, and ∂W by (q, v), at the points."""
    system, setting = free.system, free.setting
    kernels, at, widths = system.kernels, system.points(setting, free.q), system.impulse_widths(setting)
    direction = np.concatenate(system.points(setting, along), axis=1)
    implicit = system.integrated(kernels.doubled, setting, at, FREE, [*widths, 2 * free.q.shape[1]], direction)
    if not (kernels.has_costed_parameters or widths[1] or system.has_time or kernels.has_timed_costs):
        return tuple(implicit)
    explicit = system.integrated(kernels.impulse, setting, at, COST, widths)
    return (*(one + other for one, other in zip(explicit, implicit, strict=False)), implicit[3])


def _by_beginning(free: Orbit, along: np.ndarray) -> ByVelocity | None:
    return by_velocity(free.system, free.setting, along[0]) if free.setting.boundary.is_marched else None


def _by_end(free: Orbit, along: np.ndarray, state: np.ndarray, by_time: np.ndarray) -> float:
    """dC/dT. Where the nodes and λ stay, slopes go as 1/h, times and weights as h: with W of ``PointKernels.doubled``,

        dC/dh = Σ b (λ·G + c − v·∂_v(W + c) + t ∂_t(W + c)),

    and Ψ's dependence on t itself."""
    system, setting = free.system, free.setting
    if setting.rule.degree == 0:
        return float("nan")
    at, (moved, _) = system.points(setting, free.q), system.points(setting, along)
    d, count, v = state.shape[1] // 2, setting.points, at[1]
    (terms,) = system.run(system.kernels.slope, setting, at, FREE, [2 * d])
    (costs,) = system.run(system.kernels.value, setting, at, COST, [1])
    (slopes,) = system.run(system.kernels.slope, setting, at, COST, [2 * d])
    each = np.einsum("ri,ri->r", moved, terms[:, :d]) + costs[:, 0]
    each -= np.einsum("ri,ri->r", v, state[:, d:] + slopes[:, d:])
    each += setting.times[:, 0] * by_time
    total = setting.weights[:count] @ each[:count] / setting.boundary.T
    return float(total + by_time[count:].sum())


def shaped(values: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Parts of the last axis by name, in their shapes; what is beyond them is left out."""
    ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes.values()])
    parts = np.split(values, ends, axis=-1)
    return {
        name: part.reshape(values.shape[:-1] + own) for (name, own), part in zip(shapes.items(), parts, strict=False)
    }
