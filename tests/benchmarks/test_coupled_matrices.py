"""S6: accelerations of systems whose matrices take a factorisation, against SciPy's on a hand-written matrix."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
import pytest
import sympy as sp
from scipy.linalg import cho_solve_banded, cholesky_banded, lapack
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import symdfi as sd
from symdfi.compile.source import runtime
from symdfi.dynamics.methods import ImplicitMidpoint
from symdfi.linalg.blas import one_blas_thread

EPS = np.finfo(float).eps
by_hand = numba.njit(fastmath=runtime.FASTMATH, error_model="numpy")
n, m, e = sp.symbols("n m e", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
Sum, every = sp.Sum, (i, 0, n - 1)
x, v = sd.coordinates("x", n)
z, zd = sd.coordinates("z", (n, m))
first, second = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(e,)) for name in "pf")
NETWORK = Sum(v[i] ** 2 / 2 - x[i] ** 2, every) + Sum((v[first[i]] - v[second[i]]) ** 2, (i, 0, e - 1)) / 2
LATTICE = (
    Sum(zd[i, j] ** 2 - z[i, j] ** 2, every, (j, 0, m - 1))
    + Sum(zd[i, j] * zd[i + 1, j], (i, 0, n - 2), (j, 0, m - 1)) / 4
    + Sum(zd[i, j] * zd[i, j + 1], every, (j, 0, m - 2)) / 4
)
PAIRS = Sum(v[i] ** 2 / 2 - x[i] ** 2, every) + Sum(Sum(v[i] * v[j] / (i + j + 1), every), (j, 0, n - 1))


@by_hand
def fill_pairs(matrix):
    n = matrix.shape[0]
    for i in range(n):
        for j in range(n):
            matrix[i, j] = 2.0 / (i + j + 1.0)
        matrix[i, i] += 1.0


def measure(
    table, label: str, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray], condition: float, **options
):
    with one_blas_thread():
        expected = theirs()
        np.testing.assert_allclose(ours(), expected, atol=1e3 * EPS * condition * np.abs(expected).max())
        table.ratio(label, ours, theirs, "≤ 2", **options)


@pytest.mark.parametrize("assume", ["positive definite", "general"])
@pytest.mark.parametrize("size", [10, 400, 1000])
def test_all_pairs(table, size: int, assume: str) -> None:
    """A matrix of all pairs, filled by a loop and solved with by LAPACK."""
    rng = np.random.default_rng(0)
    q, speed = rng.uniform(-1, 1, (2, size))
    bound, matrix = sd.Lagrangian(PAIRS, x, v).compile().bind(n_dof=size), np.empty((size, size))
    solve = lapack.dposv if assume == "positive definite" else lapack.dgesv

    def theirs() -> np.ndarray:
        fill_pairs(matrix)
        # The transpose, which is the same matrix, is in LAPACK's order.
        return solve(matrix.T, -2.0 * q, overwrite_a=1)[-2]

    condition = np.linalg.cond(bound.mass_matrix(q, speed))
    label = f"acceleration, all pairs, n = {size} / LAPACK, {assume}"
    measure(
        table, label, lambda: bound.acceleration(q, speed), theirs, condition, scale=max(1, 4000 // size), rounds=15
    )


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_network(table, size: int) -> None:
    """Springs between the velocities of neighbours in a network; SciPy's sparse LU on a pattern made beforehand."""
    rng, sites = np.random.default_rng(0), np.arange(size)
    edges = {first: np.tile(sites, 2), second: np.concatenate([(sites + 1) % size, (sites + 2) % size])}
    q, speed = rng.uniform(-1, 1, (2, size))
    bound = sd.Lagrangian(NETWORK, x, v, parameters=[first, second]).compile().bind(edges, n_dof=size)
    p, f = edges.values()
    rows, columns = np.concatenate([p, f, p, f]), np.concatenate([p, f, f, p])
    signs = np.repeat([1.0, 1.0, -1.0, -1.0], p.size)
    places, slots = np.unique(np.concatenate([columns * size + rows, sites * (size + 1)]), return_inverse=True)
    starts = np.searchsorted(places, np.arange(size + 1) * size)
    entries = np.concatenate([signs, np.ones(size)])

    def theirs() -> np.ndarray:
        values = np.bincount(slots, entries)
        matrix = csc_array((values, places % size, starts), shape=(size, size))
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(-2.0 * q)

    label = f"acceleration, network, n = {size} / SciPy's sparse LU"
    measure(table, label, lambda: bound.acceleration(q, speed), theirs, 20.0, scale=max(1, 2000 // size), rounds=11)


@by_hand
def fill_lattice(band, width):
    band[:, :] = 0.0
    for k in range(band.shape[1]):
        band[0, k] = 2.0
        band[width, k] = 0.25
        if (k + 1) % width != 0:
            band[1, k] = 0.25


@pytest.mark.parametrize("sides", [(10, 10), (1000, 7), (100, 100), (10_000, 10)])
def test_lattice(table, sides: tuple[int, int]) -> None:
    """Neighbours of a rectangle; LAPACK's banded Cholesky factor along its longer side."""
    rng, (length, width) = np.random.default_rng(0), sides
    total = length * width
    q, speed = rng.uniform(-1, 1, (2, total))
    bound = sd.Lagrangian(LATTICE, z, zd).compile().bind({n: length, m: width}, n_dof=total)
    band = np.empty((width + 1, total), order="F")

    def theirs() -> np.ndarray:
        fill_lattice(band, width)
        factor = cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)
        return cho_solve_banded((factor, True), -2.0 * q, overwrite_b=True, check_finite=False)

    label = f"acceleration, lattice, {length} x {width} / LAPACK's banded Cholesky"
    measure(table, label, lambda: bound.acceleration(q, speed), theirs, 3.0, scale=max(1, 5000 // total), rounds=11)


@by_hand
def forces(q, side, out):
    """Of the lattice φ⁴: -φ³ and the differences to the neighbours."""
    for k in range(q.size):
        r, s = k // side, k % side
        f = -q[k] * q[k] * q[k]
        if r > 0:
            f += q[k - side] - q[k]
        if r < side - 1:
            f += q[k + side] - q[k]
        if s > 0:
            f += q[k - 1] - q[k]
        if s < side - 1:
            f += q[k + 1] - q[k]
        out[k] = f


@by_hand
def fill_newton(q, side, h, band):
    """1/h - h/4 ∂force/∂q by LAPACK's lower bands."""
    c = 0.25 * h
    for k in range(q.size):
        r, s = k // side, k % side
        neighbours = (r > 0) + (r < side - 1) + (s > 0) + (s < side - 1)
        band[:, k] = 0.0
        band[0, k] = 1.0 / h + c * (3.0 * q[k] * q[k] + neighbours)
        if s < side - 1:
            band[1, k] = -c
        if r < side - 1:
            band[side, k] = -c


def midpoint_steps(q: np.ndarray, v: np.ndarray, side: int, h: float, steps: int, tolerance: float) -> np.ndarray:
    """q̄ = q + δ/2, δ/h = p + h/2 force(q̄) by Newton's method, started from the last displacement."""
    q, p, displacement = q.copy(), v.copy(), h * v
    band, force = np.empty((side + 1, q.size), order="F"), np.empty(q.size)
    for _ in range(steps):
        while True:
            middle = q + 0.5 * displacement
            forces(middle, side, force)
            fill_newton(middle, side, h, band)
            change = lapack.dpbsv(band, p + 0.5 * h * force - displacement / h, lower=1, overwrite_ab=1)[1]
            displacement += change
            if np.abs(change).max() <= tolerance * (np.abs(q) + np.abs(displacement)).max():
                break
        forces(q + 0.5 * displacement, side, force)
        q += displacement
        p = displacement / h + 0.5 * h * force
    return q


@pytest.mark.parametrize("side", [10, 30, 100])
def test_midpoint_step_of_a_lattice(table, side: int) -> None:
    """A Newton step's matrix by LAPACK's banded Cholesky factor."""
    size, h, steps = side * side, 0.1, max(1, 20_000 // side**2)
    L = Sum(zd[i, j] ** 2 / 2 - z[i, j] ** 4 / 4, every, (j, 0, m - 1))
    L -= Sum((z[i + 1, j] - z[i, j]) ** 2, (i, 0, n - 2), (j, 0, m - 1)) / 2
    L -= Sum((z[i, j + 1] - z[i, j]) ** 2, every, (j, 0, m - 2)) / 2
    system, rng = sd.Lagrangian(L, z, zd), np.random.default_rng(0)
    q, speed = rng.uniform(-1, 1, (2, side, side))
    params = {n: side, m: side}

    def ours() -> np.ndarray:
        found = sd.integrate(system, q, speed, (0, steps * h), h, params, method="midpoint", save_every=steps)
        return found.q[-1].ravel()

    def theirs() -> np.ndarray:
        return midpoint_steps(q.ravel(), speed.ravel(), side, h, steps, ImplicitMidpoint().tolerance)

    # What is left in the last Newton step of each of the steps adds up.
    label = f"{steps} midpoint steps, lattice of {size} / by hand with LAPACK's banded Cholesky"
    measure(table, label, ours, theirs, 100.0 * steps, rounds=7)
