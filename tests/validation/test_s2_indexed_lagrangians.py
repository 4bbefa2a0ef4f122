"""S2: indexed Lagrangians of symbolic size against the same written out in scalars and derived by SymPy."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.dynamics import Lagrangian
from symdfi.symbolic.coordinates import acceleration_of

n, m, e = sp.symbols("n m e", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
g, s, w = sp.symbols("g s omega", real=True)
x, v = sd.coordinates("x", n)
y, u = sd.coordinates("y", n)
z, zd = sd.coordinates("z", (n, m))
r, rd = sd.coordinates("r", 2 * n)
X, V = sd.coordinates("X")
mass, c, a = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in ("mu", "c", "a"))
A = sp.IndexedBase("A", shape=(n, n))
p, f = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "pf")
spring = sp.IndexedBase("K", shape=(e,))
Sum = sp.Sum
T = Sum(v[i] ** 2, (i, 0, n - 1)) / 2
U = Sum((x[i + 1] - x[i]) ** 2 / 2 + g * (x[i + 1] - x[i]) ** 3 / 3, (i, 0, n - 2))
right = sp.Mod(i + 1, n)


@dataclass(frozen=True)
class Case:
    L: sp.Expr
    q: tuple = (x,)
    v: tuple = (v,)
    structure: str = "diagonal"
    dissipation: sp.Expr = sp.S.Zero
    forces: dict = field(default_factory=dict)
    inputs: tuple = ()
    hamiltonian: bool = True


CASES = {
    "chain": Case(Sum(mass[i] * v[i] ** 2 / 2, (i, 0, n - 1)) - U),
    "ring": Case(T - Sum(sp.exp(x[right] - x[i]), (i, 0, n - 1))),
    "banded": Case(T + Sum(v[i] * v[i + 1], (i, 0, n - 2)) / 4 - U, structure="banded", hamiltonian=False),
    "wide band": Case(
        Sum((2 + x[i] ** 2) * v[i] ** 2 / 2, (i, 0, n - 1))
        + Sum(mass[i] * v[i] * v[i + 2], (i, 0, n - 3)) / 8 - U,
        structure="banded", hamiltonian=False,
    ),
    "periodic": Case(
        T + Sum(v[i] * v[right], (i, 0, n - 1)) / 4 - U, structure="periodic", hamiltonian=False
    ),
    "wide periodic": Case(
        T + Sum(sp.cos(x[i]) * v[i] * v[sp.Mod(i + 2, n)], (i, 0, n - 1)) / 8
        + Sum(v[i] * v[right], (i, 0, n - 1)) / 8,
        structure="periodic", hamiltonian=False,
    ),
    "mean field": Case(T + Sum(v[i], (i, 0, n - 1)) ** 2 / 8 - U, structure="bordered", hamiltonian=False),
    "matrix": Case(
        T + Sum(A[i, j] * v[i] * v[j], (i, 0, n - 1), (j, 0, n - 1)) / 8
        - Sum(A[i, j] * sp.cos(x[i] - x[j]), (i, 0, n - 1), (j, 0, n - 1)),
        structure="dense", hamiltonian=False,
    ),
    "pendulum of n links": Case(
        Sum(
            mass[i] * (
                Sum(v[j] * sp.cos(x[j]), (j, 0, i)) ** 2 + Sum(v[j] * sp.sin(x[j]), (j, 0, i)) ** 2
            ) / 2 + mass[i] * g * Sum(sp.cos(x[j]), (j, 0, i)),
            (i, 0, n - 1),
        ),
        structure="dense", hamiltonian=False,
    ),
    "lattice": Case(
        Sum(zd[i, j] ** 2 / 2 - z[i, j] ** 4 / 4, (i, 0, n - 1), (j, 0, m - 1))
        - Sum((z[i + 1, j] - z[i, j]) ** 2, (i, 0, n - 2), (j, 0, m - 1)) / 2
        - Sum((z[i, sp.Mod(j + 1, m)] - z[i, j]) ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2,
        q=(z,), v=(zd,),
    ),
    "lattice with coupled rows": Case(
        Sum(zd[i, j] ** 2 / 2, (i, 0, n - 1), (j, 0, m - 1))
        + Sum(zd[i, j] * zd[i + 1, j], (i, 0, n - 2), (j, 0, m - 1)) / 4
        - Sum(sp.cos(z[i, j] - z[i, j + 1]), (i, 0, n - 1), (j, 0, m - 2)),
        q=(z,), v=(zd,), structure="sparse", hamiltonian=False,
    ),
    "cart with pendulums": Case(
        g * V**2 / 2 + Sum(v[i] ** 2 / 2 + V * v[i] * sp.cos(x[i]) / n + s * sp.cos(x[i]), (i, 0, n - 1)),
        q=(X, x), v=(V, v), structure="bordered", hamiltonian=False,
    ),
    "plane chain": Case(
        T + Sum(mass[i] * u[i] ** 2, (i, 0, n - 1)) / 2
        - Sum((sp.sqrt((x[i + 1] - x[i]) ** 2 + (y[i + 1] - y[i]) ** 2) - s) ** 2, (i, 0, n - 2)) / 2,
        q=(x, y), v=(v, u),
    ),
    "vector and matrix": Case(
        T + Sum(zd[i, j] ** 2 * mass[i], (i, 0, n - 1), (j, 0, m - 1)) / 2
        - Sum((z[i, j] * x[i] - 1) ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2
        + Sum(Sum(z[i, j] * x[i], (i, 0, n - 1)) ** 2, (j, 0, m - 1)) / 4,
        q=(x, z), v=(v, zd),
    ),
    "network of springs": Case(T - Sum(spring[i] * (x[p[i]] - x[f[i]]) ** 2 / 2, (i, 0, e - 1))),
    "network of masses": Case(
        T + Sum(spring[i] * (v[p[i]] - v[f[i]]) ** 2 / 2, (i, 0, e - 1)) - Sum(sp.cos(x[i]), (i, 0, n - 1)),
        structure="sparse", hamiltonian=False,
    ),
    "pairs": Case(
        Sum(rd[i] ** 2, (i, 0, 2 * n - 1)) / 2 - Sum((r[2 * i + 1] - r[2 * i]) ** 4, (i, 0, n - 1)) / 4,
        q=(r,), v=(rd,),
    ),
    "all pairs": Case(T + Sum(1 / sp.sqrt((x[i] - x[j]) ** 2 + s**2), (j, 0, i - 1), (i, 1, n - 1))),
    "one-sided springs": Case(
        T - Sum(sp.Piecewise(((x[i + 1] - x[i]) ** 2, x[i + 1] > x[i]), (0, True)), (i, 0, n - 2)) / 2
    ),
    "damped and driven": Case(
        T - U,
        dissipation=Sum(c[i] * v[i] ** 2, (i, 0, n - 1)) / 2 + Sum((v[i] - v[i + 1]) ** 2, (i, 0, n - 2)) / 4,
        forces={x[k]: a[k] * sp.cos(x[k]) - v[k] ** 3}, inputs=(a,),
    ),
    "driven at its ends": Case(T - U, forces={x[0]: s * sp.cos(w * sd.t), x[n - 1]: -v[n - 1] - s * v[0]}),
    "input in the potential": Case(T - U + s * Sum(x[i] ** 2 * i, (i, 0, n - 1)), inputs=(s,)),
    "driven in time": Case(T - U + Sum(x[i] * sp.cos(w * sd.t + i), (i, 0, n - 1))),
    "growing masses": Case(Sum((2 + sp.sin(w * sd.t) * x[i] ** 2) * v[i] ** 2, (i, 0, n - 1)) / 2 - U),
    "gyroscopic": Case(
        T + g * Sum(x[i] * v[i + 1] - x[i + 1] * v[i], (i, 0, n - 2)) - Sum(x[i] ** 2, (i, 0, n - 1)) / 2
    ),
    "relativistic": Case(
        -Sum(mass[i] * sp.sqrt(1 - v[i] ** 2), (i, 0, n - 1)) - U, hamiltonian=False
    ),
    "nested": Case(
        T
        - Sum(
            sp.tanh(Sum(A[i, j] * sp.tanh(Sum(A[j, k] * x[k], (k, 0, n - 1))), (j, 0, n - 1))), (i, 0, n - 1)
        )
    ),
}  # fmt: skip


#: One a structure, whose accelerations are compiled; the others are only where there is time, and else run by Python
#: with every access checked: compiling all of them takes a minute.
COMPILED = ("chain", "banded", "periodic", "mean field", "matrix", "lattice with coupled rows", "damped and driven")


@pytest.fixture(
    scope="module",
    params=[
        *((name, name in COMPILED) for name in CASES),
        *(pytest.param((name, True), marks=pytest.mark.slow) for name in CASES if name not in COMPILED),
    ],
    ids=lambda given: f"{given[0]}, {'compiled' if given[1] else 'checked'}",
)
def case(request):
    name, compiled = request.param
    chosen = CASES[name]
    system = Lagrangian(
        chosen.L,
        list(chosen.q),
        list(chosen.v),
        inputs=chosen.inputs,
        dissipation=chosen.dissipation,
        forces=chosen.forces,
    )
    return chosen, system, compiled


# The same in scalars


class Scalars:
    """Writes an indexed expression out in scalar symbols, with plain loops, at given sizes."""

    def __init__(self, sizes: dict, index_arrays: dict) -> None:
        self.sizes, self.index_arrays = sizes, index_arrays

    def __call__(self, expr: sp.Basic, at: dict | None = None) -> sp.Expr:
        at = at or {}
        if isinstance(expr, sp.Sum):
            inner, (index, lower, upper) = expr.args[0], expr.args[-1]
            body = sp.Sum(inner, *expr.args[1:-1]) if len(expr.args) > 2 else inner
            bounds = range(int(self(lower, at)), int(self(upper, at)) + 1)
            return sp.Add(*(self(body, {**at, index: sp.Integer(value)}) for value in bounds))
        if isinstance(expr, sp.Indexed):
            place = tuple(int(self(index, at)) for index in expr.indices)
            if expr.base in self.index_arrays:
                return sp.Integer(self.index_arrays[expr.base][place])
            return element(expr.base, place)
        if isinstance(expr, sp.Symbol):
            return at.get(expr, self.sizes.get(expr, expr))
        return expr.func(*(self(arg, at) for arg in expr.args)) if expr.args else expr

    def shape(self, variable) -> tuple[int, ...]:
        return tuple(int(self(extent)) for extent in variable.shape) if isinstance(variable, sp.IndexedBase) else ()

    def elements(self, variable) -> list[sp.Symbol]:
        if isinstance(variable, sp.Symbol):
            return [variable]
        return [element(variable, place) for place in np.ndindex(*self.shape(variable))]


def element(base: sp.IndexedBase, place: tuple[int, ...]) -> sp.Symbol:
    return sp.Symbol("_".join([str(base.label), *map(str, place)]), real=True)


def reference(chosen: Case, write: Scalars):
    """M, F, p and the energy by SymPy's ``diff``, in the scalars that it returns first."""
    q, qd = ([s for variable in group for s in write.elements(variable)] for group in (chosen.q, chosen.v))
    L, R = write(chosen.L), write(chosen.dissipation)
    Q = []
    for variable in chosen.q:
        for place in np.ndindex(*write.shape(variable)):
            total = sp.S.Zero
            for key, force in chosen.forces.items():
                pairs = list(zip(key.indices, place, strict=True))
                if key.base == variable and all(own == k or write(own) == at for own, at in pairs):
                    total += write(force, {own: at for own, at in pairs if own == k})
            Q.append(total)
    p = [L.diff(s) for s in qd]
    M = [[b.diff(s) for s in qd] for b in p]
    F = [
        L.diff(q[row])
        - sum(p[row].diff(a) * b for a, b in zip(q, qd, strict=True))
        - p[row].diff(sd.t)
        + Q[row]
        - R.diff(qd[row])
        for row in range(len(q))
    ]
    energy = sum(a * b for a, b in zip(p, qd, strict=True)) - L
    return q, qd, {"mass_matrix": M, "forcing": F, "momenta": p, "energy": energy, "lagrangian": L}


def setting(system: Lagrangian, size: int, seed: int):
    """Sizes and random values for every parameter and input of a system."""
    rng = np.random.default_rng(seed)
    sizes = {n: size, m: size - 1, e: 2 * size}
    write = Scalars(sizes, {})
    params, inputs = {symbol: sizes[symbol] for symbol in system.sizes}, {}
    for variable in system.parameters:
        if variable in (p, f):
            params[variable] = rng.integers(0, size, 2 * size)
        else:
            params[variable] = rng.uniform(0.5, 1.5, write.shape(variable))
    for variable in system.inputs:
        inputs[variable] = rng.normal(size=write.shape(variable))
    return Scalars(sizes, {b: values for b, values in params.items() if b in (p, f)}), params, inputs


NAMES = {"mass_matrix": "mass"}


def close(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


class Value:
    """The number that an expression has, indexed or not, by plain Python loops."""

    def __init__(self, numbers: dict, arrays: dict) -> None:
        self.numbers, self.arrays = numbers, arrays

    def __call__(self, expr: sp.Basic, at: dict | None = None) -> float:
        return self.visit(sp.sympify(expr), at or {}, {})

    def visit(self, expr: sp.Basic, at: dict, memo: dict) -> float:
        if expr not in memo:
            memo[expr] = self.compute(expr, at, memo)
        return memo[expr]

    def compute(self, expr: sp.Basic, at: dict, memo: dict) -> float:
        visit = lambda e: self.visit(e, at, memo)  # noqa: E731
        if isinstance(expr, sp.Symbol):
            return at[expr] if expr in at else self.numbers[expr]
        if isinstance(expr, sp.Integer | sp.Rational | sp.Float):
            return int(expr) if expr.is_Integer else float(expr)
        if isinstance(expr, sp.Sum):
            return self.total(expr.function, list(expr.limits), at)
        if isinstance(expr, sp.Indexed):
            return self.arrays[expr.base][tuple(visit(k) for k in expr.indices)]
        if isinstance(expr, sp.Piecewise):
            return next((visit(e) for e, condition in expr.args if visit(condition)), math.nan)
        if isinstance(expr, sp.KroneckerDelta):
            return int(visit(expr.args[0]) == visit(expr.args[1]))
        if expr in (sp.true, sp.false):
            return bool(expr)
        if isinstance(expr, sp.And | sp.Or):
            return (all if isinstance(expr, sp.And) else any)(visit(arg) for arg in sorted(expr.args, key=_reads))
        args = [visit(arg) for arg in expr.args]
        return OPERATIONS[expr.func](*args)

    def total(self, body: sp.Expr, limits: list, at: dict) -> float:
        if not limits:
            return self(body, at)
        index, lower, upper = limits[-1]
        bounds = range(self(lower, at), self(upper, at) + 1)
        return sum(self.total(body, limits[:-1], {**at, index: k}) for k in bounds)


def _reads(condition: sp.Basic) -> bool:
    """Conditions on elements come last: those on indices guard them."""
    return condition.has(sp.Indexed)


OPERATIONS = {
    sp.Add: lambda *a: sum(a), sp.Mul: lambda *a: math.prod(a), sp.Pow: lambda a, b: a**b,
    sp.exp: math.exp, sp.sin: math.sin, sp.cos: math.cos, sp.tanh: math.tanh, sp.Mod: lambda a, b: a % b,
    sp.StrictGreaterThan: lambda a, b: a > b, sp.GreaterThan: lambda a, b: a >= b,
    sp.StrictLessThan: lambda a, b: a < b, sp.LessThan: lambda a, b: a <= b,
    sp.Equality: lambda a, b: a == b, sp.Unequality: lambda a, b: a != b,
    sp.Not: lambda a: not a, sp.Max: max, sp.Min: min,
}  # fmt: skip


@pytest.mark.parametrize("size", [3, 6, *(pytest.param(size, marks=pytest.mark.slow) for size in (4, 5))])
def test_against_scalars(case, size):
    chosen, system, compiled = case
    write, params, inputs = setting(system, size, seed=size)
    q, qd, reference_terms = reference(chosen, write)
    rng = np.random.default_rng(size)
    state_q, state_v = rng.normal(size=len(q)), rng.uniform(-0.7, 0.7, len(q))
    time = 0.3
    scalars = {sd.t: time, **dict(zip(q, state_q, strict=True)), **dict(zip(qd, state_v, strict=True))}
    arrays = {}
    for variable, given in {**params, **inputs}.items():
        if isinstance(variable, sp.IndexedBase):
            arrays[variable] = given
            if variable not in write.index_arrays:
                scalars.update(zip(write.elements(variable), np.ravel(given), strict=True))
        else:
            scalars[variable] = given
    number = np.vectorize(Value(scalars, {}), otypes=[float])
    expected = {name: number(np.array(expr, dtype=object)) for name, expr in reference_terms.items()}

    # The kernels.
    acceleration = np.linalg.solve(expected["mass_matrix"], expected["forcing"])
    with contextlib.nullcontext() if compiled else bounds_checked():
        kernels = system.compile()
        arguments = (*kernels.pack(params, len(q)), kernels.input_values(inputs, kernels.sizes(len(q), params)))
        for name, wanted in expected.items():
            # Run as Python: compiling every kernel of every case would take minutes.
            out = np.empty(wanted.size)
            kernel = getattr(kernels, NAMES.get(name, name) + "_kernel").python
            kernel(*arguments[:2], state_q, state_v, *arguments[2:], time, out)
            close(out.reshape(wanted.shape), wanted)
        close(kernels.acceleration(state_q, state_v, params, time, inputs), acceleration)

    # The formulas for reading say the same.
    for variables, state in ((chosen.q, state_q), (chosen.v, state_v)):
        arrays |= split(variables, state, write)
    scalars |= split(chosen.q, state_q, write, plain=True) | split(chosen.v, state_v, write, plain=True)
    formula = Value({**scalars, **write.sizes}, arrays)
    places = [
        (r, dict(zip(own, place, strict=True)))
        for r, (own, variable) in enumerate(zip(system.indices, chosen.q, strict=True))
        for place in np.ndindex(*write.shape(variable))
    ]
    columns = [
        (c, dict(zip(own, place, strict=True)))
        for c, (own, variable) in enumerate(zip(system.column_indices, chosen.q, strict=True))
        for place in np.ndindex(*write.shape(variable))
    ]
    close([formula(system.momenta[r], at) for r, at in places], expected["momenta"])
    close([formula(system.forcing[r], at) for r, at in places], expected["forcing"])
    close(formula(system.energy), expected["energy"])
    mass = system.mass_matrix
    found = [[formula(mass[r, c], {**at, **other}) for c, other in columns] for r, at in places]
    close(found, expected["mass_matrix"])
    second = [acceleration_of(variable) for variable in chosen.q]
    arrays |= split(second, acceleration, write)
    formula.numbers |= split(second, acceleration, write, plain=True)
    close([formula(system.euler_lagrange[r].lhs - system.euler_lagrange[r].rhs, at) for r, at in places], 0.0)
    if chosen.hamiltonian:
        arrays |= split(system.momentum_symbols, expected["momenta"], write)
        formula.numbers |= split(system.momentum_symbols, expected["momenta"], write, plain=True)
        assert not any(getattr(v, "label", v) in system.hamiltonian.free_symbols for v in chosen.v)
        close(formula(system.hamiltonian), expected["energy"])
    else:
        with pytest.raises(sd.SymbolicError, match="Legendre"):
            system.hamiltonian


def split(variables, values: np.ndarray, write: Scalars, *, plain: bool = False) -> dict:
    """The values of each variable, of the indexed or of the plain ones."""
    found, start = {}, 0
    for variable in variables:
        shape = write.shape(variable)
        count = int(np.prod(shape, dtype=int))
        if isinstance(variable, sp.Symbol) == plain:
            found[variable] = values[start] if plain else values[start : start + count].reshape(shape)
        start += count
    return found


def test_structure(case):
    chosen, system, _ = case
    assert system.mass_structure.kind == chosen.structure
