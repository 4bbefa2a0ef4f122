"""S6: coupled families. Structure from the index program; accelerations against brute force, and at any size O(n)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dynamics import Lagrangian
from symdfi.dynamics.plans import PlannedKernel, with_plans
from symdfi.errors import SingularMatrixError

EPS = np.finfo(float).eps
n, m, e = sp.symbols("n m e", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
Sum, cos, sin, Mod = sp.Sum, sp.cos, sp.sin, sp.Mod
every = (i, 0, n - 1)
x, v = sd.coordinates("x", n)
y, u = sd.coordinates("y", n)
R, V = sd.coordinates("R")
d, dd = sd.coordinates("d", 2 * n)
z, zd = sd.coordinates("z", (n, m))
b, bd = sd.coordinates("b", (n, 3))
w, wd = sd.coordinates("w", (n, 2))
a, ad = sd.coordinates("a", n - 1)
first, second = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "pf")
T = Sum(v[i] ** 2, every) / 2
TWO = Sum(v[i] ** 2 + u[i] ** 2 + cos(x[i]) * v[i] * u[i], every) / 2


@dataclass(frozen=True)
class Case:
    L: sp.Expr
    q: tuple
    v: tuple
    kind: str


CASES = {
    "cart with pendulums": Case(
        V**2 / 2 + T + Sum(V * v[i] * cos(x[i]) / n + cos(x[i]), every),
        (R, x), (V, v), "bordered",
    ),
    "piston and gas": Case(T + V**2 * n - Sum(V * v[i] * x[i], every) / 2 / n - R**2, (x, R), (v, V), "bordered"),
    "planar frames": Case(TWO - Sum(x[i] ** 4 + x[i] * y[i], every), (x, y), (v, u), "blocks"),
    "chain of frames": Case(
        TWO + Sum(v[i] * u[i + 1], (i, 0, n - 2)) / 8 - Sum(x[i] ** 2, every),
        (x, y), (v, u), "banded",
    ),
    "ring of frames": Case(
        TWO + Sum(v[i] * u[Mod(i + 1, n)], every) / 8 - Sum(y[i] ** 2, every),
        (x, y), (v, u), "periodic",
    ),
    "dimers": Case(
        Sum(dd[i] ** 2 / 2 - d[i] ** 2, (i, 0, 2 * n - 1)) + Sum(dd[2 * i] * dd[2 * i + 1] * cos(d[2 * i]), every) / 4,
        (d,), (dd,), "blocks",
    ),
    "sites and links": Case(
        T + Sum(ad[i] ** 2 / 2 + v[i + 1] * ad[i] / 4 - a[i] ** 2, (i, 0, n - 2)), (x, a), (v, ad), "blocks"
    ),
    "rods": Case(
        Sum((wd[i, 0] + wd[i, 1] * sin(w[i, 0])) ** 2 + wd[i, 1] ** 2 - w[i, 1] ** 2, every),
        (w,), (wd,), "blocks",
    ),
    "components by name": Case(Sum(wd[i, 0] ** 2 + 2 * wd[i, 1] ** 2 - w[i, 0] ** 2, every), (w,), (wd,), "diagonal"),
    "centre of mass": Case(
        Sum(Sum(bd[i, k] ** 2 - b[i, k] ** 2, (k, 0, 2)), every) + Sum(Sum(bd[i, k], every) ** 2, (k, 0, 2)) / n,
        (b,), (bd,), "bordered",
    ),
    "mean field of phases": Case(
        T * 2 + Sum(Sum(cos(x[i] - x[j]) * v[i] * v[j], every), (j, 0, n - 1)) / n - Sum(x[i] ** 2, every),
        (x,), (v,), "bordered",
    ),
    "network and a field": Case(
        T + n * V**2 + Sum(v[i] * V * cos(x[i]), every) + Sum((v[first[i]] - v[second[i]]) ** 2, (i, 0, e - 1)) / 2
        - Sum(x[i] ** 2, every), (x, R), (v, V), "sparse",
    ),
    "lattice": Case(
        Sum(zd[i, j] ** 2 - z[i, j] ** 2, every, (j, 0, m - 1))
        + Sum(zd[i, j] * zd[i + 1, j], (i, 0, n - 2), (j, 0, m - 1)) / 4, (z,), (zd,), "sparse",
    ),
    "all pairs": Case(
        T + Sum(Sum(v[i] * v[j] / (i + j + 1), every), (j, 0, n - 1)) - Sum(x[i] ** 2, every),
        (x,), (v,), "dense",
    ),
}  # fmt: skip


def numbers(system: Lagrangian, size: int) -> tuple[dict, int]:
    """Parameters (a band of springs as the network) and the number of degrees of freedom."""
    sites = np.arange(size)
    edges = {"p": np.tile(sites, 2), "f": np.concatenate([(sites + 1) % size, (sites + 2) % size])}
    names = {str(getattr(p, "label", p)) for p in system.parameters}
    params = {name: value for name, value in edges.items() if name in names}
    params |= {s.name: {"n": size, "m": 7}[s.name] for s in system.sizes if s.name in "nm"}
    known = {n: size, m: 7}
    shapes = [q.shape if isinstance(q, sp.IndexedBase) else () for q in system.coordinates]
    return params, sum(int(sp.prod(shape).subs(known)) if shape else 1 for shape in shapes)


@pytest.mark.parametrize("name", CASES)
def test_acceleration(name):
    case = CASES[name]
    system = Lagrangian(case.L, list(case.q), list(case.v))
    assert system.mass_structure.kind == case.kind
    kernels, rng = system.compile(), np.random.default_rng(0)

    def applied(q, vectors, params):
        """M times vectors: the momenta are linear in the velocities."""
        return kernels.momenta(q, vectors, params) - kernels.momenta(q, np.zeros_like(q), params)

    for size in (2, 10):
        params, total = numbers(system, size)
        q, speed = rng.normal(size=(2, total))
        mass, forcing = applied(q, np.eye(total), params).T, kernels.forcing(q, speed, params)
        expected = np.linalg.solve(mass, forcing)
        found = kernels.acceleration(q, speed, params)
        np.testing.assert_allclose(found, expected, atol=100 * EPS * np.linalg.cond(mass) * np.abs(expected).max())
    if case.kind != "dense":
        # So many sites that no full matrix is solved with in passing.
        params, total = numbers(system, 100_000 if case.kind != "sparse" else 10_000)
        q, speed = rng.uniform(-1, 1, size=(2, total))
        found, forcing = kernels.acceleration(q, speed, params), kernels.forcing(q, speed, params)
        size = np.abs(forcing).max() + np.abs(found).max()
        np.testing.assert_allclose(applied(q, found, params), forcing, atol=1e4 * EPS * size)


@pytest.mark.parametrize(
    "name", ["cart with pendulums", "lattice", "network and a field", "ring of frames", "sites and links"]
)
def test_midpoint_newton_matrix(name):
    """The solver of an implicit step against the differences of what it is the Jacobian of."""
    case = CASES[name]
    L = case.L
    if name == "lattice":
        L -= Sum((z[i, j + 1] - z[i, j]) ** 4, every, (j, 0, m - 2))
    system = Lagrangian(L, list(case.q), list(case.v))
    kernels, rng, h, step = system.compile(), np.random.default_rng(1), 0.1, 1e-5
    params, total = numbers(system, 6)
    q, speed, rhs = rng.uniform(-1, 1, size=(3, total))
    sizes, ints, packed = kernels.pack(params, total)

    def residual(shift):
        out = np.empty(2 * total)
        kernels.discrete_kernel.function(sizes, ints, q + shift / 2, speed + shift / h, packed, np.empty(0), 0.0, out)
        return out[:total] - h / 2 * out[total:]

    jacobian = np.array([residual(step * s) - residual(-step * s) for s in np.eye(total)]).T / (2 * step)
    kernel, found = kernels.midpoint_kernel, rhs.copy()
    if isinstance(kernel, PlannedKernel):
        ints = with_plans(ints, {kernel.slot: kernel.plans.make(sizes, ints)})
    kernel.function(sizes, ints, q, speed, packed, np.empty(0), 0.0, h, found)
    np.testing.assert_allclose(jacobian @ found, rhs, atol=1e-5)


@pytest.mark.parametrize("size", [1, 6, 7, 100_000])
def test_pivots_where_the_matrix_is_indefinite(size):
    """Rows without a diagonal: in blocks, along a chain and a ring, and a border on singular blocks. Never a full
    matrix, and no silent loss of digits: M times the acceleration is the forcing."""
    weak = Sum(v[i] ** 2, every) / 1000 - Sum(x[i] ** 2, every)
    for L, q, speeds in (
        (Sum(v[i] * u[i] - x[i] * y[i], every), (x, y), (v, u)),
        (Sum(v[i] * v[i + 1], (i, 0, n - 2)) + weak, (x,), (v,)),
        (Sum(v[i] * v[Mod(i + 1, n)] * (2 + sin(x[i])), every) + weak, (x,), (v,)),
        (Sum(v[i] * V, every) + Sum(v[i] ** 2 * i, every) / n - R - Sum(x[i] ** 2, every), (x, R), (v, V)),
        (Sum(v[i] * v[i + 1] + v[i] * V, (i, 0, n - 2)) + weak - R, (x, R), (v, V)),
    ):
        kernels = Lagrangian(L, list(q), list(speeds)).compile()
        total = size * sum(coordinate != R for coordinate in q) + (R in q)
        state = np.random.default_rng(0).uniform(-1, 1, size=(2, total))
        params = {"n": size} if n in kernels.system.sizes else {}
        if size <= 7:
            mass = kernels.mass_matrix(*state, params)
            if np.linalg.matrix_rank(mass) < total:
                with pytest.raises(SingularMatrixError):
                    kernels.acceleration(*state, params)
                continue
        found, forcing = kernels.acceleration(*state, params), kernels.forcing(*state, params)
        rest = kernels.momenta(state[0], np.zeros(total), params)
        product = kernels.momenta(state[0], found, params) - rest
        np.testing.assert_allclose(product, forcing, atol=1e6 * EPS * (np.abs(forcing).max() + np.abs(found).max()))


def test_singular_chains_of_any_length_are_refused():
    """A chain of springs without an anchor, as its mass matrix."""
    L = Sum((v[i + 1] - v[i]) ** 2, (i, 0, n - 2)) / 3 - Sum(x[i] ** 2, every)
    kernels = Lagrangian(L, x, v).compile()
    for size in (2, 50, 100_000):
        with pytest.raises(SingularMatrixError):
            kernels.acceleration(np.linspace(0, 1, size), np.zeros(size))
