"""Ready-made mixtures of Gaussians. Their derivatives are tested with the problem's kernels."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y, Z = sp.symbols("x y z")


def value(ansatz, values, x):
    u = sd.compile({"u": ansatz.expr}, [*ansatz.variables, *ansatz.parameters])
    given = {n: np.broadcast_to(v, (len(x), *np.shape(v))) for n, v in values.items()}
    return u({**dict(zip(ansatz.variables, x.T, strict=True)), **given})["u"]


def test_a_full_covariance_is_that_of_its_triangular_factor():
    ansatz = sd.gaussians([X, Y, Z], 1, covariance="full")
    generator = np.random.default_rng(0)
    W = np.tril(generator.normal(size=(3, 3)))
    x, b = generator.normal(size=(20, 3)), generator.normal(size=3)
    found = value(ansatz, {"a": [2.0], "w": [W[np.tril_indices(3)]], "b": [b]}, x)
    covariance = np.linalg.inv(2 * W.T @ W)
    expected = 2 * np.exp(-0.5 * np.einsum("sd,de,se->s", x - b, np.linalg.inv(covariance), x - b))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("covariance", ["diagonal", "isotropic", "full"])
def test_in_one_dimension_all_covariances_are_the_same(covariance):
    assert sd.gaussians([X], 3, covariance=covariance).count == 9
    ansatz = sd.gaussians([X, Y], 3, covariance=covariance)
    assert ansatz.count == {"diagonal": 15, "isotropic": 12, "full": 18}[covariance]
    start = ansatz.start(np.array([[-1.0, 1.0], [0.0, 4.0]]), np.random.default_rng(0))
    ansatz.pack(start)


@pytest.mark.parametrize("covariance", ["diagonal", "isotropic", "full"])
def test_a_normalized_unit_integrates_to_its_share(covariance):
    ansatz = sd.gaussians([X, Y], 2, covariance=covariance, normalized=True)
    generator = np.random.default_rng(1)
    values = ansatz.unpack(generator.uniform(0.7, 1.5, ansatz.count))
    axis = np.linspace(-24, 26, 401)
    points = np.stack([part.ravel() for part in np.meshgrid(axis, axis)], axis=1)
    integral = value(ansatz, values, points).sum() * (axis[1] - axis[0]) ** 2
    assert integral == pytest.approx(values["a"].sum(), rel=1e-12)
    np.testing.assert_allclose(ansatz.start.components(values)[0], values["a"], rtol=1e-14)


@pytest.mark.parametrize("covariance", ["diagonal", "isotropic", "full"])
@pytest.mark.parametrize("normalized", [True, False])
def test_moments(covariance, normalized):
    """Of units of both signs, one of them turned over by a negative width."""
    ansatz = sd.gaussians([X, Y], 3, covariance=covariance, normalized=normalized)
    generator = np.random.default_rng(2)
    values = ansatz.unpack(generator.uniform(0.7, 1.5, ansatz.count))
    values["a"] *= [1, -0.3, 0.4]
    values["w"][2, ...] *= np.array([1, 1, -1] if covariance == "full" else [-1, 1] if covariance == "diagonal" else -1)
    axis = np.linspace(-24, 26, 401)
    points = np.stack([part.ravel() for part in np.meshgrid(axis, axis)], axis=1)
    density = value(ansatz, values, points)
    mean, within = ansatz.start.moments(values)
    exact = density @ points / density.sum()
    np.testing.assert_allclose(mean, exact, rtol=1e-11)
    away = points - exact
    np.testing.assert_allclose(within, (away.T * density) @ away / density.sum(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("scale", [0.25, sp.Rational(1, 3)])
def test_amplitudes_on_a_scale(normalized, scale):
    plain = sd.gaussians([X, Y], 3, normalized=normalized)
    scaled = sd.gaussians([X, Y], 3, normalized=normalized, scale=scale)
    values = plain.unpack(np.random.default_rng(3).uniform(0.7, 1.5, plain.count))
    points = np.random.default_rng(4).normal(size=(20, 2))
    expected = float(scale) * value(plain, values, points)
    np.testing.assert_allclose(value(scaled, values, points), expected, rtol=1e-14)
    for own, other in zip(scaled.start.moments(values), plain.start.moments(values), strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_scale_by_a_count_that_is_a_symbol():
    n = sp.Symbol("n", integer=True, positive=True)
    found = value(
        sd.gaussians([X], n, scale=1 / n), {"a": [1.0, 2.0], "w": [1.0, 1.0], "b": [0.0, 0.0]}, np.zeros((4, 1))
    )
    np.testing.assert_allclose(found, 1.5, rtol=1e-15)


def test_what_is_refused():
    with pytest.raises(sd.SymbolicError, match="the scale 2\\*x of a mixture depends on where it is"):
        sd.gaussians([X], 3, scale=2 * X)
    with pytest.raises(ValueError, match="the scale of a mixture is 0"):
        sd.gaussians([X], 3, scale=0)
    with pytest.raises(TypeError, match="the scale of a mixture is the text"):
        sd.gaussians([X], 3, scale="1/3")
    with pytest.raises(ValueError, match="covariance = 'round' is none of"):
        sd.gaussians([X], 3, covariance="round")
    with pytest.raises(sd.SymbolicError, match="not periodic"):
        sd.gaussians([X, Y], 3, covariance="full", period=[2, None])
    with pytest.raises(sd.SymbolicError, match="normalized = True"):
        sd.gaussians([X], 3, period=[2], normalized=True)
    with pytest.raises(sd.SymbolicError, match="must be positive"):
        sd.gaussians([X], 0)
