"""Ready-made networks: what they are made of. Their derivatives are tested with the problem's kernels."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")


def test_the_published_counts():
    """4 hidden layers of 10 behind 10 trained phases: 2 · 461 = 922. 3 of 32 behind 32 in two dimensions: 3265."""
    assert sd.mlp([X], [10] * 4, sd.swish, period=[2 * sp.pi], embedding=sd.Phases(10)).count == 461
    assert sd.mlp([X, Y], [32] * 3, sd.swish, period=[2, 2], embedding=sd.Phases(32)).count == 3265


def test_the_parameters_of_an_embedding():
    ansatz = sd.mlp([X, Y], [4], period=[2, 3], embedding=sd.Phases(5, amplitude=True, offset=True))
    assert ansatz.names == ("phi", "A", "B", "W1", "b1", "c", "d")
    assert [v.shape for v in ansatz.unpack(np.zeros(int(ansatz.count))).values()] == [
        (5, 2), (5, 2), (5,), (4, 5), (4,), (4,), ()
    ]  # fmt: skip
    one = sd.mlp([X, Y], [4], period=[None, 3], embedding=sd.Phases(5))
    assert [v.shape for v in one.unpack(np.zeros(int(one.count))).values()] == [(5,), (4, 6), (4,), (4,), ()]


def test_a_trained_activation_has_coefficients_in_every_layer():
    own = sd.TrainedActivation(lambda x, r: r[0] * sp.tanh(r[1] * x), [2.0, 3.0])
    ansatz = sd.mlp([X], [3, 4], own)
    assert ansatz.names == ("W1", "b1", "r1", "W2", "b2", "r2", "c", "d")
    start = ansatz.start(np.array([[-1.0, 1.0]]), np.random.default_rng(0))
    np.testing.assert_array_equal(start["r2"], [2, 3])


def test_the_proposal_of_phases_is_that_of_pairs():
    """The first layer looks in all directions of the circle: 2 cos(2πx/P − angle) + offset."""
    P, width = 3.0, 7
    ansatz = sd.mlp([X], [width], period=[P], embedding=sd.Phases(6, amplitude=True, offset=True))
    start = ansatz.start(np.array([[0.0, P]]), np.random.default_rng(1))
    x = np.linspace(0, P, 50)
    z = start["A"] * np.cos(2 * np.pi * x[:, None] / P + start["phi"]) + start["B"]
    argument = z @ start["W1"].T
    assert (np.abs(argument).max(axis=0) > 1).all()
    assert len(np.unique(np.argmax(argument, axis=0))) >= width - 1


@pytest.mark.parametrize("x", [-1e4, -800.0, -30.0, 0.0, 30.0, 800.0, 1e4])
def test_swish_and_its_derivatives_are_finite_everywhere(x):
    z = sp.Symbol("z")
    f = sd.compile({str(n): sp.diff(sd.swish(z), z, n) for n in range(5)}, [z])(z=np.array([x]))
    exact = lambda y: y / (1 + mpmath.exp(-y))  # noqa: E731
    with mpmath.workdps(60):
        for n in range(5):
            expected = float(mpmath.diff(exact, mpmath.mpf(x), n) if n else exact(mpmath.mpf(x)))
            assert f[str(n)][0] == pytest.approx(expected, rel=1e-13, abs=1e-14 * max(1.0, abs(x)))


def test_the_rational_activation_begins_near_the_rectifier_and_has_no_pole():
    z = sp.Symbol("z")
    r = sp.IndexedBase("r", shape=(6,))
    f = sd.compile({"y": sd.rational(z, r)}, [z, r])
    x = np.linspace(-1, 1, 41)
    start = np.tile(sd.rational.start, (41, 1))
    # The value of their quotient of polynomials.
    quotient = (1.1915 + 1.5957 * x + 0.5 * x**2 + 0.0218 * x**3) / (2.383 + x**2)
    np.testing.assert_allclose(f(z=x, r=start)["y"], quotient, atol=1e-4)
    assert np.abs(quotient - np.maximum(x, 0)).max() < 0.6
    wild = 10 * np.random.default_rng(0).normal(size=(41, 6))
    assert np.isfinite(f(z=x, r=wild)["y"]).all()


def test_what_is_refused():
    with pytest.raises(sd.SymbolicError, match="at least one hidden layer"):
        sd.mlp([X], [])
    with pytest.raises(sd.SymbolicError, match="no variable with a period"):
        sd.mlp([X], [3], embedding=sd.Phases(4))
    with pytest.raises(ValueError, match="the features of Phases = 0 must be at least 1"):
        sd.Phases(0)
    with pytest.raises(TypeError, match="activation = 'tanh'"):
        sd.mlp([X], [3], "tanh")
    with pytest.raises(sd.SymbolicError, match="at least one"):
        sd.TrainedActivation(lambda x, r: x, [])
    with pytest.raises(ValueError, match="start of a trained activation"):
        sd.TrainedActivation(lambda x, r: x, [np.nan])
