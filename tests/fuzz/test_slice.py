"""A fixed slice of the fuzz: no case wrong, none out of range, none refused without naming its term."""

import pytest

from tests.fuzz import compare, conditions, expressions, lagrangians


@pytest.mark.parametrize("seed", range(30))
def test_expressions(seed):
    case = expressions.case(seed)
    outcome = compare.judge(case)
    assert outcome.kind not in compare.FAILURES, compare.reproduction(case, outcome)


@pytest.mark.parametrize("seed", range(5))
def test_conditions(seed):
    case = conditions.case(seed)
    outcome = compare.judge(case)
    assert outcome.kind not in compare.FAILURES, compare.reproduction(case, outcome)


@pytest.mark.parametrize("seed", range(16))
def test_lagrangians(seed):
    system = lagrangians.system(seed)
    outcome = lagrangians.judge(system)
    assert outcome.kind not in compare.FAILURES, lagrangians.reproduction(system, outcome)
