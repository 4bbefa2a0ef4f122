"""S1: gradients of sums whose ranges depend on one another, through remainders, strides and gathers, by brute force.

Ranges and index maps are written once, as functions that take integers as well as SymPy's indices; the brute force
runs them in Python loops and differentiates by the complex step.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, q = sp.symbols("i j k q", integer=True)
x, z = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xz")
y = sp.IndexedBase(sp.Symbol("y", real=True), shape=(m,))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(m,))

#: Ranges of j beside i = 0..M-1, given M and the functions that choose the larger and the smaller of two numbers.
RANGES = {
    "lower": lambda i, M, largest, smallest: (0, i),
    "upper": lambda i, M, largest, smallest: (i, M - 1),
    "strictly lower": lambda i, M, largest, smallest: (0, i - 1),
    "strictly upper": lambda i, M, largest, smallest: (i + 1, M - 1),
    "reversed": lambda i, M, largest, smallest: (0, M - 1 - i),
    "window": lambda i, M, largest, smallest: (largest(0, i - 2), smallest(M - 1, i + 1)),
    "half": lambda i, M, largest, smallest: (0, i // 2),
}
#: Places in x of length N, beside the factor y[j] of length M.
MAPS = {
    "sum": lambda i, j, N, M, p: (i + j) % N,
    "difference": lambda i, j, N, M, p: (i - j) % N,
    "shift": lambda i, j, N, M, p: (j + 3) % N,
    "reflection": lambda i, j, N, M, p: (1 - j) % N,
    "stride": lambda i, j, N, M, p: (2 * j + i) % N,
    "gather": lambda i, j, N, M, p: p[j],
    "gather of a remainder": lambda i, j, N, M, p: p[(i + j) % M],
    "gather and shift": lambda i, j, N, M, p: (p[j] + i) % N,
}
SIZES = ((2, 2), (3, 4), (5, 3), (1, 1), (4, 4), (1, 3))


def complex_step(function, arrays):
    """The gradient of ``function(*arrays)`` by every array."""
    slopes = []
    for position, array in enumerate(arrays):
        slope = np.empty(array.size)
        for entry in range(array.size):
            moved = [a.astype(complex) for a in arrays]
            moved[position][entry] += 1e-30j
            slope[entry] = function(*moved).imag / 1e-30
        slopes.append(slope)
    return slopes


def check(energy, by_hand, variables=(x, y), sizes=SIZES):
    """The compiled value and gradients, and the formulas of the derivatives compiled, beside the brute force."""
    outputs = {"value": energy}
    for v in variables:
        outputs[f"sweep_{v}"] = sd.gradient(energy, v)
        outputs[f"formula_{v}"] = (sd.derivative(energy, v[q]), (q, 0, v.shape[0] - 1))
    f = sd.compile(outputs, arguments=[*variables, p])
    for N, M in sizes:
        rng = np.random.default_rng(N + 10 * M)
        arrays = [rng.normal(size={n: N, m: M}[v.shape[0]]) for v in variables]
        P = rng.integers(0, N, size=M)
        got = f.python(**{str(v): a for v, a in zip(variables, arrays, strict=True)}, p=P)
        np.testing.assert_allclose(got["value"], by_hand(*arrays, N, M, P), rtol=1e-11, atol=1e-11)
        slopes = complex_step(lambda *moved: by_hand(*moved, N, M, P), arrays)  # noqa: B023
        for v, slope in zip(variables, slopes, strict=True):
            for kind in ("sweep", "formula"):
                case = f"{kind} {v} {N} {M}"
                np.testing.assert_allclose(got[f"{kind}_{v}"], slope, rtol=1e-11, atol=1e-11, err_msg=case)


@pytest.mark.parametrize("ends, place", [
    *itertools.product(("lower", "window"), MAPS),
    *itertools.product(RANGES, ("sum", "gather and shift")),
])  # fmt: skip
def test_a_range_beside_a_remainder_of_another_modulus(ends, place):
    energy = sp.Sum(
        sp.sin(x[MAPS[place](i, j, n, m, p)]) * y[j] * y[i], (j, *RANGES[ends](i, m, sp.Max, sp.Min)), (i, 0, m - 1)
    )

    def by_hand(X, Y, N, M, P):
        total = 0.0
        for a in range(M):
            low, high = RANGES[ends](a, M, max, min)
            for b in range(low, high + 1):
                total += np.sin(X[MAPS[place](a, b, N, M, P)]) * Y[b] * Y[a]
        return total

    check(energy, by_hand)


@pytest.mark.parametrize("ends", RANGES)
def test_a_remainder_of_the_modulus_itself(ends):
    """The owner of Mod(i + j, n) is known where j has at most n values: also in a part of its range."""
    energy = sp.Sum(
        sp.sin(x[sp.Mod(i + j + 1, n)]) * x[j] * x[n - 1 - i], (j, *RANGES[ends](i, n, sp.Max, sp.Min)), (i, 0, n - 1)
    )

    def by_hand(X, Y, N, M, P):
        total = 0 * Y[0]
        for a in range(N):
            low, high = RANGES[ends](a, N, max, min)
            for b in range(low, high + 1):
                total += np.sin(X[(a + b + 1) % N]) * X[b] * X[N - 1 - a]
        return total

    check(energy, by_hand)


def test_nested_in_a_function():
    """What is stored for every i is read at the owner of the remainder, which is in range where i is."""
    inner = sp.Sum(sp.sin(x[sp.Mod(1 - j, n)]) * x[p[sp.Mod(j, m)]], (k, i + 1, n - 1))
    energy = sp.Sum(y[sp.Mod(i + m - 1, m)] ** 2 * inner**2, (j, 0, i - 1), (i, 0, n - 1))

    def by_hand(X, Y, N, M, P):
        total = 0.0
        for a in range(N):
            for b in range(a):
                part = sum(np.sin(X[(1 - b) % N]) * X[P[b % M]] for _ in range(a + 1, N))
                total += Y[(a - 1) % M] ** 2 * part**2
        return total

    check(energy, by_hand)


def test_a_gather_whose_range_depends_on_the_index_it_is_added_to():
    """No owner of i is taken that would depend on j, whose range depends on i."""
    energy = sp.Sum(x[sp.Mod(2 * i - 2, n)] * sp.Sum(x[sp.Mod(i + p[sp.Mod(j, m)], n)], (j, 0, i)), (i, 0, n - 1))

    def by_hand(X, Y, N, M, P):
        total = 0 * Y[0]
        for a in range(N):
            total += X[(2 * a - 2) % N] * sum(X[(a + P[b % M]) % N] for b in range(a + 1))
        return total

    check(energy, by_hand)


def test_a_remainder_in_the_range_of_another_sum():
    energy = sp.Sum(
        x[sp.Mod(2 * j + 1, n)] * sp.Sum(x[j] * x[sp.Mod(k + 1, n)] * y[sp.Mod(2 * i + 1, m)], (k, 0, j - 1)),
        (j, i, n - 1), (i, 0, n - 1),
    )  # fmt: skip

    def by_hand(X, Y, N, M, P):
        total = 0 * Y[0]
        for a in range(N):
            for b in range(a, N):
                total += X[(2 * b + 1) % N] * sum(X[b] * X[(c + 1) % N] * Y[(2 * a + 1) % M] for c in range(b))
        return total

    check(energy, by_hand)


def test_bounds_with_max_and_min_of_an_outer_index():
    """A moving window over x, whose ends are cut off, as an array and inside a sum."""
    window = sp.Sum(x[i] ** 2 * y[k], (i, sp.Max(0, k), sp.Min(n - 1, k + 3)))
    energy = sp.Sum(sp.sin(window), (k, 0, m - 1))

    def windows(X, Y, N, M):
        return np.array([sum(X[a] ** 2 * Y[b] for a in range(b, min(N - 1, b + 3) + 1)) for b in range(M)])

    check(energy, lambda X, Y, N, M, P: np.sum(np.sin(windows(X, Y, N, M))))
    f = sd.compile({"w": (window, (k, 0, m - 1))}, [x, y])
    X, Y = np.arange(1.0, 8.0), np.arange(2.0, 6.0)
    np.testing.assert_allclose(f.python(x=X, y=Y)["w"], windows(X, Y, 7, 4))


def test_conditions_and_bounds_together():
    """x[2j] where it exists, under a condition that holds the bounds of the other index back."""
    energy = sp.Sum(
        sp.Piecewise((x[2 * j] * x[j + 1], (2 * j < n) & (j < n - 1)), (0, True)),
        (k, 0, sp.floor(j / 2)), (j, i, sp.Min(i + 1, n - 1)), (i, 0, n - 1),
    )  # fmt: skip

    def by_hand(X, Y, N, M, P):
        total = 0 * Y[0]
        for a in range(N):
            for b in range(a, min(a + 1, N - 1) + 1):
                for _ in range(b // 2 + 1):
                    total += X[2 * b] * X[b + 1] if 2 * b < N and b < N - 1 else 0
        return total

    check(energy, by_hand)


# Formulas of our own as input
# ----------------------------


def prefix_sums(X, Y, N, M):
    """s_k = Σ_{i<=k} x_i y_{i mod m}."""
    return np.cumsum([X[a] * Y[a % M] for a in range(N)])


def test_derivatives_are_input_again():
    """Σ_l z_l sin(∂E/∂x_l) for E = Σ_k x_k sin(Σ_{i<=k} x_i y_{i mod m}): its value and its own gradients."""
    prefix = sp.Sum(x[i] * y[sp.Mod(i, m)], (i, 0, k))
    first = sd.derivative(sp.Sum(x[k] * sp.sin(prefix), (k, 0, n - 1)), x[q])
    energy = sp.Sum(z[k] * sp.sin(first.subs(q, k)), (k, 0, n - 1))

    def by_hand(X, Y, Z, N, M, P):
        s = prefix_sums(X, Y, N, M)
        slope = [np.sin(s[b]) + sum(X[a] * np.cos(s[a]) * Y[b % M] for a in range(b, N)) for b in range(N)]
        return sum(Z[b] * np.sin(slope[b]) for b in range(N))

    check(energy, by_hand, (x, y, z), SIZES[:4])


def test_second_derivatives_of_formulas():
    """z·H·z with H = ∂²E/∂x_l∂x_q, as a formula under two sums, beside the derivative of ∂E/∂x·z along z."""
    prefix = sp.Sum(x[i] * y[sp.Mod(i, m)], (i, 0, k))
    first = sd.derivative(sp.Sum(x[k] * sp.sin(prefix), (k, 0, n - 1)), x[j])
    second = sd.derivative(first, x[q], {j: (0, n - 1)})
    energy = sp.Sum(z[j] * z[q] * second, (j, 0, n - 1), (q, 0, n - 1))

    def by_hand(X, Y, Z, N, M, P):
        s, t = prefix_sums(X, Y, N, M), prefix_sums(Z, Y, N, M)
        return sum(2 * Z[a] * np.cos(s[a]) * t[a] - X[a] * np.sin(s[a]) * t[a] ** 2 for a in range(N))

    check(energy, by_hand, (x, y, z), SIZES[:4])
