"""Compiled functions of named arrays: shapes, batches, outputs, errors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from numba import njit

import symdfi as sd
from symdfi.compile.kernels import cache

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
a, b = sp.symbols("a b", real=True)
x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xy")
w = sp.IndexedBase(sp.Symbol("w", real=True), shape=(n, m))
v = sp.IndexedBase(sp.Symbol("v", real=True), shape=(m,))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
dot = sp.Sum(x[i] * y[i], (i, 0, n - 1))
bilinear = sp.Sum(x[i] * w[i, j] * v[j], (j, 0, m - 1), (i, 0, n - 1))
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def product():
    return sd.compile({"e": bilinear, "x": sd.gradient(bilinear, x), "w": sd.gradient(bilinear, w)}, [x, w, v])


# Shapes and batches
# ------------------


def test_values(product):
    X, W, V = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=4)
    result = product(x=X, w=W, v=V)
    assert result["e"].shape == () and result["x"].shape == (3,) and result["w"].shape == (3, 4)
    np.testing.assert_allclose(result["e"], X @ W @ V)
    np.testing.assert_allclose(result["x"], W @ V)
    np.testing.assert_allclose(result["w"], np.outer(X, V))


@pytest.mark.parametrize(
    "lead_x, lead_w, lead_v", [((5,), (), ()), ((2, 5), (5,), ()), ((3, 1), (), (4,)), ((), (700,), ())]
)
def test_batch_axes_broadcast(product, lead_x, lead_w, lead_v):
    X, W, V = rng.normal(size=(*lead_x, 3)), rng.normal(size=(*lead_w, 3, 4)), rng.normal(size=(*lead_v, 4))
    result = product(x=X, w=W, v=V)
    batch = np.broadcast_shapes(lead_x, lead_w, lead_v)
    np.testing.assert_allclose(result["e"], np.einsum("...i,...ij,...j->...", X, W, V))
    np.testing.assert_allclose(result["x"], np.broadcast_to(np.einsum("...ij,...j->...i", W, V), (*batch, 3)))
    assert result["w"].shape == (*batch, 3, 4)


def test_empty_batch(product):
    result = product(x=np.ones((0, 3)), w=np.ones((3, 4)), v=np.ones(4))
    assert result["e"].shape == (0,) and result["w"].shape == (0, 3, 4)


def test_scalar_arguments_have_batch_axes():
    f = sd.compile({"y": a * sp.exp(b), "g": sd.gradient(a * sp.exp(b), a)}, [a, b])
    A, B = rng.normal(size=(4, 1)), rng.normal(size=5)
    np.testing.assert_allclose(f(a=A, b=B)["y"], A * np.exp(B))
    np.testing.assert_allclose(f(a=2, b=0)["g"], 1.0)


@pytest.mark.parametrize(
    "X",
    [
        [1, 2, 3, 4],
        np.arange(1, 5),
        np.arange(1, 5, dtype=np.float32),
        np.arange(8.0)[2::2] / 2,
        np.broadcast_to(1.0, (4,)),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.array([True, False, True, True]),
    ],
    ids=["list", "int", "float32", "strided", "read-only", "fortran", "bool"],
)
def test_any_real_array(X):
    f = sd.compile({"e": dot}, [x, y])
    X = np.asarray(X)
    frozen = X.copy()
    Y = rng.normal(size=X.shape[-1])
    Y.flags.writeable = False
    np.testing.assert_allclose(f(x=X, y=Y)["e"], X @ Y)
    np.testing.assert_array_equal(X, frozen)


def test_results_are_new_arrays():
    f = sd.compile({"x": (x[i], (i, 0, n - 1)), "again": (x[i], (i, 0, n - 1))}, [x])
    X = np.ones(3)
    result = f(x=X)
    result["x"][0] = 5
    assert X[0] == 1 and result["again"][0] == 1


# Outputs
# -------


def test_kinds_of_outputs():
    f = sd.compile(
        {
            "scalar": dot,
            "array": (x[i] - y[n - 1 - i], (i, 0, n - 1)),
            "inner": (x[i + 1] - x[i - 1], (i, 1, n - 2)),
            "table": (i * x[i] + w[i, j], (i, 0, n - 1), (j, 0, m - 1)),
            "matrix": sp.Matrix([[a, dot], [1, a**2]]),
            "list": [a, 2 * a, sp.S(3)],
            "constant": sp.pi,
            "zeros": sd.gradient(dot, w),
            "size": n * a,
        },
        [x, y, w, a],
    )
    X, Y, W, A = rng.normal(size=4), rng.normal(size=4), rng.normal(size=(4, 2)), 1.5
    for leading in ((), (3,)):
        got = f(x=np.broadcast_to(X, (*leading, 4)), y=Y, w=W, a=A)
        expected = {
            "scalar": X @ Y,
            "array": X - Y[::-1],
            "inner": X[2:] - X[:-2],
            "table": (np.arange(4) * X)[:, None] + W,
            "matrix": [[A, X @ Y], [1, A**2]],
            "list": [A, 2 * A, 3],
            "constant": np.pi,
            "zeros": np.zeros((4, 2)),
            "size": 4 * A,
        }
        assert list(got) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(got[name], np.broadcast_to(value, (*leading, *np.shape(value))), err_msg=name)


def test_derivatives_that_stand_in_an_expression():
    """Derivatives by symbols are carried out, inside sums and of sums too."""
    slope = sp.Derivative(sp.sin(a * b), (a, 2))
    outputs = {
        "y": b * slope,
        "sum": sp.Derivative(sp.Sum(sp.cos(a * x[i]), (i, 0, n - 1)), a),
        "each": (sp.Derivative(a * x[i] ** 2, a, evaluate=False), (i, 0, n - 1)),
        "slope": sd.gradient(sp.Derivative(sp.sin(a * b), a), b),
    }
    found = sd.compile(outputs, [a, b, x])(a=0.7, b=1.3, x=[0.5, 2.0])
    assert found["y"] == pytest.approx(-(1.3**3) * np.sin(0.91), rel=1e-14)
    assert found["sum"] == pytest.approx(-0.5 * np.sin(0.35) - 2 * np.sin(1.4), rel=1e-14)
    assert found["each"] == pytest.approx([0.25, 4.0], rel=1e-14)
    assert found["slope"] == pytest.approx(np.cos(0.91) - 0.91 * np.sin(0.91), rel=1e-14)
    with pytest.raises(sd.SymbolicError, match="no derivative of f is known"):
        sd.compile({"y": sp.Derivative(sp.Function("f")(a), a)}, [a])


def test_one_output_inside_another():
    root = sp.sqrt(dot)
    f = sd.compile({"y": root, "twice": root, "z": sp.tanh(root), "e": dot}, [x, y])
    got = f(x=np.ones(4), y=np.ones(4))
    assert (got["y"], got["twice"], got["e"]) == (2, 2, 4)
    np.testing.assert_allclose(got["z"], np.tanh(2))


def test_names_of_python_and_of_the_kernel():
    names = sp.symbols("lambda kernel sizes np start out_y in_x U _t0 t0 exp float _l0 _o1", real=True)
    value = sum((k + 1) * s for k, s in enumerate(names)) + sp.exp(names[0])
    f = sd.compile({"y": value}, names)
    got = f(**{s.name: float(k) for k, s in enumerate(names)})["y"]
    assert got == sum((k + 1) * k for k in range(len(names))) + 1


def test_a_loop_index_captures_no_argument():
    odd = [sp.Symbol(f"_{role}0", integer=True) for role in "abcfglot"]
    weight = sum(2**k * s for k, s in enumerate(odd))
    f = sd.compile({"y": (weight * x[i], (i, 0, n - 1)), "e": sp.Sum(weight * x[i], (i, 0, n - 1))}, [x, *odd])
    got = f(x=[1.0, 3.0], **{s.name: 1 for s in odd})
    np.testing.assert_array_equal(got["y"], [255, 3 * 255])
    assert got["e"] == 4 * 255


@pytest.mark.parametrize("name", ["_a0", "_b0", "_alpha", "_n0", "_t0", "_g0"])
def test_no_undeclared_symbol_passes_for_one_of_ours(name):
    stray = sp.Symbol(name, integer=True)
    with pytest.raises(sd.CompileError, match=f"the symbol {name} in"):
        sd.compile({"y": stray * x[0]}, [x])


def test_index_names_do_not_matter():
    odd = sp.symbols("_a0 _b0 _g0 _l0", integer=True)
    total = sum(sp.Sum(x[s] * sp.Sum(w[s, r] * v[r], (r, 0, m - 1)), (s, 0, n - 1)) for s, r in pairwise(odd))
    f = sd.compile({"y": total, "g": sd.gradient(total, x), "row": (x[odd[1]], (odd[1], 0, n - 1))}, [x, w, v])
    X, W, V = rng.normal(size=3), rng.normal(size=(3, 2)), rng.normal(size=2)
    got = f(x=X, w=W, v=V)
    np.testing.assert_allclose(got["y"], 3 * X @ W @ V)
    np.testing.assert_allclose(got["g"], 3 * W @ V)
    np.testing.assert_allclose(got["row"], X)


def test_shapes_follow_from_the_ranges():
    bare = sp.IndexedBase("bare")
    f = sd.compile({"y": (bare[i + 1] - bare[i], (i, 0, n - 1))}, [bare])
    np.testing.assert_allclose(f(bare=[1.0, 2.0, 4.0])["y"], [1, 2])


def test_integer_arrays_as_values_and_indices():
    total = sp.Sum(p[i] * x[p[i]], (i, 0, n - 1))
    f = sd.compile({"y": total, "g": sd.gradient(total, x)}, [x, p])
    got = f(x=[1.0, 10.0, 100.0], p=[2, 2, 1])
    assert got["y"] == 410
    np.testing.assert_allclose(got["g"], [0, 1, 4])


def test_ragged_sums():
    lower = sp.Sum(x[i] * sp.tanh(y[j]), (j, 0, i), (i, 0, n - 1))
    strict = sp.Sum(x[i + 1] * y[j], (j, i + 1, n - 1), (i, 0, n - 1))
    f = sd.compile({"a": lower, "b": strict, "g": sd.gradient(strict, x)}, [x, y])
    X, Y = rng.normal(size=4), rng.normal(size=4)
    got = f(x=X, y=Y)
    np.testing.assert_allclose(got["a"], sum(X[i] * np.tanh(Y[j]) for i in range(4) for j in range(i + 1)))
    np.testing.assert_allclose(got["b"], sum(X[i + 1] * Y[j] for i in range(4) for j in range(i + 1, 4)))
    np.testing.assert_allclose(got["g"], [0, *(Y[k:].sum() for k in (1, 2, 3))])


def test_source_is_what_is_compiled():
    f = sd.compile({"e": dot}, [x, y])
    name = Path(f.njit.py_func.__code__.co_filename).stem
    compiled = (cache.directory() / name / f"{name}.py").read_text()
    assert "def kernel(sizes, in0, in1, out0):\n    s0 = sizes[U(0)]\n" in compiled
    legend, code = f.source.split("@", 1)
    assert legend == "# x_in0: 'x'\n# y_in1: 'y'\n# e_out0: 'e'\n# n_s0: 'n'\n"
    assert "def kernel(sizes, x_in0, y_in1, e_out0):\n    n_s0 = sizes[U(0)]\n" in code
    for own, shown in (("in0", "x_in0"), ("in1", "y_in1"), ("out0", "e_out0"), ("s0", "n_s0")):
        code = code.replace(shown, own)
    assert code in compiled


def test_inside_compiled_code():
    f = sd.compile({"e": dot, "g": sd.gradient(dot, x)}, [x, y])
    kernel = f.njit

    @njit
    def steps(x, y, count):
        sizes, e, g = np.array([x.size]), np.empty(1), np.empty(x.size)
        for _ in range(count):
            kernel(sizes, x, y, e, g)
            x -= 0.1 * g
        return e[0]

    X, Y = np.ones(3), np.ones(3)
    assert np.isclose(steps(X, Y, 3), 3 * (1 - 0.2))
    np.testing.assert_allclose(X, 0.7)


@pytest.mark.parametrize("form", ["python", "compiled"])
def test_what_is_not_finite_stays_so(form):
    functions = [
        x[i] + 1,
        sp.exp(x[i]),
        sp.Abs(x[i]),
        sp.sign(x[i]),
        sp.Max(x[i], 0),
        sp.Max(0, x[i]),
        sp.Min(x[i], a),
    ]
    functions += [sp.sqrt(x[i]), sp.log(x[i]), 1 / x[i], sp.Heaviside(x[i]), sp.tanh(x[i])]
    f = sd.compile({f"f{k}": (e, (i, 0, n - 1)) for k, e in enumerate(functions)}, [x, a])
    X = np.array([np.nan, np.inf, -np.inf, 0.0, 2.0])
    got = (f.python if form == "python" else f)(x=X, a=1.0)
    with np.errstate(all="ignore"):
        expected = [
            X + 1,
            np.exp(X),
            np.abs(X),
            np.sign(X),
            np.maximum(X, 0),
            np.maximum(0, X),
            np.minimum(X, 1),
        ]
        expected += [np.sqrt(X), np.log(X), 1 / X, np.heaviside(X, 0.5), np.tanh(X)]
    for position, value in enumerate(expected):
        np.testing.assert_allclose(got[f"f{position}"], value, rtol=1e-14, err_msg=str(functions[position]))


# Errors
# ------


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"x": np.ones(3)}, TypeError, r"missing arguments: \['y'\]"),
        ({"x": np.ones(3), "y": np.ones(3), "q": 1}, TypeError, r"unknown arguments: \['q'\]"),
        ({"x": np.ones(3), "y": np.ones(4)}, ValueError, r"y has shape \(4,\), expected \(n,\) with n = 3"),
        ({"x": 1.0, "y": np.ones(4)}, ValueError, r"x has shape \(\), expected \(n,\)"),
        ({"x": np.ones((2, 3)), "y": np.ones((4, 3))}, ValueError, "broadcast"),
        ({"x": np.ones(3) * 1j, "y": np.ones(3)}, ValueError, "x holds complex128: give real numbers"),
        ({"x": ["a"], "y": np.ones(1)}, ValueError, "x holds .*: give real numbers"),
        ({"x": np.ones(0), "y": np.ones(0)}, ValueError, "n = 0: it must be positive"),
    ],
)
def test_call_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        sd.compile({"e": dot}, [x, y]).python(**arguments)


@pytest.mark.parametrize(
    "outputs, arguments, error, message",
    [
        ({"y": a + b}, [a], sd.CompileError, "the symbol b in a [+] b is neither an argument nor a size"),
        ({"y": dot}, [x], sd.CompileError, "the symbol y"),
        ({"y": sp.Function("f")(a)}, [a], sd.CompileError, r"f\(a\) in f\(a\) is an undefined function"),
        ({"y": sp.zeta(a)}, [a], sd.CompileError, "the function zeta"),
        ({"y": sp.I * a}, [a], sd.CompileError, "I has no value in real arithmetic"),
        ({}, [a], sd.CompileError, "nothing to compile"),
        ({"y": a}, [a, a], sd.CompileError, "an argument is given twice"),
        ({"y": a}, [a**2], sd.CompileError, "an argument is a Symbol or an IndexedBase"),
        ({"y": sp.Sum(a**i, (i, 0, sp.oo))}, [a], sd.CompileError, "the bounds of"),
        ({"y": sp.Sum(x[i], (i, 0, a))}, [x, a], sd.CompileError, "the bounds of"),
        (
            {"y": sp.Sum(x[i + 1], (i, 0, n - 1))},
            [x],
            sd.SymbolicError,
            r"x\[.*\] \(.* = 0..n - 1\) leaves the range",
        ),
        ({"y": sp.Sum(x[i - 1], (i, 0, n - 1))}, [x], sd.SymbolicError, "leaves the range 0..n - 1"),
        ({"y": (x[i] * x[j], (i, 0, n - 1), (j, 0, i))}, [x], sd.CompileError, "depends on another index"),
        ({"y": sd.gradient(sp.Sum(x[2**i], (i, 0, n - 1)), x)}, [x], sd.CompileError, r"must be integer expressions"),
    ],
)
def test_compile_errors(outputs, arguments, error, message):
    with pytest.raises(error, match=message):
        sd.compile(outputs, arguments)


def test_sizes_that_shapes_do_not_tell():
    q = sp.IndexedBase("q", shape=(n * m,))
    with pytest.raises(ValueError, match="do not tell m, n"):
        sd.compile({"y": n * q[0]}, [q]).python(q=np.ones(6))


@pytest.mark.parametrize(
    "energy, size, message",
    [
        (x[3], 3, r"the index of x\[3\] is 3, outside 0..n - 1, at n = 3"),
        (sp.Sum(x[i], (i, 0, m - 1)), 3, r"the index of x\[i\] is 3 at i = 3, outside 0..n - 1, at n = 3, m = 5"),
        (sp.Sum(x[sp.Mod(i, m)], (i, 0, 2 * n)), 3, "outside 0..n - 1"),
        (sp.Sum(x[sp.Mod(i, 2 * n)], (i, 0, m - 1)), 3, "outside 0..n - 1"),
    ],
)
def test_indices_that_the_sizes_put_out_of_range(energy, size, message):
    f = sd.compile({"y": energy, "g": sd.gradient(energy, x)}, [x, v])
    f.python(x=np.ones(20), v=np.ones(5))
    with pytest.raises(ValueError, match=message):
        f.python(x=np.ones(size), v=np.ones(5))


@pytest.mark.parametrize("entries", [[0, 1, 3], [-1, 0, 0]])
def test_gathered_indices_out_of_range(entries):
    energy = sp.Sum(x[p[i]] * y[p[n - 1 - i]], (i, 0, n - 1))
    for output in (energy, sd.gradient(energy, x)):
        f = sd.compile({"y": output}, [x, y, p])
        beyond = max(entries) if max(entries) > 2 else min(entries)
        with pytest.raises(ValueError, match=f"the index of [xy].* is {beyond} at i = "):
            f(x=np.ones(3), y=np.ones(3), p=entries)
        f(x=np.ones(3), y=np.ones(3), p=[2, 0, 1])


def test_a_condition_may_keep_a_gathered_index_in_range():
    energy = sp.Sum(sp.Piecewise((x[p[i]] ** 2, p[i] >= 0), (0, True)), (i, 0, n - 1))
    f = sd.compile({"y": energy, "g": sd.gradient(energy, x)}, [x, p])
    got = f(x=[1.0, 2.0, 3.0], p=[-1, 2, 0])
    assert got["y"] == 10
    np.testing.assert_allclose(got["g"], [2, 0, 6])


def test_index_arrays_hold_integers_and_have_no_batch():
    f = sd.compile({"y": sp.Sum(x[p[i]], (i, 0, n - 1))}, [x, p])
    with pytest.raises(ValueError, match="p is an index array: give integers, not float64"):
        f.python(x=np.ones(2), p=[0.0, 1.0])
    with pytest.raises(ValueError, match="no batch axes"):
        f.python(x=np.ones(2), p=[[0, 1]])
