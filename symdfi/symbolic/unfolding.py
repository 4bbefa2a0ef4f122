"""Choices that SymPy has multiplied out, taken apart again.

``Sum`` folds every ``Piecewise`` of its summand into one at the outside: a sum or product of k independent choices
becomes one of 2ᵏ branches. Which terms or factors do not depend on a condition can be read off the branches.
"""

from __future__ import annotations

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

Branches = tuple[tuple[sp.Expr, Boolean], ...]


def unfolded(expr: sp.Expr) -> sp.Expr:
    """``expr`` as a sum or product of choices, where it has more branches than one for every condition."""
    if not isinstance(expr, sp.Piecewise) or expr.has(sp.Sum):
        return expr
    branches = tuple((value, condition) for value, condition in expr.args)
    conditions = sorted({c for _, condition in branches for c in condition.atoms(Relational)}, key=sp.default_sort_key)
    if branches[-1][1] != sp.true or len(branches) <= len(conditions) + 1:
        return expr
    # The numbers of a sum have been added up, those of factors have not.
    found = (_chosen(branches, conditions, numbers) for numbers in (True, False))
    return min(found, key=lambda apart: len(apart.atoms(sp.Piecewise)))


def _chosen(branches: Branches, conditions: list[Relational], numbers: bool) -> sp.Expr:
    """The value of the branches, a choice for every condition that it depends on; with ``numbers`` a number that two
    branches have in common is a term of both."""
    if len(branches) == 1:
        return branches[0][0]
    first, *rest = conditions
    holds, fails = (_chosen(_given(branches, first, truth), rest, numbers) for truth in (sp.true, sp.false))
    if holds == fails:
        return holds
    # Terms and factors of both, which are there whether the condition holds or not.
    terms = holds.as_coefficients_dict()
    common = sp.Add(*(factor * term for term, factor in fails.as_coefficients_dict().items() if term in terms))
    if common != 0 and (numbers or not common.is_number):
        return common + _choice(holds - common, fails - common, first)
    ours, theirs = sp.Mul.make_args(holds), sp.Mul.make_args(fails)
    factors = [arg for arg in ours if arg in theirs]
    own, other = (sp.Mul(*(arg for arg in args if arg not in factors)) for args in (ours, theirs))
    return sp.Mul(*factors) * _choice(own, other, first)


def _choice(value: sp.Expr, other: sp.Expr, condition: Relational) -> sp.Expr:
    return sp.Piecewise((value, condition), (other, True), evaluate=False)


def _given(branches: Branches, condition: Relational, truth: Boolean) -> Branches:
    """The branches that are left where ``condition`` is true (false)."""
    put = {condition: truth, sp.Not(condition): sp.Not(truth)}
    left: list[tuple[sp.Expr, Boolean]] = []
    for value, test in branches:
        here = test.xreplace(put)
        if here != sp.false:
            left.append((value, here))
        if here == sp.true:
            break
    return tuple(left)
