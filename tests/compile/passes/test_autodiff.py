"""Tangents and adjoints of loop programs: identities, cost, and a network's derivatives."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.program.loops import Loop
from symdfi.compile.source import assemble

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
X = sp.Symbol("X", real=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
w = sp.IndexedBase(sp.Symbol("w", real=True), shape=(m, n))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
dx = sp.IndexedBase(sp.Symbol("dx", real=True), shape=(n,))
seed = sp.IndexedBase(sp.Symbol("seed", real=True), shape=(m,))

#: Vectors f[j], j = 0..m-1, of x.
FIELDS = {
    "layer": sp.tanh(sp.Sum(w[j, i] * x[i], (i, 0, n - 1))),
    "softmax": sp.exp(w[j, 0] * x[0]) / sp.Sum(sp.exp(w[k, 0] * x[0]), (k, 0, m - 1)),
    "periodic": sp.Sum(w[j, i] * sp.sin(x[sp.Mod(i + 1, n)] - x[i]), (i, 0, n - 1)),
    "gathered": sp.Sum(w[j, i] * x[p[i]] * x[i], (i, 0, n - 1)),
    "ends": sp.Sum(sp.Piecewise((w[j, i] * x[i + 1] ** 2, i < n - 1), (x[0] * x[i], True)), (i, 0, n - 1)),
    "triangular": sp.Sum(w[j, i] * sp.cos(sp.Sum(x[k], (k, 0, i))), (i, 0, n - 1)),
}


@pytest.mark.parametrize("name", FIELDS)
def test_adjoint_is_the_transpose_of_the_tangent(name):
    """<s, J dx> = <J^T s, dx>, and J dx is the derivative along dx."""
    values = {"x": (x,), "w": (w,), "dx": (dx,), "seed": (seed,)}
    builder = KernelBuilder([Group("p", (p,), integer=True), *(Group(g, members) for g, members in values.items())])
    program = builder.program
    field = program.assign(sd.symbolic.indexed.normalise(FIELDS[name]), (Loop(j, sp.S.Zero, m - 1),))
    total = program.assign(sp.Sum(seed[j] * field.at((j,)), (j, 0, m - 1)))
    along = tangent(program, total.target, {x: dx})
    back = adjoint(program, total.target, [x])[x]
    gradient = program.assign(back, gradient_loops(x))
    builder.output("out_value", [total])
    builder.output("out_along", [program.assignments[along]])
    builder.output("out_back", [gradient])
    kernel = builder.build()
    rng = np.random.default_rng(1)
    N, M = 5, 4
    at = {
        "x": rng.normal(size=N),
        "w": rng.normal(size=M * N),
        "dx": rng.normal(size=N),
        "seed": rng.normal(size=M),
    }

    def run(start):
        value, slope, back = np.empty(1), np.empty(1), np.empty(N)
        sizes = np.array([{"m": M, "n": N}[s.name] for s in kernel.sizes])
        gather = np.array([3, 0, 3, 1, 4])
        kernel.python(sizes, gather, start, at["w"], at["dx"], at["seed"], value, slope, back)
        return value[0], slope[0], back

    _, slope, back = run(at["x"])
    h = 1e-5
    difference = (run(at["x"] + h * at["dx"])[0] - run(at["x"] - h * at["dx"])[0]) / (2 * h)
    assert slope == pytest.approx(back @ at["dx"], rel=1e-13)
    assert slope == pytest.approx(difference, rel=1e-7)


# Networks
# --------


def network(layers: int):
    """A scalar network of X with ``layers`` hidden layers of symbolic width n, and its parameters."""
    first = sp.IndexedBase(sp.Symbol("w0", real=True), shape=(n,))
    last = sp.IndexedBase(sp.Symbol("out", real=True), shape=(n,))
    hidden = [sp.IndexedBase(sp.Symbol(f"w{r}", real=True), shape=(n, n)) for r in range(1, layers)]
    units = lambda unit: sp.tanh(first[unit] * X)  # noqa: E731
    for r, weights in enumerate(hidden):
        below, s = units, sp.Symbol(f"s{r}", integer=True)
        units = lambda unit, b=below, s=s, w=weights: sp.tanh(sp.Sum(w[unit, s] * b(s), (s, 0, n - 1)))  # noqa: E731
    s = sp.Symbol("s", integer=True)
    return sp.Sum(last[s] * units(s), (s, 0, n - 1)), [first, *hidden, last]


def statements(layers: int) -> int:
    u, parameters = network(layers)
    f = sd.compile({"u": u, **{f"g_{w}": sd.gradient(u, w) for w in parameters}}, [X, *parameters])
    return len([line for line in f.source.splitlines() if "=" in line])


def test_cost_of_a_gradient_grows_linearly_with_depth(monkeypatch):
    # In one function: the heads of parts are no statements.
    monkeypatch.setattr(assemble, "LIMIT", 10**6)
    counts = [statements(layers) for layers in (2, 3, 4, 5, 6)]
    steps = np.diff(counts)
    assert np.all(steps == steps[0]) and steps[0] < 25


def test_derivatives_of_a_network_in_its_variable():
    u, parameters = network(3)
    builder = KernelBuilder([Group("X", (X,), batched=True), *(Group(str(q), (q,)) for q in parameters)])
    program = builder.program
    value = program.assign(sd.symbolic.indexed.normalise(u))
    first = tangent(program, value.target, {X: sp.S.One})
    second = tangent(program, first, {X: sp.S.One})
    for name, target in (("out_u", value.target), ("out_x", first), ("out_xx", second)):
        builder.output(name, [program.assignments[target]])
    kernel = builder.build()
    rng = np.random.default_rng(2)
    N = 6
    theta = [rng.normal(size=(N,) * len(q.shape)) for q in parameters]
    points = rng.normal(size=(20, 1))
    got = [np.empty((20, 1)) for _ in range(3)]
    kernel.function(0, 20, np.array([N]), points, *(t.ravel() for t in theta), *got)
    for array, expected in zip(got, reference(points[:, 0], theta), strict=True):
        np.testing.assert_allclose(array[:, 0], expected, rtol=1e-12, atol=1e-12)


def reference(points, theta):
    """u, u_x, u_xx by JAX, or by a power series in x - X."""
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)

        def u(s):
            hidden = jax.numpy.tanh(theta[0] * s)
            for weights in theta[1:-1]:
                hidden = jax.numpy.tanh(weights @ hidden)
            return theta[-1] @ hidden

        return [np.array([f(s) for s in points]) for f in (u, jax.grad(u), jax.grad(jax.grad(u)))]

    def tanh(a, da, dda):
        t = np.tanh(a)
        return t, (1 - t**2) * da, (1 - t**2) * dda - 2 * t * (1 - t**2) * da**2

    series = []
    for s in points:
        parts = tanh(theta[0] * s, theta[0], 0 * theta[0])
        for weights in theta[1:-1]:
            parts = tanh(*(weights @ part for part in parts))
        series.append([theta[-1] @ part for part in parts])
    return np.array(series).T


def test_a_kink_has_no_second_derivative():
    energy = sp.Sum(sp.Max(x[i], 0) * sp.Abs(x[i]), (i, 0, n - 1))
    first = sd.derivative(energy, x[j])
    f = sd.compile({"g": (first, (j, 0, n - 1)), "h": (sd.derivative(first, x[j]), (j, 0, n - 1))}, [x])
    got = f.python(x=[2.0, -3.0])
    np.testing.assert_allclose(got["g"], [4, 0])
    assert "DiracDelta" not in f.source


def test_what_does_not_depend_has_no_derivative():
    builder = KernelBuilder([Group("x", (x,)), Group("w", (w,))])
    value = builder.program.assign(sp.Sum(x[i] ** 2, (i, 0, n - 1)))
    assert tangent(builder.program, value.target, {w: w}) is None
    assert adjoint(builder.program, value.target, [w]) == {w: None}


def test_the_chain_rule_through_nested_sums_costs_what_backpropagation_costs():
    """The index calculus gives the force of a deep potential as one sum over all layers; compiled, no loop nest
    is deeper than a matrix-vector product."""
    n, m = sp.symbols("n m")
    i, j, k, layer = sp.symbols("i j k l", integer=True)
    x = sp.IndexedBase("x", shape=(n,))
    first, second, third = (sp.IndexedBase(f"W{d}", shape=shape) for d, shape in enumerate([(m, n), (m, m), (m, m)]))
    c = sp.IndexedBase("c", shape=(m,))
    h = sp.tanh(sp.Sum(first[i, j] * x[j], (j, 0, n - 1)))
    h = sp.tanh(sp.Sum(second[k, i] * h, (i, 0, m - 1)))
    energy = sp.Sum(c[layer] * sp.tanh(sp.Sum(third[layer, k] * h, (k, 0, m - 1))), (layer, 0, m - 1))
    p = sp.Symbol("p", integer=True)
    slope = sd.derivative(energy, x[p])
    f = sd.compile({"slope": (slope, (p, 0, n - 1)), "sweep": sd.gradient(energy, x)}, [x, first, second, third, c])
    deepest = max((len(line) - len(line.lstrip())) // 4 for line in f.source.splitlines() if "for " in line)
    assert deepest == 2
    generator = np.random.default_rng(1)
    shapes = {"x": (4,), "W0": (5, 4), "W1": (5, 5), "W2": (5, 5), "c": (5,)}
    values = f.python(**{name: generator.normal(size=shape) for name, shape in shapes.items()})
    np.testing.assert_allclose(values["slope"], values["sweep"], rtol=1e-12)


def test_a_loop_index_as_a_weight_is_summed_over():
    """∂/∂x Σ_j j Σ_i A_ji x_i = Aᵀ(0, 1, 2): the index is no factor common to all terms."""
    energy = sp.Sum(j * sp.Sum(w[j, i] * x[i], (i, 0, n - 1)), (j, 0, m - 1))
    f = sd.compile({"g": sd.gradient(energy, x)}, [w, x])
    W = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(f.python(w=W, x=np.ones(3))["g"], [15.0, 18.0, 21.0])


def test_deltas_in_a_chain():
    """∂/∂w[a, b] Σ_ki δ_ik w_ii x_k = δ_ab x_a for 1 <= a: two deltas share the index a."""
    energy = sp.Sum(sp.KroneckerDelta(i, k) * w[i, i] * x[k], (k, 0, n - 1), (i, 1, m - 1))
    a, b = sp.symbols("a b", integer=True)
    formula = sd.gradient(energy, w)[a, b]
    f = sd.compile({"formula": (formula, (a, 0, m - 1), (b, 0, n - 1)), "sweep": sd.gradient(energy, w)}, [w, x])
    X = np.array([2.0, 3.0, 5.0])
    got = f.python(w=np.ones((3, 3)), x=X)
    for result in got.values():
        np.testing.assert_array_equal(result, np.diag([0.0, *X[1:]]))
