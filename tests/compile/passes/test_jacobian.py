"""Hessians entry by entry on the loop program, against the gradient along every direction."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops, tangent
from symdfi.compile.passes.jacobian import jacobian
from symdfi.compile.program.loops import Loop
from symdfi.symbolic.indexed import normalise
from symdfi.symbolic.structure import dense, structure

EPS = np.finfo(float).eps
n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, l, e = sp.symbols("i j k l e", integer=True)
x, y, dx, dy = (sp.IndexedBase(sp.Symbol(s, real=True), shape=(n,)) for s in ("x", "y", "dx", "dy"))
z, dz = (sp.IndexedBase(sp.Symbol(s, real=True), shape=(n, 2)) for s in ("z", "dz"))
s, ds = sp.symbols("s ds", real=True)
W = sp.IndexedBase(sp.Symbol("W", real=True), shape=(n, n))
p, f = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(m,)) for name in "pf")
ptr = sp.IndexedBase(sp.Symbol("ptr", integer=True), shape=(n + 1,))
Sum, sin, cos, exp, tanh, sqrt, Mod = sp.Sum, sp.sin, sp.cos, sp.exp, sp.tanh, sp.sqrt, sp.Mod
every, edges = (i, 0, n - 1), (e, 0, m - 1)


def nested(r: sp.Expr, levels: int) -> sp.Expr:
    for _ in range(levels):
        r = sin(r) * cos(r) + r**2 / 4
    return r


def bond(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sqrt(Sum((z[a, k] - z[b, k]) ** 2, (k, 0, 1)) + 1)


#: Energies, and the structure of their Hessians by the coordinates x, y, z, s that they hold.
ENERGIES = {
    "sites": (Sum(nested(x[i], 3), every), "diagonal"),
    "chain": (Sum(exp(nested(x[i + 1] - x[i], 2)), (i, 0, n - 2)), "banded"),
    "ring": (Sum(sqrt(1 + (x[Mod(i + 1, n)] - x[i]) ** 2) ** 3, every), "periodic"),
    "bending": (Sum((x[i + 2] - 2 * x[i + 1] + x[i]) ** 4 * exp(x[i]), (i, 0, n - 3)), "banded"),
    "ends": (Sum(sp.Piecewise((sin(x[i] * x[i + 1]), i < n - 1), (x[i] ** 4, True)) ** 2, every), "banded"),
    "cut off": (Sum(sp.Piecewise(((1 - (x[i] - x[i + 1]) ** 2) ** 3, (x[i] - x[i + 1]) ** 2 < 1), (0, True)),
                    (i, 0, n - 2)), "banded"),
    "two fields": (Sum(exp(-x[i] * y[i]) * sin(y[i]) + sqrt(1 + (x[i] - y[Mod(i + 1, n)]) ** 2), every), "periodic"),
    "a field and its sites": (Sum(exp(s * x[i]) * cos(s + x[i]), every), "bordered"),
    "mean field": (sqrt(1 + Sum(x[i] ** 2, every)) + sin(Sum(x[i] ** 3, every)) * tanh(Sum(x[i], every)), "bordered"),
    "phases": (Sum(Sum(cos(x[i] - x[j]), every), (j, 0, n - 1)), "bordered"),
    "components": (Sum(exp(sin(z[i, 0] * z[i, 1]) + z[i, 0]), every), "blocks"),
    "bonds": (Sum((bond(p[e], f[e]) - 1) ** 2 * exp(-bond(p[e], f[e])), edges), "sparse"),
    "bonds on a line": (Sum(nested(x[p[e]] - x[f[e]], 2), edges), "sparse"),
    "rows": (Sum(Sum(nested(x[i] * x[f[e]], 2), (e, ptr[i], ptr[i + 1] - 1)), every), "sparse"),
    "pairs": (Sum(1 / (1 + (x[i] - x[j]) ** 2) ** 3, (j, 0, i - 1), every), "dense"),
    "embedded": (Sum(sqrt(1 + Sum(exp(-((x[i] - x[j]) ** 2)), (j, 0, n - 1))), every), "dense"),
    "layers": (Sum(tanh(Sum(W[i, j] * tanh(Sum(W[j, k] * x[k], (k, 0, n - 1))), (j, 0, n - 1))) ** 2, every), "dense"),
    "running sums": (Sum(cos(Sum(x[k], (k, 0, i))) * x[i], every), "dense"),
    "strides": (Sum(exp(x[2 * i] * x[2 * i + 1]), (i, 0, sp.floor(n / 2) - 1)), "banded"),
}  # fmt: skip
DIRECTIONS = {x: dx, y: dy, z: dz, s: ds}


def hessian(E: sp.Expr):
    """The structure of the Hessian, and a kernel of it in full beside that of the gradient along a direction."""
    held = [q for q in DIRECTIONS if (q.label if isinstance(q, sp.IndexedBase) else q) in E.free_symbols]
    builder = KernelBuilder(
        [Group("ints", (p, f, ptr), integer=True), Group("q", held), Group("W", (W,)),
         Group("d", [DIRECTIONS[q] for q in held])]
    )  # fmt: skip
    program = builder.program
    value = program.assign(normalise(E))
    along = tangent(program, value.target, {q: DIRECTIONS[q] for q in held})
    bars = adjoint(program, value.target, held)
    rows, targets = [], []
    for number, q in enumerate(held):
        loops, rank = gradient_loops(q), len(gradient_loops(q))
        own = tuple(sp.Symbol(f"r{number}{axis}", integer=True) for axis in range(rank))
        rows.append((q, own, tuple(sp.Symbol(f"c{number}{axis}", integer=True) for axis in range(rank))))
        targets.append(program.assign(bars[q], loops))
    found = jacobian(program, rows, targets, {q: (c, sp.S.One) for c, q in enumerate(held)})
    for (r, c), expr in dense(rows, found).blocks.items():
        pairs = ((i, extent) for q, at in ((held[r], rows[r][1]), (held[c], rows[c][2])) for i, extent in _axes(q, at))
        loops = tuple(Loop(i, sp.S.Zero, extent - 1) for i, extent in pairs)
        builder.output(f"H{r}{c}", [program.assign(normalise(expr), loops)])
    if along is not None:
        slopes = adjoint(program, along, held)
        for r, q in enumerate(held):
            builder.output(f"g{r}", [program.assign(slopes[q] or sp.S.Zero, gradient_loops(q))])
    return structure(rows, found), builder.build(), held


def _axes(q, at):
    return zip(at, q.shape, strict=True) if at else ()


@pytest.mark.parametrize("name", ENERGIES)
def test_entries_are_the_gradients_along_unit_vectors(name):
    E, kind = ENERGIES[name]
    found, kernel, held = hessian(E)
    assert found.kind == kind
    size, bonds = 6, 7
    rng = np.random.default_rng(3)
    gathered = np.concatenate([[0, 1, 2, 3, 4, 5, 5], [1, 2, 3, 4, 5, 0, 2], [0, 0, 2, 3, 3, 6, 7]])
    lengths = [1 if q is s else size * 2 if q is z else size for q in held]
    state, weights = rng.uniform(-1, 1, sum(lengths)), rng.normal(size=size**2)
    sizes = np.array([{n: size, m: bonds}[symbol] for symbol in kernel.sizes])
    blocks = [np.empty(a * b) for a in lengths for b in lengths]
    columns = []
    for unit in np.eye(sum(lengths)):
        slopes = [np.empty(a) for a in lengths]
        kernel.python(sizes, gathered, state, weights, unit, *blocks, *slopes)
        columns.append(np.concatenate(slopes))
    whole = np.block([
        [blocks[r * len(held) + c].reshape(a, b) for c, b in enumerate(lengths)] for r, a in enumerate(lengths)
    ])  # fmt: skip
    expected = np.array(columns).T
    # Rounding grows with what is added up: a few thousand operations on numbers up to the largest entry.
    np.testing.assert_allclose(whole, expected, rtol=0, atol=1e4 * EPS * (1 + np.abs(expected).max()))
    assert np.abs(expected).max() > 0


def test_cost_is_linear_in_depth():
    """Twice as many levels, each of which uses the one below four times: about twice as many statements."""
    lines = [
        len(hessian(Sum(nested(x[i] - x[i + 1], levels), (i, 0, n - 2)))[1].source.splitlines()) for levels in (3, 6)
    ]
    assert lines[1] < 2.5 * lines[0]
