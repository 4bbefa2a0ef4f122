"""Sums over pairs by the addition theorems: the same numbers, in loops of one index."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

EPS = np.finfo(float).eps
n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, c = sp.symbols("i j k c", integer=True)
x, w = (sp.IndexedBase(name, shape=(n,)) for name in "xw")
y = sp.IndexedBase("y", shape=(m,))
r = sp.IndexedBase("r", shape=(n, 3))
wave = sp.IndexedBase("wave", shape=(m, 3))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(m,))
J, alpha = sp.symbols("J alpha")
Sum, cos, sin, exp = sp.Sum, sp.cos, sp.sin, sp.exp
one, two = (i, 0, n - 1), (j, 0, n - 1)
N, M = 7, 5


def numbers(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.uniform(-3, 3, N), "w": rng.uniform(-1, 1, N), "y": rng.uniform(-3, 3, M),
        "r": rng.uniform(-1, 1, (N, 3)), "wave": rng.uniform(-3, 3, (M, 3)), "p": rng.integers(0, N, M),
        "J": 0.7, "alpha": 0.3,
    }  # fmt: skip


def depth(source: str) -> int:
    """In how many loops the innermost statement stands."""
    return max(line.count("    ") for line in source.splitlines() if line.lstrip().startswith("for "))


def compiled(expr: sp.Expr, *gradients: sp.IndexedBase):
    known = expr.free_symbols
    arguments = [a for a in (x, w, y, r, wave, p, J, alpha) if getattr(a, "label", a) in known]
    outputs = {"E": expr, **{f"by {a.label}": sd.gradient(expr, a) for a in gradients}}
    f = sd.compile(outputs, arguments)
    given = numbers()
    return f, f({a: given[str(getattr(a, "label", a))] for a in arguments})


D = numbers()
DX = D["x"][:, None] - D["x"]
DW = D["w"][:, None] - D["w"]
WW = D["w"][:, None] * D["w"]
PHASES = np.einsum("kc,ijc->kij", D["wave"], D["r"][:, None] - D["r"])
below = np.tril(np.ones((N, N)), -1)
#: An expression, what it comes to for each term, and in how many loops it is computed.
ONE_LOOP = {
    "mean field": (Sum(J * (1 - cos(x[i] - x[j])), one, two) / n, 0.7 * (1 - np.cos(DX)) / N),
    "nested": (Sum(Sum(cos(x[i] - x[j]) * w[i] * w[j], one) / n, two), np.cos(DX) * WW / N),
    "scaled": (Sum(cos(alpha * (x[i] - x[j]) + J), one, two), np.cos(0.3 * DX + 0.7)),
    "each pair once": (Sum(cos(x[i] - x[j]) * w[i] * w[j], (j, 0, i - 1), one), np.cos(DX) * WW * below),
    "from the first on": (Sum(cos(x[i] - x[j]), (j, 0, i - 1), (i, 1, n - 1)), np.cos(DX) * below),
    "each pair once, upwards": (
        Sum(sin(x[i] - x[j]) * (w[i] - w[j]), (j, i + 1, n - 1), (i, 0, n - 2)), np.sin(DX) * DW * below.T
    ),
    "with the diagonal": (
        Sum(cos(x[i] - x[j]) + w[i] * w[j], (j, 0, i), one), (np.cos(DX) + WW) * (below + np.eye(N))
    ),
    "square": (Sum(cos(x[i] - x[j]) ** 2 * sin(x[i] + w[j]), one, two),
               np.cos(DX) ** 2 * np.sin(D["x"][:, None] + D["w"])),
    "three": (
        Sum(cos(x[i] + y[k] - 2 * x[j]) * w[i] * w[j], one, two, (k, 0, m - 1)),
        np.cos(D["x"][:, None, None] - 2 * D["x"][:, None] + D["y"]) * WW[..., None],
    ),
    "gathers": (
        Sum(cos(x[p[i]] - x[p[j]]) * y[i] * y[j], (i, 0, m - 1), (j, 0, m - 1)),
        np.cos(DX[np.ix_(D["p"], D["p"])]) * D["y"][:, None] * D["y"],
    ),
    "indices": (
        Sum(cos(2 * sp.pi * (i - j) / n) * w[i] * w[j], one, two),
        np.cos(2 * np.pi * (np.arange(N)[:, None] - np.arange(N)) / N) * WW,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_LOOP)
def test_pairs_in_one_loop(name):
    expr, terms = ONE_LOOP[name]
    gradients = [a for a in (x, w) if a.label in expr.free_symbols and expr.has(a)]
    f, found = compiled(expr, *gradients)
    assert depth(f.source) == 1
    # Terms are at most sixteen times as large as before, and each has a few roundings.
    assert abs(found["E"] - terms.sum()) <= 100 * EPS * max(np.abs(terms).sum(), terms.size)


def test_gradients_of_pairs():
    _, found = compiled(Sum(cos(x[i] - x[j]) * w[i] * w[j], (j, 0, i - 1), one), x, w)
    np.testing.assert_allclose(found["by x"], -(np.sin(DX) * WW).sum(axis=1), atol=100 * EPS * N)
    np.testing.assert_allclose(found["by w"], (np.cos(DX) - np.eye(N)) @ D["w"], atol=100 * EPS * N)


def test_structure_factors_of_vectors():
    """The phases are scalar products."""
    phase = Sum(wave[k, c] * (r[i, c] - r[j, c]), (c, 0, 2))
    f, found = compiled(Sum(cos(phase) * w[i] * w[j], one, two, (k, 0, m - 1)), w)
    assert depth(f.source) == 2
    np.testing.assert_allclose(found["E"], (np.cos(PHASES) * WW).sum(), atol=100 * EPS * N**2 * M)
    np.testing.assert_allclose(found["by w"], 2 * (np.cos(PHASES) @ D["w"]).sum(axis=0), atol=100 * EPS * N * M)


def test_rates_of_every_oscillator():
    """Kuramoto's model with a lag: a sum for every j, its pairs not over the indices of one sum."""
    rate = sd.compile({"y": (w[j] + J * Sum(sin(x[i] - x[j] - alpha), one) / n, two)}, [x, w, J, alpha])
    assert depth(rate.source) == 1
    found = rate(x=D["x"], w=D["w"], J=0.7, alpha=0.3)["y"]
    expected = D["w"] + 0.7 * np.sin(-DX - 0.3).mean(axis=1)
    np.testing.assert_allclose(found, expected, atol=100 * EPS)


@pytest.mark.parametrize(
    "term",
    [
        cos(x[i] - x[j]) + exp(x[i] - x[j]),
        exp(cos(x[i] - x[j])),
        cos(2 * sp.pi * i * j / n) * w[i] * w[j],
        cos(x[i] - x[j]) * (w[i] - w[j]) ** 2,
        cos(x[i] - x[j]) / (1 + (w[i] - w[j]) ** 2),
        (w[i] - w[j]) ** 2,
        cos(x[i] - x[j]) ** 2 * cos(w[i] - w[j]) ** 2 * cos(x[i] + w[j]) ** 3,
    ],
)
def test_what_does_not_come_apart(term):
    """An exponential, products of both indices, powers of differences, and what would be many terms."""
    f, found = compiled(Sum(term, one, two))
    assert depth(f.source) == 2
    pairs = {(a, b): {x[i]: D["x"][a], x[j]: D["x"][b], w[i]: D["w"][a], w[j]: D["w"][b]} for a in range(N)
             for b in range(N)}  # fmt: skip
    values = [float(term.subs({**put, i: a, j: b, n: N})) for (a, b), put in pairs.items()]
    assert abs(found["E"] - sum(values)) <= 100 * EPS * sum(map(abs, values))


def test_ranges_that_are_empty():
    """Where one range is empty nothing is read for the others: w[3] may not exist."""
    f = sd.compile({"E": Sum(cos(x[i] - y[j]) * w[3], (i, 0, k), (j, 0, m - 1))}, [x, y, w, k])
    few = {"x": np.zeros(2), "w": np.ones(2), "y": np.zeros(4)}
    assert f(**few, k=-1)["E"] == 0
    with pytest.raises(ValueError, match=r"w\[3\]"):
        f(**few, k=1)
    assert f(x=np.zeros(4), w=np.full(4, 2.0), y=np.zeros(3), k=1)["E"] == 12


@pytest.mark.parametrize("pairs", [(two, one), ((j, 0, i - 1), one)])
def test_hamiltonian_mean_field(pairs):
    """Its accelerations, in one loop, and the conservation of momentum that they have as those over pairs do."""
    q, v = sd.coordinates("q", n)
    kernels = sd.Lagrangian(Sum(v[i] ** 2, one) / 2 + Sum(cos(q[i] - q[j]), *pairs) / n, q, v).compile()
    assert depth(kernels.acceleration_kernel.source) == 1
    found = kernels.acceleration(D["x"], D["w"])
    times = 2 if pairs[0] == two else 1
    np.testing.assert_allclose(found, -times * np.sin(DX).mean(axis=1), atol=100 * EPS)
    assert abs(found.sum()) <= 100 * EPS * N
