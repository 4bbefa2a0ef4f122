"""Which exact schemes a system admits under a boundary condition, and why: theory of EP, "Which scheme is exact"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.compile.kernels.groups import count_of
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.boundary import Boundary, Closed, InitialState, Static
from symdfi.ep.discrete import DiscreteSystem, discretised
from symdfi.ep.extremum import check_boundary
from symdfi.ep.gain import LARGEST, damped_like_its_mass, too_much
from symdfi.ep.mirror import SEARCHED, TOLERANCE, Mirror, mirrors
from symdfi.ep.probe import Probe, not_reciprocal
from symdfi.ep.rules import Midpoint
from symdfi.ep.setting import PARAMS
from symdfi.pickling import Bare
from symdfi.symbolic.given import by_name, mapping, name_of

#: Intervals of the grid at whose points inputs are drawn.
_STEPS = 4


@dataclass(frozen=True)
class Scheme:
    """One way to the exact gradient: how it is asked for, whether the system admits it, the condition that decided
    that, and what it costs beside the free trajectory."""

    name: str
    admitted: bool
    condition: str
    cost: str


@dataclass(frozen=True)
class Schemes(Bare):
    """The schemes for one system under one boundary condition, of which some are admitted."""

    rows: tuple[Scheme, ...]

    @property
    def admitted(self) -> tuple[str, ...]:
        """The names of those that are."""
        return tuple(row.name for row in self.rows if row.admitted)

    def __iter__(self) -> Iterator[Scheme]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Scheme:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name} is none of {', '.join(row.name for row in self.rows)}")

    def __str__(self) -> str:
        lines = []
        for row in self.rows:
            lines.append(f"{'yes' if row.admitted else 'no':<4}{row.name:<24}{row.condition}")
            if row.admitted:
                lines.append(f"{'':<28}cost: {row.cost}")
        return "\n".join(lines)


def schemes(system: Lagrangian, boundary: Boundary, params: Mapping[Any, Any] | None = None) -> Schemes:
    """The exact schemes for a system, with the condition that decided each: whether it has an action, the symmetry of
    M, D and K = −F_u, linearity, parity in q̇, D = γM, and mirrors, sought among the signed permutations of up to six
    coordinates.

    ``boundary`` is any of ``Periodic``, ``FixedEnds``, ``InitialState``, ``AtRest``, ``Static``, ``Autonomous`` and
    ``LimitCycle``.

    Parameters that are not among ``params`` are drawn at random, so that what is admitted is for all of them; a
    condition that only holds at certain values is found where they are given. Index arrays and sizes that do not follow
    from the boundary condition are to be given.

    Raises ``SymbolicError`` for what is no boundary condition, ``ValueError`` for a missing index array or size.
    """
    check_boundary(boundary)
    discrete, given = discretised(system), None if params is None else mapping(params, *PARAMS)
    probe = _probe(discrete, boundary, boundary.with_sizes(system, given))
    if isinstance(boundary, Static):
        rows = _of_equilibria(probe)
    elif boundary.is_marched:
        rows = _of_marches(probe)
    else:
        rows = _of_two_points(probe)
    return Schemes(tuple(rows))


def _probe(discrete: DiscreteSystem, boundary: Boundary, params: Mapping[Any, Any]) -> Probe:
    kernels, rng = discrete.kernels, np.random.default_rng(0)
    compiled, named = kernels.compiled, by_name(params, *PARAMS)
    total = count_of(kernels.nudged.coordinates).subs({s: named.get(s.name, s) for s in kernels.nudged.sizes})
    told = boundary.n_dof if boundary.n_dof is not None else int(total) if total.is_Integer else None
    if told is None:
        raise ValueError("the sizes do not follow from the boundary condition: give them in params")
    extents = compiled.sizes(told, named)
    for p in kernels.differentiable:
        named.setdefault(name_of(p), 0.5 + rng.random(compiled.shape(p, extents)))
    # Inputs are drawn with the states.
    signals = {name_of(a): np.zeros(compiled.shape(a, extents)) for a in discrete.system.inputs}
    setting = discrete.read(boundary, boundary.rule(Midpoint()), _STEPS, told, named, signals)
    return Probe.drawn(discrete, setting)


def _infinitesimal(condition: str, cost: str) -> Scheme:
    return Scheme("Infinitesimal()", True, condition, cost)


def _doubled() -> Scheme:
    return _infinitesimal(
        "any dissipation, any force: the doubled action has the motion for its extremum",
        "one linear sweep back over the path, less than the free run; the adjoint in variational form, no experiment",
    )


def _no_action(system: Lagrangian) -> str:
    """Why a system has no action; nothing if it has one."""
    if system.dissipation != 0:
        return "it has none, for there is dissipation, R = " + str(system.dissipation)
    if any(force != 0 for force in system.external_forces):
        return "it has none, for there are generalized forces, which no L gives"
    return ""


def _of_two_points(probe: Probe) -> Iterator[Scheme]:
    reason = _no_action(probe.system.system)
    if reason:
        yield _doubled()
    else:
        yield _infinitesimal(
            "it has an action: no dissipation, no generalized forces",
            "one solve with the factors of the free orbit; the response of the system itself",
        )
    yield Scheme(
        "Centered()", not reason, f"an action: {reason}" if reason else "it has an action, and the ends are held",
        "two nudged orbits by the factors of the free one; the system itself, nudged: bias of β²",
    )  # fmt: skip
    beginning = "a trajectory given by its beginning: this one is not"
    yield Scheme("Echo()", False, beginning, "")
    if isinstance(probe.setting.boundary, Closed):
        yield Scheme(
            "Reciprocal()", False, "a trajectory given by its beginning, or of a drive: here the phase is free", ""
        )
    elif probe.setting.boundary.periodic:
        yield from _reciprocal(probe)
    else:
        yield Scheme("Reciprocal()", False, f"{beginning}, nor is it periodic", "")


def _of_equilibria(probe: Probe) -> Iterator[Scheme]:
    at = (probe.q, np.zeros_like(probe.v))
    K, reason = probe.matrices(at)["K"], _no_action(probe.system.system)
    symmetric = np.max(np.abs(K - K.transpose(0, 2, 1))) <= TOLERANCE * np.max(np.abs(K))
    yield _infinitesimal(
        "an equilibrium: " + ("F_u is symmetric" if symmetric else "F_u is not symmetric, by the doubled action"),
        "one solve with the factors of the free equilibrium",
    )
    condition = "F_u is symmetric: ordinary equilibrium propagation" if symmetric else "F_u is not symmetric"
    if symmetric and reason:
        condition = f"F_u is symmetric, but an action is needed to nudge: {reason}"
    yield Scheme("Centered()", bool(symmetric and not reason), condition, "two nudged equilibria: bias of β²")


def _of_marches(probe: Probe) -> Iterator[Scheme]:
    reason = _no_action(probe.system.system)
    yield _doubled()
    yield Scheme("Centered()", False, "both ends held: from the same beginning, ∂_βp·∂_θq at T does not vanish", "")
    yield Scheme(
        "Echo()", not reason, f"an action: {reason}" if reason else "it has an action: the final state is pinned",
        "two runs of the discrete action from its end, for β and −β: bias of β²",
    )  # fmt: skip
    yield _echo_of_the_machine(probe, reason)
    if reason:
        yield _gain_flipped(probe)
    yield from _reciprocal(probe)


def _echo_of_the_machine(probe: Probe, reason: str) -> Scheme:
    cost = "two runs of the machine itself, for β and −β: bias of β²"
    d = probe.q.shape[1]
    if reason:
        return Scheme("Echo(mirror=...)", False, f"an action: {reason}", cost)
    if probe.broken(probe.reversal(Mirror.none(d))) <= TOLERANCE:
        return Scheme("Echo(mirror=...)", True, f"L is even in the velocities: no mirror is needed, {_plus(d)}", cost)
    if d > SEARCHED:
        condition = f"L is not even in the velocities; a mirror of more than {SEARCHED} coordinates is to be given"
        return Scheme("Echo(mirror=...)", False, condition, cost)
    if (found := probe.found()) is None:
        condition = "L is not even in the velocities, and no signed permutation Π makes L(Πq, −Πq̇) = L(q, q̇)"
        return Scheme("Echo(mirror=...)", False, condition, cost)
    condition = f"L is not even in the velocities, but L(Πq, −Πq̇) = L(q, q̇) for Πq = {found.mirror}"
    return Scheme("Echo(mirror=...)", True, condition, cost)


def _gain_flipped(probe: Probe) -> Scheme:
    name, cost = "GainFlippedEcho()", "two runs of the machine with gain for damping, for β and −β: bias of β²"
    rate, reason = damped_like_its_mass(probe)
    if reason:
        return Scheme(name, False, reason, cost)
    whole = rate * probe.setting.boundary.T
    if whole > LARGEST:
        return Scheme(name, False, f"D = γM, but {too_much(whole)}", cost)
    condition = f"D = γM with γ = {rate:.3g}, γT = {whole:.3g} ≤ {LARGEST:.3g}, by the rule Trapezoidal()"
    return Scheme(name, True, condition, cost)


def _convolution(probe: Probe, reason: str) -> Scheme:
    name, cost = "Convolution()", "two runs of the machine with its drives, for β and −β of any size: no bias"
    boundary = probe.setting.boundary
    if reason:
        return Scheme(name, False, f"linear with constant symmetric M, D and K: {reason}", cost)
    if isinstance(boundary, InitialState):
        start = boundary.start(probe.setting.places)
        if any(np.any(x) for x in start if x is not None):
            return Scheme(name, False, "a motion that is periodic or begins at rest, at 0: this one does not", cost)
    return Scheme(name, True, "linear, M, D and K symmetric and constant: a convolution action", cost)


def _plus(d: int) -> str:
    return "mirror=[1]" if d == 1 else f"mirror=[1] * {d}"


def _reciprocal(probe: Probe) -> Iterator[Scheme]:
    cost = "one run of the machine itself, of any amplitude, without a nudge: no bias"
    rng, d = np.random.default_rng(1), probe.q.shape[1]
    q, v = rng.normal(size=(2, *probe.q.shape))
    here, there = probe.matrices((probe.q, probe.v)), probe.matrices((q, v))
    varies = probe.setting.boundary.is_marched
    reason = not_reciprocal(here, there, Mirror.none(d), varies)
    first = "" if np.any(here["M"]) else "of first order, "
    held = f"{first}linear, M, D and K symmetric, {'M and D' if varies else 'all'} constant"
    yield Scheme("Reciprocal()", not reason, f"linear with symmetric M, D and K: {reason}" if reason else held, cost)
    yield _convolution(probe, reason or not_reciprocal(here, there, Mirror.none(d), False))
    if not reason.endswith("is not symmetric"):
        return
    if d > SEARCHED:
        condition = f"twisted reciprocity: a mirror S of more than {SEARCHED} coordinates is to be given"
        yield Scheme("Reciprocal(mirror=...)", False, condition, cost)
        return
    found = next((m for m in mirrors(d) if not not_reciprocal(here, there, m, varies)), None)
    condition = "twisted reciprocity: no signed permutation S makes SMS = Mᵀ, SDS = Dᵀ and SKS = Kᵀ"
    if found is not None:
        condition = f"twisted reciprocity: SMS = Mᵀ, SDS = Dᵀ and SKS = Kᵀ for Sq = {found}"
    yield Scheme("Reciprocal(mirror=...)", found is not None, condition, cost)
