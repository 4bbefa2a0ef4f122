"""Expressions and objects as checked data: what is written is read, and nothing else."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.archive import Missing, Reader, Writer, alike
from symdfi.errors import CheckpointError
from symdfi.symbolic import kept  # noqa: F401
from symdfi.symbolic.private import Private, dummy
from symdfi.symbolic.sums import PlainSum

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
a, X = sp.Symbol("a", positive=True), sp.Symbol("x")
x, v = sd.coordinates("x", n)
m = sp.IndexedBase("m", shape=(n, 3))
u, w = sp.Function("u")(sd.t, X), sp.Function("w", real=True)(sd.t, X)
theta = dynamicsymbols("theta")


def again(value):
    writer = Writer()
    document = json.loads(json.dumps(writer.document(value)))
    return Reader(document, writer.arrays.__getitem__).value


def same(one: sp.Basic, other: sp.Basic) -> bool:
    """Equal, and made of the same nodes in the same order."""
    return type(one) == type(other) and one == other and all(map(same, one.args, other.args))  # noqa: E721


EXPRESSIONS = [
    sp.Integer(10) ** 400, sp.Rational(-7, 3), sp.Float("0.1", 40), sp.Float(0.0), sp.pi + sp.I * sp.E, sp.oo, sp.nan,
    sp.zoo, sp.Dummy("d", real=True) + 1, x[sp.Mod(i + 1, n)] ** 2, m[i, 0] * m[i, 2], theta.diff(sd.t, 2),
    u.diff(X, 2) - u * u.diff(X) + w, sp.Sum(x[i] ** 2 * sp.Sum(m[i, j], (j, 0, i)), (i, 0, n - 1)),
    PlainSum(sp.Piecewise((x[i], i < 2), (0, True)), (i, 0, n - 1)), sp.KroneckerDelta(i, 2) * sp.Heaviside(X),
    sp.Integral(sp.exp(-((X - i) ** 2)) * u.subs(X, i), (i, -sp.oo, sp.oo)), sp.Min(a, X, 2) + sp.Max(a, X),
    sp.Eq(u.diff(sd.t), u, evaluate=False), sp.Eq(X, X, evaluate=False), sp.And(X < 1, sp.Or(a > X, sp.Not(i <= 2))),
    sp.Tuple(X, a), sp.Abs(X) + sp.sign(X) + sp.floor(X) + sp.atan2(X, a), sp.besselj(0, X) + sp.polygamma(2, X),
    sp.Subs(u.diff(X), X, 2), sp.Lambda(X, X**2), sp.Idx("k", (0, n - 1)) + 1, sp.Pow(2, 3, evaluate=False),
    sp.Mul(2, sp.Add(X, 1, evaluate=False), 3, evaluate=False), sp.sin(0, evaluate=False),
    sp.Function("f", nargs=2)(a, X),
    Private("w", 3, "w", positive=True) + dummy("j"), sp.conjugate(sp.Function("psi")(X)),
    sp.Product(x[i], (i, 0, n - 1)),
    sp.Symbol("__import__('os')") + sp.Symbol("θ", commutative=True), sp.Ne(X, 1), sp.sqrt(X) / 3 - 2**X,
]  # fmt: skip


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_expressions(expr):
    found = again(expr)
    assert same(found, expr) and hash(found) == hash(expr)
    assert found.free_symbols == expr.free_symbols
    if isinstance(expr, sp.Expr):
        assert found.is_commutative == expr.is_commutative


def random_expression(rng: np.random.Generator, depth: int) -> sp.Expr:
    """Of a random shape, over all that the index calculus takes."""
    if depth == 0:
        numbers = sp.Integer(int(rng.integers(-5, 6))), sp.Rational(int(rng.integers(1, 9)), 7), sp.Float(rng.normal())
        leaves = [*numbers, X, a, x[i], m[j, 1], theta, u, sp.pi, sp.Symbol(f"s{rng.integers(3)}", real=True)]
        return leaves[rng.integers(len(leaves))]
    p, q = (random_expression(rng, depth - 1) for _ in range(2))
    grown = [
        lambda: p + q, lambda: p * q, lambda: p**2 - q, lambda: sp.sin(p) * sp.exp(q), lambda: sp.Max(sp.Abs(p), a),
        lambda: sp.Sum(p, (i, 0, n - 1)), lambda: sp.Piecewise((p, a < X), (q, True)), lambda: sp.Abs(p) + sp.tanh(q),
        lambda: sp.KroneckerDelta(i, j) * p, lambda: p.diff(X) + q, lambda: sp.Add(p, q, p, evaluate=False),
        lambda: sp.Mul(p, 2, q, evaluate=False), lambda: sp.Function("g")(p, q),
    ]  # fmt: skip
    return grown[rng.integers(len(grown))]()


def test_random_expressions():
    rng = np.random.default_rng(7)
    exprs = [random_expression(rng, int(rng.integers(1, 5))) for _ in range(300)]
    for expr, found in zip(exprs, again(exprs), strict=True):
        assert same(found, expr), expr


def test_deep_networks_are_as_long_as_they_are_deep():
    writer = Writer()
    writer.document(sd.mlp([X], widths=[5] * 12, activation=sd.swish).expr)
    assert len(writer.document(None)["expressions"]) < 700


def test_values():
    values = {
        "numbers": [1, 2**80, -(2**53), 1.5, -0.0, np.inf, np.nan, 1 + 2j, True, None, "text ü", np.float64(0.1)],
        X: (np.arange(6.0).reshape(2, 3), np.array([True, False]), np.empty((0, 3)), np.array([1j, np.nan])),
        a: np.array(3),
        "matrix": sp.Matrix([[a, 1], [X, 2]]), "fixed": sp.ImmutableMatrix([a, X]), 3: {"of": []},
    }  # fmt: skip
    found = again(values)
    assert alike(found, values) and found["matrix"] == values["matrix"]
    assert not alike(found, {**values, 3: {"of": [1]}})
    assert not alike(np.array([0.0]), np.array([-0.0])) and not alike(np.zeros(2), np.zeros((2, 1)))
    assert not alike(1.0, 2.0) and not alike([1], [1, 2])


def test_what_is_not_kept():
    @dataclasses.dataclass
    class Own:
        size: int = 3

    writer = Writer()
    document = writer.document([Own(), lambda: 1, object(), sp.Interval(0, 1), np.array(["text"])])
    found = Reader(document, writer.arrays.__getitem__).value
    assert [type(one) for one in found] == [Missing] * 5
    assert "Own(size=3)" in str(found[0]) and found[1].kind == "function"
    assert "0x" not in str(found[2]) and writer.missing == found


HARMFUL = [
    {"value": {"object": 0}, "objects": [["system", ["echo"], {}]], "expressions": []},
    {"value": {"object": 0}, "objects": [["os.system", ["echo"], {}]], "expressions": []},
    {"value": {"object": 0}, "objects": [["eval", ["1"], {}]], "expressions": []},
    {"value": {"object": 0}, "objects": [], "expressions": []},
    {"value": {"object": "0"}, "objects": [], "expressions": []},
    {"value": {"expression": 3}, "objects": [], "expressions": []},
    {"value": None, "objects": [], "expressions": [["sympify", [], "1"]]},
    {"value": None, "objects": [], "expressions": [["lambdify", [], "1"]]},
    {"value": None, "objects": [], "expressions": [["Integer", [], "__import__('os')"]]},
    {"value": None, "objects": [], "expressions": [["Integer", [], 1.5]]},
    {"value": None, "objects": [], "expressions": [["Symbol", [], 3, {}]]},
    {"value": None, "objects": [], "expressions": [["Symbol", [], "x", {"real": "__import__('os')"}]]},
    {"value": None, "objects": [], "expressions": [["Add", [0], ]]},
    {"value": None, "objects": [], "expressions": [["Symbol", [], "x", {}], ["IndexedBase", [0, 0, 0]]]},
    {"value": None, "objects": [], "expressions": [["sin", []]]},
    {"value": None, "objects": [], "expressions": [["applied", [], "f", {"nargs": "eval"}]]},
    {"value": None, "objects": [], "expressions": 3},
    {"value": {"float": "1e3"}, "objects": [], "expressions": []},
    {"value": {"pickle": "gASVBQAAAAAAAABLAS4="}, "objects": [], "expressions": []},
    {"value": {"array": ["a0", [2], "O"]}, "objects": [], "expressions": []},
    {"value": {"array": ["a0", [2], "<f8"]}, "objects": [], "expressions": []},
    {"value": [1, 2], "objects": [], "expressions": []},
    {"value": None, "expressions": []},
    [],
]  # fmt: skip


@pytest.mark.parametrize("document", HARMFUL, ids=lambda d: json.dumps(d)[:60])
def test_what_is_no_record_is_refused(document):
    with pytest.raises(CheckpointError):
        Reader(document, {"a0": np.zeros(3)}.__getitem__)
