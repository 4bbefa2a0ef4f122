"""Ansätze of several fields: one for all of them, and one each."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic.joint import JointAnsatz, for_fields

X, Y, a, b = sp.symbols("x y a b")
u, w = (sp.Function(name)(sd.t, X) for name in "uw")


def test_parameters_are_apart_and_named_by_field():
    joint = for_fields((u, w), {w: sd.gaussians([X], 3), u: sd.mlp([X], [2])})
    assert joint.fields == (u, w)
    assert joint.names == ("u.W1", "u.b1", "u.c", "u.d", "w.a", "w.w", "w.b")
    assert joint.count == 7 + 9


def test_values_by_name_by_field_and_by_symbol():
    first, second = sd.gaussians([X], 2), sd.gaussians([X], 2)
    joint = JointAnsatz({u: first, w: second})
    theta = np.random.default_rng(0).normal(size=12)
    values = joint.unpack(theta)
    assert values["w.a"].shape == (2,)
    np.testing.assert_array_equal(joint.pack(values), theta)
    np.testing.assert_array_equal(joint.pack(dict(zip(joint.parameters, values.values(), strict=True))), theta)
    by_symbol = dict(zip(second.parameters, second.unpack(theta[6:]).values(), strict=True))
    nested = {u: first.unpack(theta[:6]), "w": by_symbol}
    np.testing.assert_array_equal(joint.pack(nested), theta)


def test_sizes_of_both_are_one_where_their_symbol_is():
    n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
    c = sp.IndexedBase("c", shape=(n,))
    waves = sd.Ansatz(sp.Sum(c[i] * sp.cos(i * X), (i, 0, n - 1)), [X], [c])
    joint = JointAnsatz({u: waves, w: waves})
    assert joint.size_values(8) == {n: 4}
    with pytest.raises(ValueError, match="the parameter u.c has shape"):
        joint.pack({u: {"c": np.ones(3)}, w: {"c": np.ones(5)}})


def test_a_start_begins_every_part():
    joint = JointAnsatz({u: sd.gaussians([X], 2), w: sd.mlp([X], [3])})
    start = joint.start(np.array([[-1.0, 1.0]]), np.random.default_rng(0))
    assert joint.pack(start).shape == (6 + 10,)


def test_one_ansatz_of_several_outputs():
    shared = sd.Ansatz([a * sp.cos(b * X), a * sp.sin(b * X)], [X], [a, b])
    assert for_fields((u, w), shared) is shared
    assert len(shared.exprs) == 2
    assert shared.linear == (a,)
    with pytest.raises(sd.SymbolicError, match="the ansatz has 2 outputs"):
        _ = shared.expr
    named = sd.Ansatz({w: a * X, u: b * X}, [X], [a, b])
    assert for_fields((u, w), named).exprs == (b * X, a * X)
    assert for_fields((u, w), named).parameters == (a, b)


line = sd.Ansatz(a * X, [X], [a])


@pytest.mark.parametrize(
    ("ansatz", "message"),
    [
        (lambda: line, r"an ansatz with 1 outputs for the fields u\(t, x\), w\(t, x\)"),
        (lambda: {u: line}, r"there is no ansatz for the field w\(t, x\)"),
        (lambda: {u: line, sp.Function("v")(sd.t, X): line}, r"there is an ansatz for v\(t, x\), but the equation has"),
        (lambda: {u: line, w: sd.Ansatz(a * Y, [Y], [a])}, r"the ansatz of w\(t, x\) has variables \(y,\), that of"),
        (lambda: {u: line, w: sd.Ansatz([a * X, a], [X], [a])}, r"the ansatz of w\(t, x\) has 2 outputs"),
        (lambda: {u: line, w: sd.Ansatz({u: a * X}, [X], [a])}, r"is given as one of u\(t, x\)"),
        (lambda: sd.Ansatz([], [X], [a]), "the list of the ansatz's expressions is empty"),
        (lambda: sd.Ansatz({a: X}, [X], [a]), "a is no field"),
        (lambda: sd.Ansatz([a * X, a * u], [X], [a]), r"the ansatz holds u\(t, x\), which is no expression"),
        (lambda: sd.Ansatz([a * X, b], [X], [a]), "the symbol b of the ansatz is neither"),
    ],
)
def test_ansaetze_that_do_not_fit_are_refused(ansatz, message):
    with pytest.raises(sd.SymbolicError, match=message):
        for_fields((u, w), ansatz())


def test_values_that_do_not_fit_are_refused():
    joint = JointAnsatz({u: line, w: line})
    for values, message in [
        ({"u.a": 1.0}, "no value for parameter w.a"),
        ({u: {"a": 1.0}}, "no value for parameter w.a"),
        ({u: {"a": 1.0}, w: {"b": 1.0}}, "unknown parameter b of the ansatz of w"),
        ({u: {"a": 1.0}, "v": {"a": 1.0}}, "unknown field v"),
        ({"a": 1.0}, "unknown parameter a"),
    ]:
        with pytest.raises(ValueError, match=message):
            joint.pack(values)
    with pytest.raises(TypeError, match="the values of w is a float"):
        joint.pack({u: {"a": 1.0}, w: 1.0})
    with pytest.raises(TypeError, match="the ansatz is a Symbol"):
        for_fields((u, w), a)
