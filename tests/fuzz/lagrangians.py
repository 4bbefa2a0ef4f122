"""Random Lagrangian systems: families coupled to each other and to scalars, against M and F by brute force.

The oracle's jets along e_k in the velocities give the columns of M = ∂²L/∂v∂v; along (q, v, t)' = (v, 0, 1) they give
the rate of the momenta at zero acceleration. Then q̈ = M⁻¹(∂L/∂q + Q − ∂R/∂v − rate).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.errors import CompileError, SingularMatrixError, SymbolicError
from tests.fuzz import expressions
from tests.fuzz.compare import KINDS, Outcome, refusal
from tests.fuzz.expressions import INDICES, A, Generator, Scope, c, col, e, m, n, p, ptr, u, w
from tests.fuzz.oracle import closure
from tests.fuzz.world import Jet, Meaningless, OutOfRange, World

i, j, k = INDICES[:3]
FAMILIES = {name: sd.coordinates(name, *shape) for name, shape in {
    "X": (), "Y": (), "x": (n,), "y": (n,), "r": ((n, 3),), "Z": ((n, m),), "s": (m,), "o": (2 * n,),
}.items()}  # fmt: skip
PARAMETERS = (w, u, A, c)
a = sp.Symbol("a", real=True)  # an input
CHOICES = (
    ("x",), ("X", "x"), ("x", "y"), ("X", "x", "y"), ("r",), ("X", "r"), ("Z",), ("X", "Z"), ("x", "Z"), ("x", "s"),
    ("X", "Y"), ("X", "Y", "x"), ("o",), ("X", "o"), ("x", "r"), ("X",), ("x", "y", "s"),
)  # fmt: skip


@dataclass(frozen=True)
class System:
    """A system with the worlds to try it in."""

    L: sp.Expr
    names: tuple[str, ...]
    worlds: tuple[World, ...]
    seed: int
    dissipation: sp.Expr = sp.S.Zero
    forces: dict = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        return [FAMILIES[name] for name in self.names]

    def build(self) -> sd.Lagrangian:
        q, v = zip(*self.pairs, strict=True)
        used = self.used()
        inputs = [a] if a in used else []
        return sd.Lagrangian(self.L, q, v, inputs=inputs, dissipation=self.dissipation, forces=self.forces)

    def used(self) -> set:
        return set().union(*(sp.sympify(e).free_symbols for e in (self.L, self.dissipation, *self.forces.values())))

    def code(self) -> str:
        further = "".join(f", dissipation={self.dissipation}" if self.dissipation != 0 else "")
        further += f", forces={self.forces}" if self.forces else ""
        return f"Lagrangian({self.L}, {[q for q, _ in self.pairs]}{further})"


def system(seed: int) -> System:
    """The system of a seed."""
    rng = random.Random(seed)
    names = rng.choice(CHOICES)
    pairs = [FAMILIES[name] for name in names]
    where = tuple(_with_states(w, pairs, seed) for w in expressions.worlds(seed))
    where = tuple(w for w in where if w.sizes[n] <= 4) or where[:3]
    coordinates = tuple(q for q, _ in pairs)
    generator = Generator(seed, where, (*coordinates * 3, *PARAMETERS), rough=0.05)
    L = sp.Add(*(_kinetic(rng, q, v) for q, v in pairs))
    for _ in range(rng.randint(0, 2)):
        L += sp.Rational(1, 10) * _coupling(rng, pairs)
    for _ in range(rng.randint(1, 2)):
        term = generator.total(generator.top, rng.choice((1, 2, 2)))
        L -= term * rng.choice((1, 1, 1, sp.cos(2 * sd.t), a, c))
    if rng.random() < 0.3:
        L += _magnetic(rng, pairs)
    dissipation, forces = sp.S.Zero, {}
    if rng.random() < 0.3:
        dissipation = sp.Add(*(_everywhere(q, lambda at, v=v: c**2 * v[at] ** 2 / 2 if at else v**4) for q, v in pairs))
    if rng.random() < 0.3:
        q, v = rng.choice(pairs)
        forces = _force(rng, generator, q, v)
    return System(L, names, where, seed, dissipation, forces)


def _with_states(base: World, pairs: list, seed: int) -> World:
    rng = np.random.default_rng([seed, *base.sizes.values()])

    def draw(v: Any) -> np.ndarray:
        shape = v.shape if isinstance(v, sp.IndexedBase) else ()
        return rng.normal(size=tuple(int(sp.sympify(extent).subs(base.sizes)) for extent in shape))

    values = {v: draw(v) for pair in pairs for v in pair}
    values |= {v: base.values[v] for v in PARAMETERS} | {a: np.array(0.7), sd.t: np.array(0.3)}
    return World(base.sizes, base.integers, values, {v: np.zeros_like(x) for v, x in values.items()})


def _everywhere(q: Any, term: Any) -> sp.Expr:
    """Σ term over all elements of q (once, if it is a scalar)."""
    if not isinstance(q, sp.IndexedBase):
        return term(())
    at = INDICES[: len(q.shape)]
    return sp.Sum(term(at), *((index, 0, extent - 1) for index, extent in zip(at, q.shape, strict=True)))


def _at(v: Any, at: tuple) -> Any:
    return v[at] if at else v


def _kinetic(rng: random.Random, q: Any, v: Any) -> sp.Expr:
    def term(at: tuple) -> sp.Expr:
        inertia = rng.choice([1, 2, 1 + c**2, 2 + sp.sin(_at(q, at)), 1 + _at(q, at) ** 2])
        speed = _at(v, at) ** 2 / 2
        return inertia * (speed + rng.choice((0, 0, 0, _at(v, at) ** 4)))

    if isinstance(q, sp.IndexedBase) and q.shape[-1] == 3 and rng.random() < 0.5:
        # Components written out.
        return sp.Sum(v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2, (i, 0, n - 1)) * (1 + c**2) / 2
    return _everywhere(q, term)


def _coupling(rng: random.Random, pairs: list) -> sp.Expr:
    """A term in which velocities of different elements or families meet."""
    (q, v), (o, s) = rng.choice(pairs), rng.choice(pairs)
    if not isinstance(q, sp.IndexedBase):
        (q, v), (o, s) = (o, s), (q, v)
    if not isinstance(q, sp.IndexedBase):
        return v * s * sp.cos(q - o)
    at, extent = INDICES[: len(q.shape)], q.shape[0]
    rest = [(index, 0, size - 1) for index, size in zip(at[1:], q.shape[1:], strict=True)]
    near = lambda base, place: base[(place, *at[1:])]  # noqa: E731
    if not isinstance(o, sp.IndexedBase):
        return s * sp.Sum(v[at] * rng.choice([sp.cos(q[at]), sp.sin(o + q[at]), 1]), *rest, (i, 0, extent - 1))
    if o != q and o.shape == q.shape:
        return sp.Sum(v[at] * s[at] * rng.choice([1, sp.cos(q[at] - o[at])]), *rest, (i, 0, extent - 1))
    if o != q and len(o.shape) == 1 and o.shape[0] == extent:
        return sp.Sum(v[at] * s[i], *rest, (i, 0, extent - 1))
    if o != q and len(q.shape) == 1 and o.shape[0] == extent:
        return sp.Sum(v[i] * s[i, 0] * sp.sin(q[i]), (i, 0, extent - 1))
    right = sp.Mod(i + 1, extent)
    choices = [
        sp.Sum(near(v, i) * near(v, i + 1), *rest, (i, 0, extent - 2)),
        sp.Sum(near(v, i) * near(v, right) * sp.cos(near(q, i)), *rest, (i, 0, extent - 1)),
        sp.Sum(v[at], *rest, (i, 0, extent - 1)) ** 2 / extent,
        sp.Sum((near(v, i) - near(v, i - 1)) ** 2, *rest, (i, 1, extent - 1)),
    ]
    if extent == n:
        choices += [
            sp.Sum((near(v, p[k]) - near(v, k)) ** 2, *rest, (k, 0, n - 1)),
            sp.Sum(w[k] * (near(v, col[k]) - near(v, i)) ** 2, *rest, (k, ptr[i], ptr[i + 1] - 1), (i, 0, n - 1)),
        ]
        if len(q.shape) == 1:
            choices.append(sp.Sum(A[i, j] * v[i] * v[j], (i, 0, n - 1), (j, 0, n - 1)) / n)
    if q.shape[-1] == 3:
        choices.append(sp.Sum(v[i, 0] * v[i, 1] + v[i, 1] * v[i, 2] * sp.cos(q[i, 0]), (i, 0, n - 1)))
    if extent == 2 * n:
        choices.append(sp.Sum(v[2 * i] * v[2 * i + 1], (i, 0, n - 1)))
    return rng.choice(choices)


def _magnetic(rng: random.Random, pairs: list) -> sp.Expr:
    """A term linear in the velocities."""
    (q, v), (o, _) = rng.choice(pairs), rng.choice(pairs)
    field = lambda e: rng.choice([e, sp.sin(e), e**2 * sp.cos(sd.t)])  # noqa: E731
    if isinstance(q, sp.IndexedBase) and q.shape[-1] == 3:
        return c * sp.Sum(q[i, 0] * v[i, 1] - q[i, 1] * v[i, 0], (i, 0, n - 1))
    if not isinstance(o, sp.IndexedBase):
        return _everywhere(q, lambda at: field(o) * _at(v, at))
    if isinstance(q, sp.IndexedBase) and o.shape == q.shape:
        return _everywhere(q, lambda at: field(o[at]) * v[at])
    return _everywhere(q, lambda at: field(_at(q, at)) * _at(v, at))


def _force(rng: random.Random, generator: Generator, q: Any, v: Any) -> dict:
    if not isinstance(q, sp.IndexedBase):
        return {q: rng.choice([-v, a, sp.sin(q) * a])}
    at = INDICES[: len(q.shape)]
    if rng.random() < 0.3:
        at = (sp.S.Zero, *at[1:])
        scope: Scope | None = generator.top
    else:
        scope = generator.top.within(i, sp.S.Zero, q.shape[0] - 1)
    other = generator.reference(scope) if scope is not None else c
    return {q[at]: rng.choice([-v[at] + other, a * other, sp.sin(sd.t) * q[at]])}


# Brute force
# -----------


@dataclass(frozen=True)
class Motion:
    mass: np.ndarray
    forcing: np.ndarray
    momenta: np.ndarray
    energy: float
    scale: float


def motion(s: System, world: World) -> Motion:
    """M, F, p and the energy of a state."""
    run, drag = closure(s.L), closure(s.dissipation)

    def jet(of: Any, **direction: Any) -> tuple[dict, dict, Any, World]:
        along = {v: np.zeros_like(x) for v, x in world.values.items()} | direction["along"]
        here = World(world.sizes, world.integers, world.values, along)
        found = of(here, {})
        if not isinstance(found, Jet):
            found = Jet(float(found), 0.0, 0.0, 0.0)
        if here.kink or here.jump:
            raise Meaningless("a kink")
        world.scale, world.dropped = max(world.scale, here.scale), world.dropped or here.dropped
        return here.parts(found.g), here.parts(found.h), found.v, here

    flat = lambda parts, which: np.concatenate([parts[pair[which]].ravel() for pair in s.pairs])  # noqa: E731
    moves = {q: world.values[v] for q, v in s.pairs} | {sd.t: np.array(1.0)}
    first, rates, value, _ = jet(run, along=moves)
    momenta, v = flat(first, 1), np.concatenate([world.values[v].ravel() for _, v in s.pairs])
    columns = []
    for _, speed in s.pairs:
        for at in np.ndindex(*world.values[speed].shape):
            unit = np.zeros_like(world.values[speed])
            unit[at] = 1.0
            columns.append(flat(jet(run, along={speed: unit})[1], 1))
    friction = flat(jet(drag, along={})[0], 1)
    forces = {q: np.zeros_like(world.values[q]) for q, _ in s.pairs}
    for key, force in s.forces.items():
        base, places = (key.base, key.indices) if isinstance(key, sp.Indexed) else (key, ())
        act = closure(force)
        for at in np.ndindex(*world.values[base].shape):
            fixed = [place for place in places]
            if all(place.is_Symbol or int(place) == own for place, own in zip(fixed, at, strict=True)):
                found = act(world, {place: own for place, own in zip(fixed, at, strict=True) if place.is_Symbol})
                forces[base][at] += found.v if isinstance(found, Jet) else float(found)
    forcing = flat(first, 0) + np.concatenate([forces[q].ravel() for q, _ in s.pairs]) - friction - flat(rates, 1)
    return Motion(np.array(columns), forcing, momenta, float(momenta @ v) - value, world.scale)


def judge(s: System, compiled: bool = False) -> Outcome:
    """The worst outcome of a system over its worlds."""
    if compiled:
        outcomes = _outcomes(s)
    else:
        with bounds_checked():
            outcomes = _outcomes(s)
    return min(outcomes, key=lambda o: KINDS.index(o.kind), default=Outcome("right"))


def _outcomes(s: System) -> list[Outcome]:
    try:
        kernels = s.build().compile()
    except Exception as error:
        return [refusal("system", error)]
    return [outcome for world in s.worlds for outcome in _in_world(s, kernels, world)]


def _in_world(s: System, kernels: Any, world: World) -> list[Outcome]:
    world = replace(world, _leaves={}, scale=1.0, dropped="")
    at = f"at n, m, e = {', '.join(map(str, world.sizes.values()))}"
    outside = asked = ""
    try:
        right = motion(s, world)
    except OutOfRange as error:
        right, outside = None, str(error)
        # The energy reads what L does, and nothing of dissipation and forces.
        asked = "energy" if _reads_outside(s.L, world) else "forcing"
    except Meaningless as error:
        return [Outcome("meaningless", message=str(error))]
    q, v = (np.concatenate([world.values[pair[w]].ravel() for pair in s.pairs]) for w in (0, 1))
    by_symbol = {**world.values, **world.integers}
    params = {x: by_symbol[x] for x in kernels.system.parameters if x in by_symbol}
    params |= {size: world.sizes[size] for size in (*kernels.system.sizes, n, m, e) if size in kernels.lookup.variables}
    drive = {a: 0.7} if a in s.used() else {}
    singular = right is not None and np.linalg.cond(right.mass) > 1e10
    outcomes = []
    for name in ("energy", "momenta", "mass_matrix", "forcing", "acceleration"):
        try:
            got = getattr(kernels, name)(q, v, params, 0.3, drive)
        except (SymbolicError, CompileError) as error:
            if not singular:
                outcomes.append(refusal(name, error))
            continue
        except (ValueError, SingularMatrixError) as error:
            if not (outside or world.dropped or singular):
                outcomes.append(Outcome("overcautious", name, f"{error} {at}"))
            continue
        except IndexError as error:
            outcomes.append(Outcome("wrong", name, f"reads out of its arrays {at}: {error}"))
            continue
        except Exception as error:
            outcomes.append(refusal(name, error))
            continue
        if right is None:
            if name == asked:
                outcomes.append(Outcome("silent", name, f"{outside} is out of range {at}"))
            continue
        outcomes += _difference(name, got, right, at)
    return outcomes


def _reads_outside(expr: sp.Expr, world: World) -> bool:
    try:
        closure(expr)(replace(world, _leaves={}), {})
    except OutOfRange:
        return True
    return False


def _difference(name: str, got: np.ndarray, right: Motion, at: str) -> list[Outcome]:
    tolerance = 1e-10 * right.scale * right.forcing.size
    if name == "acceleration":
        condition = np.linalg.cond(right.mass)
        if condition > 1e8:
            return []
        expected = np.linalg.solve(right.mass, right.forcing)
        tolerance *= condition * (1 + np.abs(expected).max())
    else:
        expected = np.asarray(
            {"mass_matrix": right.mass}.get(name, getattr(right, name.replace("mass_matrix", "mass")))
        )
    if got.shape == expected.shape and np.allclose(got, expected, rtol=0, atol=tolerance):
        return []
    return [Outcome("wrong", name, f"{np.round(got, 6).tolist()}, right is {np.round(expected, 6).tolist()} {at}")]


def smaller(s: System) -> list[System]:
    """Systems with a term less."""
    found = [replace(s, dissipation=sp.S.Zero)] if s.dissipation != 0 else []
    found += [replace(s, forces={})] if s.forces else []
    terms = sp.Add.make_args(sp.expand(s.L, deep=False))
    found += [replace(s, L=sp.Add(*(t for t in terms if t is not term))) for term in terms if len(terms) > 1]
    return found


def shrunk(s: System, outcome: Outcome) -> tuple[System, Outcome]:
    """A system with the same kind of outcome that loses it with any term less."""
    improved = True
    while improved:
        improved = False
        for candidate in smaller(s):
            try:
                found = judge(candidate)
            except Exception:
                continue
            if found.kind == outcome.kind:
                s, outcome, improved = candidate, found, True
                break
    return s, outcome


def reproduction(s: System, outcome: Outcome) -> str:
    return f"seed {s.seed}: {outcome.kind} ({outcome.output})\n    {s.code()}\n    {outcome.message}"
