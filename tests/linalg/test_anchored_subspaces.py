"""Anchored least squares over a subspace against the closed form in an orthonormal basis of it."""

import numpy as np
import pytest

from symdfi.linalg import LSMR, QR, SVD, Auto, Cholesky, Dual, RandomizedSVD, TruncatedSVD
from symdfi.linalg.anchored.source import Held, Read
from symdfi.linalg.anchored.subspace import Entries, Orthogonal, solve_within

SOLVERS = [Cholesky(), QR(), SVD(), Dual(), LSMR(), RandomizedSVD(rank=30), Auto()]
RNG = np.random.default_rng(0)
N, P = 60, 20
J, F, ANCHOR, GRADIENTS = (RNG.standard_normal(shape) for shape in ((N, P), N, P, (3, P)))
KEPT = np.array([1, 4, 5, 11, 17])
EPS = np.finfo(float).eps
#: Of products with the gradients and vectors like them, by reflections of vectors in R^P.
ROUNDING = 10 * P * EPS * np.linalg.norm(GRADIENTS)


def null_space(vectors):
    return np.linalg.svd(vectors)[2][np.linalg.matrix_rank(vectors) :].T


def closed_form(E, gamma, mu):
    A = J @ E
    return E @ np.linalg.solve(A.T @ A + gamma * np.eye(A.shape[1]), A.T @ F + gamma * mu * E.T @ ANCHOR)


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize(
    ("space", "basis"),
    [
        (Entries(KEPT, P), np.eye(P)[:, KEPT]),
        (Entries(np.arange(0, 18), P), np.eye(P)[:, :18]),
        (Orthogonal.to(GRADIENTS), null_space(GRADIENTS)),
    ],
    ids=["few entries", "most entries", "orthogonal"],
)
@pytest.mark.parametrize("source", [lambda: Held(J, F), lambda: Read([(J[:25], F[:25]), (J[25:], F[25:])], P)])
def test_every_solver_solves_within_a_subspace(solver, space, basis, source):
    found = solve_within([space], solver, source(), ANCHOR, 0.3, mu=0.9)
    np.testing.assert_allclose(found.v, closed_form(basis, 0.3, 0.9), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("solver", [QR(), TruncatedSVD(1e-10), Cholesky()], ids=repr)
def test_without_regularisation_too(solver):
    """The subspace is one in coordinates of its own: what it leaves out makes nothing singular."""
    found = solve_within([Orthogonal.to(GRADIENTS)], solver, Held(J, F), 0 * ANCHOR, 0.0)
    np.testing.assert_allclose(found.v, closed_form(null_space(GRADIENTS), 0.0, 0.0), rtol=1e-9, atol=1e-12)
    assert np.abs(GRADIENTS @ found.v).max() < ROUNDING * np.linalg.norm(found.v)


def test_a_subspace_of_a_subspace():
    entries = Entries(np.arange(0, P, 2), P)
    inner = Orthogonal.to(GRADIENTS[:, ::2])
    found = solve_within([entries, inner], QR(), Held(J, F), ANCHOR, 0.1)
    basis = np.eye(P)[:, ::2] @ null_space(GRADIENTS[:, ::2])
    np.testing.assert_allclose(found.v, closed_form(basis, 0.1, 1.0), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.v[1::2], 0)
    assert np.abs(GRADIENTS @ found.v).max() < ROUNDING * np.linalg.norm(found.v)


def test_vectors_that_depend_on_each_other_count_once():
    space = Orthogonal.to(np.stack([GRADIENTS[0], 0 * GRADIENTS[0], 1e-9 * GRADIENTS[0], GRADIENTS[1]]))
    assert space.shape == (P, P - 2)
    E = space.into(np.eye(P - 2))
    np.testing.assert_allclose(E.T @ E, np.eye(P - 2), atol=10 * P * EPS)
    assert np.abs(GRADIENTS[:2] @ E).max() < ROUNDING
    np.testing.assert_allclose(space.onto(ANCHOR), E.T @ ANCHOR, atol=ROUNDING)
    assert Orthogonal.to(np.zeros((2, P))).shape == (P, P)
    with pytest.raises(ValueError, match=r"nothing in R\^2 is orthogonal to 3 vectors of rank 2"):
        Orthogonal.to(RNG.standard_normal((3, 2)))
