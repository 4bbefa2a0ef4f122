"""The default gradient of systems drawn at random against an independent complex step.

Polynomial potentials, masses that depend on position, couplings, magnetic terms, drives, Rayleigh functions of up to
cubic forces, forces without a potential, running and terminal costs, every rule and every boundary condition, damping
γT up to 300. ``pytest -m slow`` draws two hundred, of which each compiles its own kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.ep.complex_step import Written

RULES = {"midpoint": sd.Midpoint(), "trapezoidal": sd.Trapezoidal(), "galerkin": sd.Galerkin()}
KINDS = ("initial", "momentum", "periodic", "ends", "part")
T, STEPS = 2.5, 10


@dataclass(frozen=True)
class Drawn:
    """A system, its cost, and both in plain symbols."""

    system: sd.Lagrangian
    cost: sd.Cost
    written: Written
    values: np.ndarray


class Symbols:
    """Parameters as they are needed, each with its value."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.values = rng, {}

    def __call__(self, low: float, high: float) -> sp.Symbol:
        symbol = sp.Symbol(f"a{len(self.values)}")
        self.values[symbol] = self.rng.uniform(low, high)
        return symbol


def drawn(seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    new, d, t = Symbols(rng), int(rng.integers(1, 4)), sd.t
    q, v = zip(*(sd.coordinates(f"q{k}") for k in range(d)), strict=True)
    some = lambda: rng.random() < 0.5  # noqa: E731
    pairs = [(a, b) for a in range(d) for b in range(a)]
    L = R = sp.S.Zero
    for a in range(d):
        other = q[int(rng.integers(d))]
        shape = 1 + new(0.1, 0.5) * (sp.sin(other) ** 2 if some() else other**2) if some() else 1
        L += new(0.7, 1.5) * shape * v[a] ** 2 / 2 - new(0.3, 1.5) * q[a] ** 2 / 2
        L -= new(0.1, 0.6) * q[a] ** 4 / 4 if some() else 0
        L += new(-0.2, 0.2) * q[a] ** 3 if some() else 0
    for a, b in pairs:
        L -= new(0.1, 0.5) * (q[a] - q[b]) ** 2 / 2 if some() else new(0.1, 0.3) * q[a] ** 2 * q[b] ** 2
        L += new(-0.5, 0.5) * (q[a] * v[b] - q[b] * v[a]) if some() else 0
        L += new(-0.2, 0.2) * v[a] * v[b] if some() else 0
    L += new(0.2, 1.0) * sp.cos(2 * sp.pi * t / sp.Float(T)) * q[int(rng.integers(d))]
    strength = float(10 ** rng.uniform(-2, np.log10(300))) / T
    Q = [sp.S.Zero] * d
    if some() or some():
        R += new(0.5 * strength, strength) * sum(x**2 for x in v) / 2
        R += new(0.1, 0.5) * (v[0] + sum(v[1:]) / 2) ** 4 / 4 if some() else 0
        if some():
            a = int(rng.integers(d))
            Q[a] = new(-0.2, 0.2) * q[int(rng.integers(d))] * (v[int(rng.integers(d))] if some() else 1)
    last = q[d - 1]
    running = (last - new(0.1, 0.6) * sp.cos(2 * sp.pi * t / sp.Float(T))) ** 2 / 2 + v[0] ** 2 / 10
    terminal = (q[0] - new(0.1, 0.6)) ** 2 * (1 + last) if some() else sp.S.Zero
    symbols = list(new.values)
    system = sd.Lagrangian(
        L, list(q), list(v), dissipation=R, forces={x: f for x, f in zip(q, Q, strict=True) if f != 0}
    )
    cost = sd.Cost(running, terminal=terminal)
    written = Written(L, R, Q, running, terminal, q, v, t, symbols)
    return Drawn(system, cost, written, np.array(list(new.values.values())))


def error(seed: int) -> tuple[float, float] | None:
    """The relative error of the gradient and the condition it has room for; None where there is no such orbit."""
    rng, case = np.random.default_rng(seed + 10**6), drawn(seed)
    d, rule, kind = len(case.written.q), str(rng.choice(list(RULES))), str(rng.choice(KINDS))
    one, two = 0.3 * rng.normal(size=(2, d))
    given: dict = {}
    if kind in ("initial", "momentum"):
        boundary = sd.InitialState(one, two, T) if kind == "initial" else sd.InitialState(one, T=T, p0=two)
        given["start"] = (one, two, None) if kind == "initial" else (one, None, two)
    elif kind == "periodic":
        boundary = sd.Periodic(T)
    elif kind == "ends":
        boundary, given["ends"] = sd.FixedEnds(one, two, T), (one, two)
    else:
        held = rng.random((2, d)) < 0.6
        first, last = ({q: x for q, x, own in zip(case.written.q, e, mask, strict=True) if own}
                       for e, mask in zip((one, two), held, strict=True))  # fmt: skip
        boundary = sd.FixedEnds(first, last, T)
        given["ends"] = tuple(np.where(mask, e, np.nan) for e, mask in zip((one, two), held, strict=True))
    plain = {"momentum": "initial", "part": "ends"}.get(kind, kind)
    trainer = sd.EPTrainer(case.system, case.cost, boundary, STEPS, case.written.parameters, rule=RULES[rule])
    params = {s.name: x for s, x in zip(case.written.parameters, case.values, strict=True)}
    try:
        free = trainer.free(params)
        found = trainer.response(free)
    except (sd.ConvergenceError, sd.SingularMatrixError):
        return None
    exact, residual = case.written.derivatives(free.q, case.values, rule, plain, T, **given)
    assert residual < 1e-12, (seed, rule, kind, residual)
    ours = np.array([float(found[s.name]) for s in case.written.parameters])
    room = 1.0 if np.isnan(free.rcond) else max(1.0, 1e-5 / free.rcond)
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact)), room


def check(seeds: Sequence[int]) -> None:
    found = {seed: error(seed) for seed in seeds}
    solved = {seed: pair for seed, pair in found.items() if pair is not None}
    assert len(solved) >= 0.8 * len(seeds)
    assert {seed: pair for seed, pair in solved.items() if not pair[0] <= 1e-11 * pair[1]} == {}


def test_a_few() -> None:
    """One by each rule: from a momentum, periodic with a force, and between two ends."""
    check([1, 2, 3])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_two_hundred(first: int) -> None:
    check(range(first, first + 20))
