"""Ansatz functions: packing, sizes, and what is refused. Their derivatives are tested with the problem's kernels."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")
i = sp.Symbol("i", integer=True)
m = sp.Symbol("m", integer=True, positive=True)


def mixture(**shape):
    a, w, b = (sp.IndexedBase(name, **shape) for name in "awb")
    return sp.Sum(a[i] * sp.exp(-((w[i] * (X - b[i])) ** 2)), (i, 0, m - 1)), [a, w, b]


@pytest.mark.parametrize("shape", [{}, {"shape": (m,)}], ids=["shape found", "shape given"])
def test_sizes_follow_from_theta(shape):
    """The user's own ansatz as in the README: the number of units is a symbol."""
    ansatz = sd.Ansatz(*mixture(**shape)[:1], variables=[X], parameters=mixture(**shape)[1])
    assert ansatz.sizes == (m,)
    assert ansatz.count == 3 * m
    assert ansatz.size_values(21) == {m: 7}
    with pytest.raises(ValueError, match="theta has 20 entries, this ansatz has 3\\*m parameters"):
        ansatz.size_values(20)
    with pytest.raises(ValueError, match="theta has 0 entries"):
        ansatz.size_values(0)


@pytest.mark.parametrize(
    "ansatz",
    [
        sd.gaussians([X], 5),
        sd.gaussians([X, Y], 4),
        sd.mlp([X], [3, 4]),
        sd.mlp([X, Y], [5], period=[2, None]),
    ],
    ids=["gaussians 1-d", "gaussians 2-d", "mlp", "mlp periodic"],
)
def test_pack_and_unpack_are_inverse(ansatz):
    theta = np.random.default_rng(0).normal(size=int(ansatz.count))
    values = ansatz.unpack(theta)
    assert tuple(values) == ansatz.names
    np.testing.assert_array_equal(ansatz.pack(values), theta)
    by_symbol = dict(zip(ansatz.parameters, values.values(), strict=True))
    np.testing.assert_array_equal(ansatz.pack(by_symbol), theta)
    batch = ansatz.unpack(np.stack([theta, 2 * theta, 3 * theta]))
    for name, value in values.items():
        np.testing.assert_array_equal(batch[name][1], 2 * value)


def test_pack_in_declared_order():
    ansatz = sd.Ansatz(*mixture()[:1], [X], mixture()[1])
    np.testing.assert_array_equal(ansatz.pack({"b": [5, 6], "a": [1, 2], "w": [3, 4]}), [1, 2, 3, 4, 5, 6])


def test_pack_refuses_missing_unknown_and_misshapen_values():
    ansatz = sd.gaussians([X, Y], 2)
    good = {"a": np.ones(2), "w": np.ones((2, 2)), "b": np.ones((2, 2))}
    with pytest.raises(ValueError, match="no value for parameter w"):
        ansatz.pack({k: v for k, v in good.items() if k != "w"})
    with pytest.raises(ValueError, match="unknown parameter c"):
        ansatz.pack(good | {"c": 1.0})
    with pytest.raises(ValueError, match=r"the parameter w has shape \(4,\), expected \(2, 2\)"):
        ansatz.pack(good | {"w": np.ones(4)})
    with pytest.raises(ValueError, match="theta has 9 entries, this ansatz has 10 parameters"):
        ansatz.pack(good | {"a": np.ones(1)})


def test_the_count_of_a_network():
    assert sd.mlp([X], [9, 9, 9], period=[2]).count == 217
    assert sd.mlp([X, Y], [32, 32, 32]).count == 3 * 32 + 2 * 33 * 32 + 33


def test_symbolic_count_needs_a_start():
    ansatz = sd.gaussians([X], m)
    assert ansatz.start is None
    assert ansatz.size_values(12) == {m: 4}


def test_unknown_symbols_are_named():
    a, c = sp.IndexedBase("a"), sp.Symbol("c")
    with pytest.raises(sd.SymbolicError, match="the symbol c of the ansatz is neither a variable nor a parameter"):
        sd.Ansatz(sp.Sum(a[i] * sp.cos(c * X), (i, 0, 3)), [X], [a])
    with pytest.raises(sd.SymbolicError, match="has no parameters"):
        sd.Ansatz(sp.cos(X), [X], [])
    with pytest.raises(sd.SymbolicError, match="the symbol w"):
        sd.Ansatz(mixture()[0], [X], mixture()[1][::2])
    with pytest.raises(sd.SymbolicError, match="at least one hidden layer"):
        sd.mlp([X], [])


def test_two_unknown_sizes_are_refused():
    n = sp.Symbol("n", integer=True, positive=True)
    j = sp.Symbol("j", integer=True)
    W, c = sp.IndexedBase("W", shape=(m, n)), sp.IndexedBase("c", shape=(m,))
    ansatz = sd.Ansatz(sp.Sum(c[i] * sp.tanh(sp.Sum(W[i, j] * X**j, (j, 0, n - 1))), (i, 0, m - 1)), [X], [W, c])
    with pytest.raises(ValueError, match="do not follow from theta"):
        ansatz.size_values(12)


def test_linear_parameters():
    a, b, c = (sp.IndexedBase(n) for n in "abc")
    A, B, k = sp.symbols("A B k")
    j = sp.Symbol("j", integer=True)
    for expr, parameters, linear in (
        (mixture()[0] + A, [*mixture()[1], A], "a A"),
        (A * sp.cos(k * X) + B**2, [A, B, k], "A"),
        (A * B * X + k, [A, B, k], "A k"),
        ((A + B * X) / (1 + k * X), [A, B, k], "A B"),
        (A**k * X, [A, k], ""),
        (sp.Sum(a[i] * sp.Sum(b[i] * c[j] * X**j, (j, 0, 2)), (i, 0, 2)), [a, b, c], "a"),
        (sp.sqrt(A) + sp.Abs(B), [A, B], ""),
        (sp.Sum(a[i] * X**i, (i, 0, 4)), [a], "a"),
    ):
        names = [str(getattr(p, "label", p)) for p in sd.Ansatz(expr, [X], parameters).linear]
        assert names == linear.split()
    assert [str(getattr(p, "label", p)) for p in sd.mlp([X], [3, 4]).linear] == ["c", "d"]
    assert [str(p.label) for p in sd.gaussians([X, Y], 3).linear] == ["a"]
