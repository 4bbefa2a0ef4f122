"""S1: the index calculus and the compiled kernels on random expressions of symbolic size, by brute force.

The brute force walks the SymPy tree with plain Python loops and numbers that carry their derivatives (`Jet`);
it shares no code with symdfi.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import symdfi as sd
from symdfi.symbolic import indexed

n, m = sp.symbols("n m", integer=True, positive=True)
c = sp.Symbol("c", real=True)
x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xy")
z = sp.IndexedBase(sp.Symbol("z", real=True), shape=(2 * n,))
u = sp.IndexedBase(sp.Symbol("u", real=True), shape=(m,))
w = sp.IndexedBase(sp.Symbol("w", real=True), shape=(n, n))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
VARIABLES = (x, y, z, u, w, c)
#: Index names on offer: few, so that sums side by side share them, and some that the compiler uses itself.
NAMES = tuple(sp.Symbol(name, integer=True) for name in ("i", "j", "_a0", "_b1", "k", "q", "r", "s", "o"))


# Brute force
# -----------


@dataclass(frozen=True)
class Jet:
    """A number with its gradient g, its derivative t along a direction, and the gradient h of t."""

    v: float
    g: np.ndarray | float = 0.0
    t: float = 0.0
    h: np.ndarray | float = 0.0

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.v + other.v, self.g + other.g, self.t + other.t, self.h + other.h)

    def __mul__(self, other: Jet) -> Jet:
        a, b = self, other
        mixed = a.h * b.v + a.t * b.g + b.t * a.g + a.v * b.h
        return Jet(a.v * b.v, a.g * b.v + a.v * b.g, a.t * b.v + a.v * b.t, mixed)

    def through(self, f: float, df: float, ddf: float) -> Jet:
        """f(self), given f and its two derivatives there."""
        return Jet(f, df * self.g, df * self.t, df * self.h + ddf * self.t * self.g)


def power(a: Jet, e: float) -> Jet:
    return a.through(a.v**e, e * a.v ** (e - 1) if e else 0.0, e * (e - 1) * a.v ** (e - 2) if e * (e - 1) else 0.0)


FUNCTIONS = {
    sp.sin: lambda v: (math.sin(v), math.cos(v), -math.sin(v)),
    sp.cos: lambda v: (math.cos(v), -math.sin(v), -math.cos(v)),
    sp.exp: lambda v: (math.exp(v),) * 3,
    sp.tanh: lambda v: (math.tanh(v), 1 - math.tanh(v) ** 2, -2 * math.tanh(v) * (1 - math.tanh(v) ** 2)),
    sp.Abs: lambda v: (abs(v), math.copysign(1, v), 0.0),
    sp.sign: lambda v: ((v > 0) - (v < 0), 0.0, 0.0),
    sp.Heaviside: lambda v: (0.5 if v == 0 else float(v > 0), 0.0, 0.0),
    sp.DiracDelta: lambda v: (0.0, 0.0, 0.0),
    sp.floor: lambda v: (math.floor(v), 0.0, 0.0),
    sp.log: lambda v: (math.log(v), 1 / v, -1 / v**2),
}
RELATIONS = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def integer(expr: sp.Basic, env: dict) -> int:
    value = walk(expr, env).v
    assert value == int(value), f"{expr} is no integer"
    return int(value)


def holds(condition: sp.Basic, env: dict) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.And):
        return all(holds(arg, env) for arg in condition.args)
    if isinstance(condition, sp.Or):
        return any(holds(arg, env) for arg in condition.args)
    if isinstance(condition, sp.Not):
        return not holds(condition.args[0], env)
    return RELATIONS[condition.rel_op](walk(condition.lhs, env).v, walk(condition.rhs, env).v)


def walk(expr: sp.Basic, env: dict) -> Jet:
    """The value of ``expr``; ``env`` has numbers for symbols and dicts of jets for arrays."""
    if expr.is_Number:
        return Jet(float(expr))
    if isinstance(expr, sp.Indexed):
        return env[expr.base][tuple(integer(k, env) for k in expr.indices)]
    if isinstance(expr, sp.Symbol):
        return env[expr]
    if isinstance(expr, sp.Sum):
        *inner, (index, lower, upper) = expr.limits
        body = sp.Sum(expr.function, *inner) if inner else expr.function
        total = Jet(0.0)
        for value in range(integer(lower, env), integer(upper, env) + 1):
            total += walk(body, {**env, index: Jet(float(value))})
        return total
    if isinstance(expr, sp.Piecewise):
        return next(walk(value, env) for value, condition in expr.args if holds(condition, env))
    if isinstance(expr, sp.KroneckerDelta):
        return Jet(float(integer(expr.args[0], env) == integer(expr.args[1], env)))
    args = [walk(arg, env) for arg in expr.args if not (isinstance(expr, sp.Heaviside) and arg != expr.args[0])]
    if isinstance(expr, sp.Add | sp.Mul):
        total = args[0]
        for arg in args[1:]:
            total = total + arg if isinstance(expr, sp.Add) else total * arg
        return total
    if isinstance(expr, sp.Pow):
        return power(args[0], args[1].v)
    if isinstance(expr, sp.Max | sp.Min):
        return (max if isinstance(expr, sp.Max) else min)(args, key=lambda a: a.v)
    if isinstance(expr, sp.Mod):
        return Jet(args[0].v % args[1].v)
    return args[0].through(*FUNCTIONS[expr.func](args[0].v))


@dataclass(frozen=True)
class Point:
    """Random values for every variable at sizes (N, M), and a direction."""

    values: dict[str, np.ndarray]
    direction: dict[str, np.ndarray]
    env: dict

    @staticmethod
    def draw(N: int, M: int, seed: int) -> Point:
        rng = np.random.default_rng(seed)
        shapes = {x: (N,), y: (N,), z: (2 * N,), u: (M,), w: (N, N), c: ()}
        values = {str(v): rng.normal(size=shape) for v, shape in shapes.items()}
        direction = {str(v): rng.normal(size=shape) for v, shape in shapes.items()}
        gather = rng.integers(0, N, size=N)
        count = sum(a.size for a in values.values())
        env: dict = {
            n: Jet(float(N)),
            m: Jet(float(M)),
            p: {(k,): Jet(float(g)) for k, g in enumerate(gather)},
        }
        seeds = iter(np.eye(count))
        for v in VARIABLES:
            jets = {
                at: Jet(float(values[str(v)][at]), next(seeds), float(direction[str(v)][at]), np.zeros(count))
                for at in np.ndindex(*shapes[v])
            }
            env[v] = jets if isinstance(v, sp.IndexedBase) else jets[()]
        return Point({**values, "p": gather}, direction, env)

    def split(self, gradient: np.ndarray | float) -> dict[str, np.ndarray]:
        """A flat gradient as one array a variable."""
        sizes = [self.values[str(v)].size for v in VARIABLES]
        flat = np.broadcast_to(gradient, (sum(sizes),))
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return {str(v): part.reshape(self.values[str(v)].shape) for v, part in zip(VARIABLES, parts, strict=True)}


# Random expressions
# ------------------


@dataclass(frozen=True)
class Index:
    """An index in scope, with lower <= index and index <= n - 1 - room for integers lower, room >= 0."""

    symbol: sp.Symbol
    lower: int = 0
    room: int = 0


def places(draw, scope: tuple[Index, ...]) -> sp.Expr:
    """An index expression that stays in 0..n-1."""
    if not scope:
        return draw(st.sampled_from([sp.S.Zero, n - 1, p[0], p[n - 1]]))
    index = draw(st.sampled_from(scope))
    i, kind = index.symbol, draw(st.sampled_from("iiii+++-mMgGPe"))
    shift = draw(st.integers(-index.lower, index.room))
    far = draw(st.integers(-3, 3))
    return {
        "i": i, "+": i + shift, "-": n - 1 - i, "m": sp.Mod(i + far, n), "M": sp.Mod(far - i, n), "g": p[i],
        "G": p[sp.Mod(i + 1, n)], "P": p[p[n - 1 - i]], "e": n - 1,
    }[kind]  # fmt: skip


def reference(draw, scope: tuple[Index, ...]) -> sp.Expr:
    kind = draw(st.sampled_from("xxxxyyzwwwwc"))
    place = places(draw, scope)
    if kind == "c":
        return c
    if kind == "z":
        other = places(draw, scope)
        return z[draw(st.sampled_from([2 * place, 2 * place + 1, place + other, 2 * n - 1 - place, place + n]))]
    if kind == "w":
        return w[place, draw(st.sampled_from([place, places(draw, scope)]))]
    return (x if kind == "x" else y)[place]


def condition(draw, scope: tuple[Index, ...]) -> sp.Basic:
    if not scope:
        return reference(draw, scope) > 0
    i, j = (draw(st.sampled_from(scope)).symbol for _ in range(2))
    simple = [
        i < n - 1, i > 0, sp.Eq(i, 0), sp.Ne(i, n - 1), i < j, sp.Eq(i, j), 2 * i <= n, i + j < n,
        sp.Eq(sp.Mod(i, 2), 0), 3 * i >= 2 * j + 1, i < n / 2, p[i] > i, sp.Eq(p[i], j), n > 3,
    ]  # fmt: skip
    kind = draw(st.sampled_from("iiiivAON"))
    if kind == "v":
        return reference(draw, scope) > 0
    a, b = draw(st.sampled_from(simple)), draw(st.sampled_from([*simple, reference(draw, scope) > 0]))
    return {"i": a, "A": sp.And(a, b), "O": sp.Or(a, b), "N": sp.Not(a)}[kind]


def guarded_shift(draw, scope: tuple[Index, ...]) -> sp.Expr:
    """A reference that only its condition keeps in range."""
    if not scope:
        return reference(draw, scope)
    i = draw(st.sampled_from(scope)).symbol
    j = draw(st.sampled_from(scope)).symbol
    step = draw(st.integers(1, 2))
    ahead, there = draw(
        st.sampled_from(
            [
                (x[i + step], i < n - step),
                (y[i - step], i >= step),
                (w[i - 1, j], sp.Ne(i, 0)),
                (x[i + j], i + j < n),
                (sp.tanh(y[j - i]), i <= j),
                (x[i / 2], sp.Eq(sp.Mod(i, 2), 0)),
            ]
        )
    )
    return sp.Piecewise((ahead, there), (draw(st.sampled_from([sp.S.Zero, c, x[i]])), True))


def unused(draw, scope: tuple[Index, ...]) -> sp.Symbol:
    """A new index. (No outer sum's: SymPy confuses them when it folds a ``Piecewise`` in a ``Sum``.)"""
    return draw(st.sampled_from([s for s in NAMES if s not in {k.symbol for k in scope}][:4]))


def limits(draw, scope: tuple[Index, ...]) -> tuple[tuple, Index]:
    symbol = unused(draw, scope)
    lower, room = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    kind = draw(st.sampled_from("fffffab") if scope else st.just("f"))
    if kind == "f":
        return (symbol, sp.Integer(lower), n - 1 - room), Index(symbol, lower, room)
    outer = draw(st.sampled_from(scope))
    if kind == "a":
        return (symbol, sp.S.Zero, outer.symbol), Index(symbol, 0, outer.room)
    return (symbol, outer.symbol, n - 1), Index(symbol, outer.lower, 0)


def total(draw, scope: tuple[Index, ...], depth: int) -> sp.Expr:
    """A sum over one or two new indices."""
    if draw(st.integers(0, 7)) == 0:
        k = unused(draw, scope)
        return sp.Sum(u[k] * expression(draw, scope, depth - 1), (k, 0, m - 1))
    outer, index = limits(draw, scope)
    inside = (*scope, index)
    if draw(st.integers(0, 3)) > 0:
        return sp.Sum(expression(draw, inside, depth - 1), outer)
    inner, second = limits(draw, inside)
    return sp.Sum(expression(draw, (*inside, second), depth - 1), inner, outer)


def expression(draw, scope: tuple[Index, ...], depth: int) -> sp.Expr:
    if depth <= 0:
        return reference(draw, scope)
    kind = draw(st.sampled_from("++**ffpPrRgSSSSv"))
    sub = lambda: expression(draw, scope, depth - 1)  # noqa: E731
    if kind == "+":
        return draw(st.integers(-2, 2)) * sub() + sub()
    if kind == "*":
        return sub() * sub()
    if kind == "f":
        f = draw(st.sampled_from([sp.tanh, sp.sin, lambda e: sp.exp(-(e**2)), sp.Abs, lambda e: sp.sqrt(1 + e**2)]))
        return f(sub())
    if kind == "p":
        e = sub()
        return draw(st.sampled_from([e**2, e**3, 1 / (2 + sp.sin(e)), (1 + e**2) ** sp.Rational(-3, 2)]))
    if kind == "P":
        return sp.Piecewise((sub(), condition(draw, scope)), (draw(st.sampled_from([sp.S.Zero, sub()])), True))
    if kind == "r":
        return reference(draw, scope)
    if kind == "R":
        return draw(st.sampled_from([sp.Max, sp.Min]))(sub(), sub())
    if kind == "g":
        return guarded_shift(draw, scope)
    if kind == "v":  # indices and sizes as values
        number = draw(st.sampled_from([s.symbol for s in scope] + [n, n / 2, sp.Rational(1, 3)]))
        return number * sub()
    return total(draw, scope, depth)


@st.composite
def energies(draw) -> sp.Expr:
    """A scalar expression without free indices."""
    return draw(st.sampled_from([sp.S.One, c, n])) * total(draw, (), draw(st.integers(2, 4))) + draw(
        st.sampled_from([sp.S.Zero, c**2, x[0], y[n - 1]])
    )


# The tests
# ---------


def close(actual, expected, message: object) -> None:
    expected = np.asarray(expected, dtype=float)
    scale = 1 + np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9 * scale, err_msg=str(message))


def directions() -> dict:
    return {
        v: sp.IndexedBase(sp.Symbol(f"d{v}", real=True), shape=v.shape)
        if isinstance(v, sp.IndexedBase)
        else sp.Symbol(f"d{v}", real=True)
        for v in VARIABLES
    }


SIZES = ((1, 2), (3, 1), (4, 3), (6, 2))
fast = settings(
    derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip


def check_reverse(energy: sp.Expr, run: str) -> None:
    """Value, reverse-mode gradients, directional derivative and its gradient."""
    step = directions()
    along = indexed.tangent(energy, step)
    outputs: dict = {"value": energy, "along": along}
    outputs |= {f"g_{v}": sd.gradient(energy, v) for v in VARIABLES}
    outputs |= {f"h_{v}": sd.gradient(along, v) for v in VARIABLES}
    f = sd.compile(outputs, arguments=[*VARIABLES, p, *step.values()])
    for N, M in SIZES:
        point = Point.draw(N, M, seed=N)
        arguments = {**point.values, **{f"d{name}": d for name, d in point.direction.items()}}
        got = (f.python if run == "python" else f)(**arguments)
        jet = walk(energy, point.env)
        close(got["value"], jet.v, (energy, N))
        close(got["along"], jet.t, (energy, N))
        for order, part in (("g", jet.g), ("h", jet.h)):
            for name, array in point.split(part).items():
                close(got[f"{order}_{name}"], array, (f"{order} by {name}", energy, N))


def check_derivative(energy: sp.Expr, variable: sp.IndexedBase, names: tuple[sp.Symbol, ...]) -> None:
    """∂E/∂x[j] as a formula: its value at every j, and compiled over j."""
    at = names[: len(variable.shape)]
    formula = sd.derivative(energy, variable[at])
    ranges = [(j, 0, extent - 1) for j, extent in zip(at, variable.shape, strict=True)]
    f = sd.compile({"g": (formula, *ranges)}, arguments=[*VARIABLES, p])
    for N, M in SIZES:
        point = Point.draw(N, M, seed=N)
        expected = point.split(walk(energy, point.env).g)[str(variable)]
        close(f.python(**point.values)["g"], expected, (energy, variable, N, formula))
        if N < 5:
            for place in np.ndindex(*expected.shape):
                env = {**point.env, **{j: Jet(float(k)) for j, k in zip(at, place, strict=True)}}
                close(walk(formula, env).v, expected[place], (energy, variable[place], N, formula))


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Numbers of examples: those of every run, and those of one that has time."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.slow)])


def hold(check, count: int, *drawn: st.SearchStrategy) -> None:
    settings(fast, max_examples=count)(given(*drawn)(check))()


@few_or_many(8, 30)
def test_reverse_sweep(count):
    hold(lambda energy: check_reverse(energy, "python"), count, energies())


@few_or_many(10, 30)
def test_derivative_by_a_free_index(count):
    variables, names = st.sampled_from([x, y, z, u, w]), st.permutations(NAMES).map(tuple)
    hold(check_derivative, count, energies(), variables, names)


@few_or_many(1, 3)
def test_compiled(count):
    hold(lambda energy: check_reverse(energy, "compiled"), count, energies())
