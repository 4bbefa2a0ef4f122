"""Forces of bonds and pairs: one loop that adds to its targets, and nothing stored for every pair."""

import re

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, e = sp.symbols("i j k e", integer=True)
x = sp.IndexedBase("x", shape=(n, 3))
first, second = (sp.IndexedBase(name, shape=(m,)) for name in ("first", "second"))
c = sp.Symbol("c", positive=True)


def bond(p: sp.Expr, q: sp.Expr) -> sp.Expr:
    return sp.sqrt(sp.Sum((x[p, k] - x[q, k]) ** 2, (k, 0, 2)))


BONDS = sp.Sum((bond(first[e], second[e]) - c) ** 2, (e, 0, m - 1))
PAIRS = sp.Sum(1 / bond(i, j) ** 12 - c / bond(i, j) ** 6, (j, 0, i - 1), (i, 0, n - 1))
#: Each particle is embedded in what all others give it.
EMBEDDED = sp.Sum(sp.sqrt(sp.Sum(sp.exp(-c * bond(i, j)), (j, 0, i - 1))), (i, 1, n - 1))


def complex_step(energy, points: np.ndarray) -> np.ndarray:
    gradient = np.empty_like(points)
    for at in np.ndindex(points.shape):
        moved = points.astype(complex)
        moved[at] += 1e-30j
        gradient[at] = energy(moved).imag / 1e-30
    return gradient


def distance(p: np.ndarray, q: np.ndarray) -> complex:
    return np.sqrt(np.sum((p - q) ** 2))


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(6, 3)) + 2 * np.arange(6)[:, None]


def test_bonds_are_one_loop(points) -> None:
    f = sd.compile({"g": sd.gradient(BONDS, x)}, [x, first, second, c])
    p, q = np.array([0, 1, 2, 5, 4]), np.array([1, 2, 3, 0, 4 - 1])
    got = f(x=points, first=p, second=q, c=0.7)["g"]
    expected = complex_step(lambda z: sum((distance(z[a], z[b]) - 0.7) ** 2 for a, b in zip(p, q, strict=True)), points)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    # A scatter adds to the output itself, for every end and component; no array is needed.
    assert "np.empty" not in f.source
    assert len(re.findall(r"out0\[.*\] \+=", f.source)) == 6
    assert f.source.count("sqrt") <= 2


@pytest.mark.parametrize("energy", [PAIRS, EMBEDDED], ids=["pairs", "embedded"])
def test_pairs_are_not_stored(energy, points) -> None:
    f = sd.compile({"g": sd.gradient(energy, x)}, [x, c])

    def pairs(z):
        return sum(distance(z[a], z[b]) ** -12 - 0.3 * distance(z[a], z[b]) ** -6 for a in range(6) for b in range(a))

    def embedded(z):
        return sum(np.sqrt(sum(np.exp(-0.3 * distance(z[a], z[b])) for b in range(a))) for a in range(1, 6))

    expected = complex_step(pairs if energy is PAIRS else embedded, points)
    np.testing.assert_allclose(f(x=points, c=0.3)["g"], expected, rtol=1e-11, atol=1e-13)
    size = re.search(r"(\w+) = sizes\[U\(0\)\]", f.source)
    assert size is not None
    assert not re.search(rf"{size[1]}\*\(?\(?{size[1]}", f.source)


def test_a_component_alone_in_a_gradient(points) -> None:
    """What is differentiated by is touched in one component and one row: zero elsewhere."""
    f = sd.compile({"g": sd.gradient(sp.Sum(x[i, 1] ** 2, (i, 1, n - 1)) + x[0, 2] ** 3, x)}, [x])
    expected = np.zeros_like(points)
    expected[1:, 1] = 2 * points[1:, 1]
    expected[0, 2] = 3 * points[0, 2] ** 2
    np.testing.assert_allclose(f(x=points)["g"], expected, rtol=1e-14)


def test_sums_added_up_at_other_places_stay_apart(points) -> None:
    """A sum that is read a second time, elsewhere, is not taken over."""
    a = sp.IndexedBase("a", shape=(n,))
    total = lambda at: sp.Sum(sp.KroneckerDelta(first[e], at) * c, (e, 0, m - 1))  # noqa: E731
    f = sd.compile({"y": (total(i) + a[i] + total(sp.Mod(i + 1, n)) ** 2, (i, 0, n - 1))}, [a, first, c])
    p, values = np.array([0, 2, 2, 3]), np.arange(4.0)
    counts = 0.5 * np.bincount(p, minlength=4)
    np.testing.assert_allclose(f(a=values, first=p, c=0.5)["y"], counts + values + np.roll(counts, -1) ** 2)


def test_neighbours_are_one_loop(points) -> None:
    """Lennard-Jones over a list of neighbours by rows: its shared distance is a scalar, its forces one loop."""
    ptr = sp.IndexedBase(sp.Symbol("ptr", integer=True), shape=(n + 1,))
    squared = bond(i, second[e]) ** 2
    energy = sp.Sum(sp.Sum(1 / squared**6 - c / squared**3, (e, ptr[i], ptr[i + 1] - 1)), (i, 0, n - 1))
    f = sd.compile({"g": sd.gradient(energy, x)}, [x, second, ptr, c])
    starts, others = np.array([0, 2, 2, 5, 5, 6, 7]), np.array([1, 2, 0, 4, 5, 3, 1])
    got = f(x=points, second=others, ptr=starts, c=0.7)["g"]
    rows = np.repeat(np.arange(6), np.diff(starts))

    def lennard_jones(z: np.ndarray) -> complex:
        squares = [distance(z[a], z[b]) ** 2 for a, b in zip(rows, others, strict=True)]
        return sum(1 / s**6 - 0.7 / s**3 for s in squares)

    expected = complex_step(lennard_jones, points)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    assert "np.empty" not in f.source and f.source.count("range(ptr") == 1


def test_sums_over_neighbours_in_a_potential(points) -> None:
    """An embedded-atom density takes a loop of its own, in which its distances are computed again."""
    ptr = sp.IndexedBase(sp.Symbol("ptr", integer=True), shape=(n + 1,))
    density = sp.Sum(sp.exp(-c * bond(i, second[e])) * bond(i, second[e]), (e, ptr[i], ptr[i + 1] - 1))
    f = sd.compile({"g": sd.gradient(sp.Sum(sp.sqrt(1 + density), (i, 0, n - 1)), x)}, [x, second, ptr, c])
    starts, others = np.array([0, 2, 2, 5, 5, 6, 7]), np.array([1, 2, 0, 4, 5, 3, 1])
    got = f(x=points, second=others, ptr=starts, c=0.7)["g"]

    def embedded(z: np.ndarray) -> complex:
        total = 0.0
        for a in range(6):
            bonds = [distance(z[a], z[b]) for b in others[starts[a] : starts[a + 1]]]
            total += np.sqrt(1 + sum(np.exp(-0.7 * r) * r for r in bonds))
        return total

    expected = complex_step(embedded, points)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_accelerations_by_bonds_are_one_loop() -> None:
    """Terms that splitting shows to be zero keep nothing from the one loop over the bonds."""
    r, v = sd.coordinates("r", (n, 3))
    length = sp.sqrt(sp.Sum((r[first[e], k] - r[second[e], k]) ** 2, (k, 0, 2)))
    kinetic = sp.Sum(v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2, (i, 0, n - 1)) / 2
    kernel = sd.Lagrangian(kinetic - sp.Sum((length - c) ** 2, (e, 0, m - 1)), r, v).compile().acceleration_kernel
    roots = [line for line in kernel.source.splitlines() if "sqrt" in line]
    assert len(roots) == 1 and "np.empty(s1)" not in kernel.source
