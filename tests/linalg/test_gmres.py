"""GMRES in single precision, refined in double."""

from __future__ import annotations

import numpy as np
import pytest

from symdfi.linalg.gmres import gmres

EPS = np.finfo(float).eps


def problem(size: int, condition: float):
    rng = np.random.default_rng(size)
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    A = left @ np.diag(np.geomspace(1, 1 / condition, size)) @ right
    near = np.linalg.inv(A + 0.02 / condition * rng.normal(size=(size, size)) / np.sqrt(size)).astype(np.float32)
    return A, near, rng.normal(size=(size, 1))


@pytest.mark.parametrize("condition", (1e1, 1e4))
def test_solutions_are_those_of_double_precision(condition: float) -> None:
    A, near, b = problem(60, condition)
    found = gmres(lambda x: A @ x, lambda r: near @ r, b, 1e-15, rounding=EPS)
    exact = np.linalg.solve(A, b)
    assert found.is_solved
    assert found.residual == pytest.approx(np.linalg.norm(b - A @ found.x), rel=1e-6, abs=EPS)
    assert np.linalg.norm(found.x - exact) <= 100 * EPS * condition * np.linalg.norm(exact)
    # No less than the smallest singular value, of length 1 as the largest.
    assert 1 / condition <= found.stiffness * (1 + 1e-3)


def test_a_guess_is_gone_on_from_and_refined() -> None:
    A, near, b = problem(60, 1e3)

    def solved(**options):
        return gmres(lambda x: A @ x, lambda r: near @ r, b, **options)

    whole = solved(tolerance=1e-10)
    again = solved(tolerance=1e-10, guess=whole.x)
    assert again.products == 1 and np.array_equal(again.x, whole.x)
    refined = solved(tolerance=0.0, guess=whole.x, refines=True)
    exact = np.linalg.solve(A, b)
    assert np.linalg.norm(refined.x - exact) <= 100 * EPS * 1e3 * np.linalg.norm(exact)
    # One that is worse than none is left out.
    assert solved(tolerance=1e-6, guess=1e9 * b).is_solved


def test_what_has_no_solution_says_how_soft_it_is() -> None:
    A = np.diag(np.append(np.linspace(1, 2, 19), 0.0))
    found = gmres(lambda x: A @ x, lambda r: r, np.ones((20, 1)), 1e-12)
    assert not found.is_solved
    assert found.residual == pytest.approx(1, rel=1e-3)
    assert found.stiffness < 1e-3


def test_what_is_not_finite_ends_it() -> None:
    found = gmres(lambda x: x * np.nan, lambda r: r, np.ones((4, 1)), 1e-12)
    assert not found.is_solved and found.residual == 2
    assert gmres(lambda x: x, lambda r: r, np.zeros((4, 1)), 1e-12).is_solved
