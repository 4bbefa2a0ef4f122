"""Samples side by side: what kernels find of each is what they find of it alone, whatever is beside it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdfi.compile.kernels import cache
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops
from symdfi.compile.source import assemble

LANES = 16
n, e = sp.symbols("n e", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, w = (sp.IndexedBase(name, shape=(n,)) for name in "xw")
A, p, r = sp.IndexedBase("A", shape=(n, n)), sp.IndexedBase("p", shape=(e,)), sp.IndexedBase("r", shape=(e,))
s, k, t = sp.symbols("s k t")
SIZES, EPS = {"n": 5, "e": 7}, np.finfo(float).eps
TERMS = {
    "neighbours": sp.Sum(w[i] * (x[i + 1] - x[i]) ** 4, (i, 0, n - 2)) + s * x[0] + x[n - 1] ** 2,
    "all pairs": sp.Sum(A[i, j] * x[i] * sp.tanh(x[j]), (i, 0, n - 1), (j, 0, n - 1)),
    "all distances": sp.Sum(1 / (1 + (x[i] - x[j]) ** 2), (j, 0, i - 1), (i, 0, n - 1)),
    "edges": sp.Sum(sp.sin(x[p[i]] - x[r[i]] + t), (i, 0, e - 1)),
    "a product of sums": sp.Sum(w[i] * x[i], (i, 0, n - 1)) ** 3 * sp.exp(k * s),
    "branches": sp.Sum(sp.Piecewise((x[i] ** 2, x[i] > s), (sp.cos(x[i]), True)), (i, 0, n - 1)),
    "parameters alone": k * sp.Sum(w[i] ** 2, (i, 0, n - 1)),
    "a ring": sp.Sum(x[i] * x[sp.Mod(i + 1, n)] * sp.log(1 + t**2), (i, 0, n - 1)),
}


def built(term: sp.Expr, lanes: int) -> CompiledKernel:
    """A value, what it is element by element, and its derivatives, of which some are added to what is there."""
    groups = [
        Group("ints", (p, r), integer=True), Group("params", (A, w, k)), Group("q", (x, s), batched=True),
        Group("t", (t,), batched=True, common=True),
    ]  # fmt: skip
    builder = KernelBuilder(groups, lanes=lanes)
    value = builder.program.assign(term)
    bars = adjoint(builder.program, value.target, [x, s, w, k])
    for name, own, adds in (("state", (x, s), False), ("derivative", (w, k), True)):
        parts = [builder.program.assign(sp.S.Zero if bars[v] is None else bars[v], gradient_loops(v)) for v in own]
        builder.output(name, parts, per_sample=True, adds=adds)
    builder.output("value", [value], per_sample=True)
    return builder.build()


@pytest.mark.parametrize("name", TERMS)
def test_lanes_as_samples(name: str) -> None:
    alone, wide = built(TERMS[name], 1), built(TERMS[name], LANES)
    rng = np.random.default_rng(0)
    ints, params = rng.integers(SIZES["n"], size=14), rng.normal(size=31)
    states, times, old = rng.normal(size=(LANES, 6)), np.full((LANES, 1), 0.7), rng.normal(size=(LANES, 6))
    sizes = [np.array([SIZES[size.name] for size in kernel.sizes]) for kernel in (alone, wide)]
    each = [np.empty((LANES, 6)), old.copy(), np.empty((LANES, 1))]
    alone.python(0, LANES, sizes[0], ints, params, states, times, *each)
    source = assemble.abreast(assemble.restricted(wide.source), LANES)
    assert f"range({LANES})" not in source
    compiled = cache.load(source).kernel
    for run in (compiled, wide.python):
        together = [np.empty((1, 6 * LANES)), old.T.reshape(1, -1).copy(), np.empty((1, LANES))]
        run(0, 1, sizes[1], ints, params, states.T.reshape(1, -1).copy(), times[:1], *together)
        for own, other in zip(each, together, strict=True):
            scale = 1e3 * EPS * np.abs(own).max()
            np.testing.assert_allclose(other.reshape(-1, LANES).T, own, rtol=0, atol=scale)
    # All lanes alike: to the last bit.
    alike = [np.empty((1, 6 * LANES)), np.repeat(old[:1].T, LANES, axis=1).reshape(1, -1), np.empty((1, LANES))]
    compiled(0, 1, sizes[1], ints, params, np.repeat(states[:1].T, LANES, axis=1).reshape(1, -1), times[:1], *alike)
    for own in alike:
        lanes = own.reshape(-1, LANES)
        assert np.array_equal(lanes, np.repeat(lanes[:, :1], LANES, axis=1))
