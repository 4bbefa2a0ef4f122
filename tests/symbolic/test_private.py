"""Symbols of our own: never a user's, ordered by number, shown under a name."""

from __future__ import annotations

import pickle

import pytest
import sympy as sp

from symdfi.symbolic.private import Private, index, like


def test_no_symbol_of_a_user_equals_one_of_ours() -> None:
    own = index("a", 0)
    assert own != sp.Symbol(own.name, integer=True)
    assert own not in (sp.Symbol("_a0", integer=True) + sp.Dummy("_a0", integer=True)).free_symbols


def test_equal_by_role_and_number_name_and_assumptions() -> None:
    one = Private("v", 1, "x", real=True)
    assert one == Private("v", 1, "x", real=True)
    assert len({one, Private("v", 2, "x", real=True), Private("v", 1, "y", real=True), Private("v", 1, "x")}) == 4
    assert str(one) == sp.latex(one) == "x"


@pytest.mark.parametrize("names", ["abc", "cba", "θ_K"])
def test_sums_and_products_go_by_number_not_by_name(names: str) -> None:
    symbols = [Private("v", k, name) for k, name in enumerate(names)]
    for kind in (sp.Add, sp.Mul):
        assert list(kind(*reversed(symbols)).args) == symbols
    difference = symbols[0] - symbols[2]
    assert not difference.could_extract_minus_sign() and (-difference).could_extract_minus_sign()
    terms = [2 * s for s in symbols]
    assert sorted(reversed(terms), key=sp.default_sort_key) == terms


def test_in_order_beside_the_symbols_and_arrays_of_a_user() -> None:
    own, t, x = Private("w", 0), sp.Symbol("t"), sp.IndexedBase("x", shape=(3,))
    assert (own * (x[0] - t) ** 2 * x[1]).args[0] == own
    total = 2 * own + 2 * t + x[0]
    assert sp.Add(*total.as_ordered_terms()) == total
    assert len(sorted(total.args, key=sp.default_sort_key)) == 3


def test_arrays_of_the_shape_of_another() -> None:
    n = sp.Symbol("n", integer=True)
    x = sp.IndexedBase("x", shape=(n, 3))
    assert like(x, "d", 0).shape == (n, 3) and like(x, "d", 0) != like(x, "d", 1)
    assert like(sp.Symbol("q"), "d", 0) == Private("d", 0, real=True)


def test_pickled() -> None:
    symbol = Private("v", 3, "θ", positive=True)
    again = pickle.loads(pickle.dumps(symbol**2 + 1))
    assert again == symbol**2 + 1
    assert sp.srepr(symbol) == "Private('v', 3, 'θ')"
