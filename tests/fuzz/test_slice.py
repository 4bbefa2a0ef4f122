"""A fixed slice of the fuzz: no case wrong, none out of range, none refused without naming its term.

``pytest -m slow`` takes a larger one, `make fuzz` any.
"""

from __future__ import annotations

import pytest

from tests.fuzz import compare, conditions, expressions, lagrangians


def seeds(few: int, all_of_them: int) -> list:
    """The first ones, and the others, which are slow."""
    return [*range(few), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(few, all_of_them))]


@pytest.mark.parametrize("seed", seeds(12, 30))
def test_expressions(seed):
    case = expressions.case(seed)
    outcome = compare.judge(case)
    assert outcome.kind not in compare.FAILURES, compare.reproduction(case, outcome)


@pytest.mark.parametrize("seed", seeds(3, 5))
def test_conditions(seed):
    case = conditions.case(seed)
    outcome = compare.judge(case)
    assert outcome.kind not in compare.FAILURES, compare.reproduction(case, outcome)


@pytest.mark.parametrize("seed", seeds(6, 16))
def test_lagrangians(seed):
    system = lagrangians.system(seed)
    outcome = lagrangians.judge(system)
    assert outcome.kind not in compare.FAILURES, lagrangians.reproduction(system, outcome)
