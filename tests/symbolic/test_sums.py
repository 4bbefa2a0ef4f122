"""Sums that stay as they are built, and what SymPy's folding of a Piecewise leaves to be noticed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic.sums import PlainSum, canonical, normalise, readable, shortened

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xy")


def over(expr, index=i, lower=0, upper=n - 1):
    return sp.Sum(expr, (index, lower, upper))


def where(value, condition):
    return sp.Piecewise((value, condition), (0, True))


def test_sympy_takes_a_condition_out_of_the_sum_that_binds_its_index():
    """What PlainSum is for: here i < k asks for an i that means nothing there."""
    folded = over(y[k] * over(where(x[i], i < k)), k)
    assert isinstance(folded.function, sp.Piecewise) and i in folded.free_symbols


def test_a_plain_sum_stays_as_it_is_built():
    inner = PlainSum(where(x[i], i < k), (i, 0, n - 1))
    total = PlainSum(y[k] * inner, (k, 0, n - 1))
    assert total.function == y[k] * inner
    assert total.free_symbols & {i, k} == set()
    assert total.xreplace({y[k]: y[k] ** 2}) == PlainSum(y[k] ** 2 * inner, (k, 0, n - 1))
    assert pickle.loads(pickle.dumps(total)) == total
    assert str(total) == "Sum(y[k]*Sum(Piecewise((x[i], i < k), (0, True)), (i, 0, n - 1)), (k, 0, n - 1))"


def test_sums_of_sums_are_one_sum():
    assert PlainSum(PlainSum(x[i] * x[j], (i, 0, j)), (j, 0, n - 1)) == PlainSum(x[i] * x[j], (i, 0, j), (j, 0, n - 1))


def test_what_the_user_gets_holds_sympys_class():
    total = PlainSum(y[k] * PlainSum(where(x[i], i < k), (i, 0, n - 1)), (k, 0, n - 1))
    shown = canonical(normalise(total))
    assert {type(node) for node in sp.preorder_traversal(shown) if isinstance(node, sp.Sum)} == {sp.Sum}
    assert shown.function.args[1].function == where(x[j], j < i)


REFUSED = {
    "another outer index": over(y[k] * over(where(x[i], i < k)), k),
    "the same outer index": over(y[i] * over(where(x[i], i < 2))),
    "a value that depends on the outer index": over(over(where(x[i] * y[k], i < 2)) ** 2, k),
    "through a sum in between": over(y[i] * over(y[k] * over(where(x[i], i < 2)), k)),
    "two branches": over(y[k] * over(sp.Piecewise((x[i], i < k), (x[i] ** 2, True))), k),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_folded_condition_is_refused(name):
    with pytest.raises(sd.SymbolicError, match="a condition on i stands outside the sum over i: SymPy takes"):
        sd.compile({"v": REFUSED[name]}, [x, y])
    with pytest.raises(sd.SymbolicError, match=r"^in Sum\(Piecewise\("):
        sd.derivative(REFUSED[name], x[j])


@pytest.mark.parametrize(
    "energy, by_hand",
    [
        # The three ways that the message of a refusal names.
        (over(y[k] * over(x[i], upper=k - 1), k), lambda X, Y: sum(Y[b] * X[:b].sum() for b in range(len(X)))),
        (
            sp.Sum(y[k] * where(x[i], i < k), (i, 0, n - 1), (k, 0, n - 1)),
            lambda X, Y: sum(Y[b] * X[:b].sum() for b in range(len(X))),
        ),
        (over(where(y[i] * over(x[k], k), i < 2)), lambda X, Y: Y[:2].sum() * X.sum()),
        # What SymPy leaves alone.
        (over(y[k] * over(where(x[i], i < 2)), k), lambda X, Y: Y.sum() * X[:2].sum()),
        (over(where(x[i], i < 2)) * over(y[i]), lambda X, Y: Y.sum() * X[:2].sum()),
    ],
)
def test_what_is_meant_for_certain_is_computed(energy, by_hand):
    f = sd.compile({"v": energy, "g": sd.gradient(energy, x)}, [x, y])
    for size in (1, 2, 5):
        X, Y = np.random.default_rng(size).normal(size=(2, size))
        got = f.python(x=X, y=Y)
        np.testing.assert_allclose(got["v"], by_hand(X, Y), rtol=1e-12, atol=1e-14)
        unit = np.eye(size)  # every energy here is linear in x
        np.testing.assert_allclose(got["g"], [by_hand(e, Y) for e in unit], rtol=1e-12, atol=1e-14)


def test_names_for_messages():
    first, second = sp.Dummy("i", integer=True), sp.Dummy("i", integer=True)
    other = sp.Symbol("i1", integer=True)
    assert readable(x[first] * y[second] + x[k]) == x[i] * y[other] + x[k]
    assert readable(x[first] + y[i]) == x[other] + y[i]
    assert shortened(sum(x[a] for a in range(100))).endswith("...")


def test_an_index_is_not_what_reads_like_it() -> None:
    """An ``Idx`` m beside a symbol m, and an array with the label of an index."""
    n = sp.Symbol("n", integer=True, positive=True)
    m, x = sp.Symbol("m", integer=True), sp.IndexedBase("x", shape=(n,))
    own = sp.IndexedBase(m, shape=(n,))
    index = sp.Idx("m")
    total = normalise(sp.Sum(x[index] * m, (index, 0, n - 1)))
    (bound,) = (limit[0] for limit in total.limits)
    assert total.function == x[bound] * m
    total = normalise(sp.Sum(own[m], (m, 0, n - 1)))
    assert total.function == own[total.limits[0][0]]
