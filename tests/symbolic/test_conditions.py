"""What tests say of indices, and in which order their literals are read."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp

from symdfi.symbolic.conditions import implied, in_turn

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
first, later, value, other = i < 1, i >= 1, x[i - 1] > 0, x[i] > 0


def is_of_indices(literal) -> bool:
    return not literal.has(x)


@pytest.mark.parametrize(
    "condition, said",
    [
        (first | value, sp.true),
        (later & value, later),
        (sp.Not(first | value), later),
        (sp.Not(later & value), sp.true),
        ((later & value) | ((i >= 2) & other), later | (i >= 2)),
        (sp.Implies(value, first), sp.true),
        (sp.ITE(first, sp.false, value), later),
        (first, first),
    ],
)
def test_what_holds_wherever_a_test_may(condition, said):
    found = sp.And(*implied(condition, is_of_indices))
    assert not found.has(x)
    literals = sorted((found | said).atoms(sp.core.relational.Relational), key=str)
    for k in range(4):
        assert found.subs(i, k) == said.subs(i, k), literals


def read_where(condition) -> dict:
    """Each literal with what holds where it is read."""
    found = {}

    def read(literal, before):
        found[literal] = before
        return literal

    assert in_turn(condition, is_of_indices, read) == sp.to_nnf(condition, simplify=False)
    return found


def test_a_literal_on_values_is_read_where_indices_leave_it_open():
    def at(test, k, truths) -> bool:
        return bool(test.xreplace({**truths, **{sp.Not(v): sp.Not(t) for v, t in truths.items()}}).subs(i, k))

    for a, b, c in itertools.permutations([first, i >= 2, value, other], 3):
        for condition in (a | b | c, (a & b) | c, sp.Not(a | (b & c)), sp.Implies(a, b & c)):
            for literal, before in read_where(condition).items():
                for k in range(3) if not is_of_indices(literal) else ():
                    own = value if literal.has(x[i - 1]) else other
                    rest = other if own == value else value
                    matters = any(
                        at(condition, k, {own: sp.true, rest: truth}) != at(condition, k, {own: sp.false, rest: truth})
                        for truth in (sp.true, sp.false)
                    )
                    if matters:
                        assert all(test.subs(i, k) for test in before), (condition, literal, k)


def test_fewer_entries_come_first():
    found = read_where((p[i] < 1) | (p[p[i] - 1] > 2) | (i < 0) | (x[0] > 0))
    assert found[i < 0] == ()
    assert set(found[p[i] < 1]) == {i >= 0}
    assert set(found[p[p[i] - 1] > 2]) == {i >= 0, p[i] >= 1}
    assert set(found[x[0] > 0]) == {i >= 0, p[i] >= 1, p[p[i] - 1] <= 2}
