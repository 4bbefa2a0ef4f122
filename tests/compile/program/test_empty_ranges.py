"""Where a sum is empty nothing of it is read: neither terms nor bounds of sums inside of it, in whatever order the
compiler takes them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.program.guards import kept
from symdfi.compile.program.loops import Loop
from symdfi.compile.source.checked import bounds_checked
from tests.fuzz import compare
from tests.fuzz.expressions import INDICES, A, B, Case, c, m, n, p, ptr, world, x, y, z

i, j, k, l, r, s = INDICES
entry = p[j + sp.Mod(3 - j, n)]

#: A term with its free indices, and sizes at which entries of ptr or p would be read, or what is stored, out of range.
CASES = {
    # The sum over i is a factor of its own, the bounds of the sum over l are read beside it.
    "bounds beside an empty factor": (
        sp.Sum(sp.Max(i, sp.Sum(x[sp.Mod(l, n)], (l, 0, ptr[j + 1]))), (i, j, -1), (j, 0, 1)),
        (),
        (1, 1, 2),
    ),
    # The sum over s is stored for j = 0..n, where there is an l for any i >= j.
    "bounds of what is stored": (
        n * sp.Sum(x[sp.Mod(s, n)], (s, ptr[j], j), (j, 0, i), (l, i, n), (i, 0, m)),
        (),
        (2, 4, 1),
    ),
    "bounds in a function that is stored": (
        sp.Sum(sp.sin(sp.Sum(x[sp.Mod(s, n)], (s, ptr[j], j))), (j, 0, i), (l, i, n), (i, 0, m)),
        (),
        (2, 4, 1),
    ),
    # l of x[j] depends on s, whose bounds are read before.
    "bounds of an owner": (
        sp.Sum(sp.Min(c, x[sp.Mod(s - l - 2, n)]), (s, ptr[i], ptr[i + 1] - 1), (l, i + 1, n - 1), (i, 0, m - 1)),
        (),
        (2, 4, 1),
    ),
    # Conditions are asked in the loop, of an array over i = 1..n - 1.
    "a stored array without elements": (
        sp.Sum(sp.Piecewise((n, n >= 2 * k), (sp.Max(y[sp.Mod(i + 2, n)], y[i]), True)), (k, 0, i + 1), (i, 1, n - 1)),
        (),
        (1, 1, 2),
    ),
    # x[1] varies with no index: stored outside of loops over 1..n - 1.
    "stored outside of an empty loop": (
        sp.Sum(sp.Sum(sp.sin(x[1]) * x[j] * x[k], (k, 1, j)) ** 2, (j, 1, n - 1)),
        (),
        (1, 1, 1),
    ),
    "stored outside of an empty triangle": (
        sp.Sum(sp.sin(x[1] * z[k]) * sp.sin(x[i] * x[l]), (l, 1, i), (i, 0, n - 1), (k, 0, m - 1)),
        (),
        (1, 1, 1),
    ),
    # 1/Σ is stored outside of the loop over j, its derivative is that of a number which nothing reads.
    "a derivative of what is stored": (
        sp.Sum(
            sp.Piecewise((sp.Sum(c**2 / sp.Sum(z[l] ** 2, (l, 0, m - 1)), (k, 1, j)) ** 2, j >= 1), (0, True)),
            (j, 0, n - 1),
        ),
        (),
        (1, 1, 1),
    ),
    # Of two conditions the one with an entry is tested last, though the other has a remainder in it.
    "an entry beside a remainder": (
        sp.Piecewise((x[j] * sp.KroneckerDelta(entry, 0), n >= sp.Mod(j - 5, n) + 4), (0, True)),
        ((j, sp.S.Zero, n - 1),),
        (3, 3, 4),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_read_of_an_empty_sum(name):
    expr, limits, sizes = CASES[name]
    case = Case(sp.sympify(expr), limits, tuple(world(at, 3) for at in (sizes, (5, 3, 4))), 3)
    outcome = compare.judge(case)
    assert outcome.kind == "right", compare.reproduction(case, outcome)


def test_an_array_without_elements_is_not_read():
    """As an argument: w[0..n - 2] has none for n = 1. Its conditions are too many to split the loop by."""
    w, steps = sp.IndexedBase(sp.Symbol("w", real=True), shape=(n - 1,)), (2, 3, 5, 7)
    factors = [sp.Piecewise((w[i - 1] + a, (i > 0) & (sp.Mod(i * a, n) > 1)), (x[i], True)) for a in steps]
    with bounds_checked():
        f = sd.compile({"f": sp.Sum(sp.Mul(*factors), (i, 0, n - 1))}, [w, x])
        for size in (1, 2, 5):
            W, X = np.linspace(0.3, 0.9, size - 1), np.linspace(1.1, 1.7, size)
            rows = [[W[k - 1] + a if k > 0 and k * a % size > 1 else X[k] for a in steps] for k in range(size)]
            assert f(w=W, x=X)["f"] == pytest.approx(np.prod(rows, axis=1).sum(), rel=1e-14)


#: x[1] beside an element of a free index.
BESIDE = {
    "a product": sp.sin(x[1]) * x[j],
    "a sum stored": sp.Sum(x[1] * y[k], (k, 0, n - 1)) * y[j],
    "a sum taken out": sp.Sum(sp.sin(x[1] * z[k]) * sp.sin(x[j] * y[l]), (k, 0, m - 1), (l, 0, n - 1)),
    "a function of a sum": sp.sin(sp.Sum(x[1] * z[k], (k, 0, m - 1))) * sp.Sum(sp.sin(x[j] * z[k]), (k, 0, m - 1)),
}


@pytest.mark.parametrize("name", BESIDE)
def test_nothing_is_read_for_an_array_without_elements(name):
    """Over j = 1..n - 1, for n = 1."""
    with bounds_checked():
        f = sd.compile({"f": (BESIDE[name], (j, 1, n - 1))}, [x, y, z])
        assert f(x=np.ones(1), y=np.ones(1), z=np.ones(2))["f"].shape == (0,)
        assert np.all(f(x=np.ones(3), y=np.ones(3), z=np.ones(2))["f"])


def test_a_product_under_a_condition_on_sizes_is_summed_index_by_index():
    """Σ_kl f_k g_l inside a sum over j = 1..n - 1, which may be empty."""
    inner = sp.Sum(sp.exp(z[k]) * B[0, k] * A[l, 0] * sp.exp(y[l]), (k, 0, m - 1), (l, 0, n - 1))
    f = sd.compile({"f": sp.Sum(sp.sin(inner) * x[j], (j, 1, n - 1))}, [x, y, z, A, B])
    assert "_l1" not in f.source  # no loop within another
    rng = np.random.default_rng(5)
    for size in (1, 4):
        X, Y, Z = rng.normal(size=size), rng.normal(size=size), rng.normal(size=3)
        a, b = rng.normal(size=(size, size)), rng.normal(size=(size, 3))
        right = np.sin((np.exp(Z) * b[0]).sum() * (a[:, 0] * np.exp(Y)).sum()) * X[1:].sum()
        assert f(x=X, y=Y, z=Z, A=a, B=b)["f"] == pytest.approx(right, rel=1e-12, abs=1e-13)


FACTORS = {
    "a reciprocal": (1 / c, (c,)),
    "a logarithm": (sp.log(c), (c,)),
    "an exponential": (sp.exp(-1000 * c + 1000), (c,)),
    "a reciprocal of an element": (y[0] / x[j], (x, y)),
    "a function of a sum in it": (sp.sqrt(sp.Sum(x[l], (l, 0, j))), (x,)),
    "a function of a choice": (sp.log(sp.Piecewise((2, j >= 1), (0, True)) + 1), ()),
    "what is stored over an index": (sp.log(sp.sin(x[j]) ** 2) ** 2, (x,)),
}


@pytest.mark.parametrize("name", FACTORS)
def test_a_sum_of_no_terms_is_zero_whatever_stands_in_them(name):
    """A factor taken out of a sum, and what of it is stored where there are terms alone, may be no number, or none of
    double precision, where there are none."""
    factor, taken = FACTORS[name]
    slope = {v: sp.IndexedBase(sp.Symbol(f"d{v}", real=True), shape=v.shape) if v in (x, y) else sp.Symbol(f"d{v}")
             for v in taken}  # fmt: skip
    dz = sp.IndexedBase(sp.Symbol("dz", real=True), shape=z.shape)
    outputs, data = {}, {"x": np.zeros(2), "y": np.ones(2), "c": 0.0, "z": np.ones(1), "dz": np.ones(1)}
    data |= {"dx": np.ones(2), "dy": np.ones(2), "dc": 1.0}
    for key, limits in (("once", [(k, 1, m - 1)]), ("twice", [(k, 1, m - 1), (l, 0, j)])):
        term = sp.Sum(factor * z[k] * sp.sin(l * z[k]) if key == "twice" else factor, *limits)
        outputs[key] = (term, (j, 0, n - 1))
        outputs[f"{key}, along"] = (sd.tangent(term, slope | {z: dz}), (j, 0, n - 1))
        total = sp.Sum(term, (j, 0, n - 1))
        outputs |= {f"{key}, by {v}": sd.gradient(total, v) for v in taken}
    arguments = [x, y, z, c, *slope.values(), dz]
    with bounds_checked():
        f = sd.compile(outputs, arguments)
        found = f(**{str(v): data[str(v)] for v in arguments})
    for key, value in found.items():
        assert not np.any(value), key  # neither is it NaN


def test_what_guards_say_of_a_stored_loop():
    """j <= i <= n leaves j <= n, n - i >= 0 alone nothing of j."""
    outer, inner = Loop(i, sp.S.Zero, m), Loop(j, sp.S.Zero, i)
    stored = Loop(j, sp.S.Zero, m)
    (found,) = kept((sp.Ge(n, i),), (stored,), (outer, inner))
    assert found in (sp.Ge(n - j, 0), sp.Le(j - n, 0))
    assert kept((sp.Ge(n, i),), (stored,), (outer, stored)) == ()
    # 2i - 1 >= j bounds i from below by (j + 1)/2.
    (found,) = kept((sp.Ge(n, i),), (stored,), (outer, Loop(j, sp.S.Zero, 2 * i - 1)))
    assert all(bool(found.subs({n: 3, j: at})) == (at <= 5) for at in range(9))
