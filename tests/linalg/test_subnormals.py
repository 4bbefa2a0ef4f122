"""Subnormal numbers count as zeros in a solve, and only there."""

from __future__ import annotations

import threading

import llvmlite.binding as llvm
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from symdfi.linalg import SVD, Cholesky, Dual, subnormals

X86 = llvm.get_process_triple().startswith(("x86_64", "i386", "i686"))
SMALL = np.full(3, 1e-160)


@pytest.mark.skipif(not X86, reason="elsewhere subnormal numbers are not slow")
def test_flushed_in_the_context_and_not_after_it() -> None:
    assert (SMALL * SMALL > 0).all()
    with subnormals.flushed():
        assert (SMALL * SMALL == 0).all()
        assert (np.full(3, 5e-324) * 1e300 == 0).all()
        assert (SMALL * 1e100 == 1e-60).all()
    with pytest.raises(FloatingPointError), subnormals.flushed():
        raise FloatingPointError
    assert (SMALL * SMALL > 0).all()


@pytest.mark.parametrize("solver", [Cholesky(), Dual(), SVD()])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_jacobian_with_tails(solver, threads) -> None:
    """Gaussians whose tails run through the whole range of float64, against the same with the tails cut off."""
    x, b = np.linspace(-1, 1, 60)[:, None], np.linspace(-1, 1, 20)
    jacobian = np.exp(-((18 * (x - b)) ** 2))
    tails = np.abs(jacobian) < 1e-150
    assert tails.any() and (jacobian[tails] > 0).any()
    f, anchor = np.sin(3 * x[:, 0]), np.zeros(20)
    with threadpool_limits(threads, user_api="blas"):
        v = solver.solve([(jacobian, f)], anchor, 1e-6).v
        cut = solver.solve([(np.where(tails, 0.0, jacobian), f)], anchor, 1e-6).v
    np.testing.assert_allclose(v, cut, rtol=1e-12)
    assert (SMALL * SMALL > 0).all()


@pytest.mark.skipif(not X86, reason="elsewhere subnormal numbers are not slow")
@pytest.mark.parametrize("solver", [Cholesky(), Dual(), SVD()])
def test_rows_are_made_as_outside_of_the_solve(solver) -> None:
    """Also in threads that start there: a thread is born with the flag of the one that starts it."""
    products = []

    def square() -> None:
        products.append(SMALL * SMALL)

    def rows():
        for _ in range(2):
            square()
            thread = threading.Thread(target=square)
            thread.start()
            thread.join()
            yield np.eye(3), np.ones(3)

    solver.solve(rows(), np.zeros(3), 1e-3)
    assert len(products) == 4 and all((product > 0).all() for product in products)


@pytest.mark.parametrize("solver", [Cholesky(), Dual(), SVD()])
def test_after_rows_that_fail(solver) -> None:
    def rows():
        yield np.eye(3), np.ones(3)
        raise FloatingPointError

    with pytest.raises(FloatingPointError):
        solver.solve(rows(), np.zeros(3), 1e-3)
    assert (SMALL * SMALL > 0).all()
