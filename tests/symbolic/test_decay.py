"""What falls to 0 at infinity, read from its symbols."""

import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic.decay import decays

X, Y = sp.symbols("x y")
a, b, k, w = sp.symbols("a b k w")
p = sp.Symbol("p", positive=True)
i = sp.Symbol("i", integer=True)
A, W, B = map(sp.IndexedBase, "AWB")
NET = sd.mlp([X], [4, 4]).expr
FULL = sd.gaussians([X, Y], 3, covariance="full").expr


@pytest.mark.parametrize(
    "expr",
    [
        sd.gaussians([X], 3).expr,
        sd.gaussians([X], sp.Symbol("m")).expr,
        sd.gaussians([X, Y], 2).expr,
        FULL,
        FULL.subs({X: Y, Y: X}, simultaneous=True),
        sd.gaussians([X, Y], 2, covariance="full", normalized=True).expr,
        sp.Sum(A[i] * sp.exp(-((W[i] * (X - B[i])) ** 2)), (i, 0, 4)),
        a * sp.sech(w * (X - b)),
        a / sp.cosh(w * (X - b)) ** 2,
        4 * sp.atan(a / sp.cosh(X)),
        a / (1 + (w * X) ** 2),
        (1 + a * X**3) * sp.exp(-((w * (X - b)) ** 2)),
        sp.hermite(3, X) * sp.exp(-(X**2) / 2),
        sp.exp(-(w**2 + sp.I * b) * (X - a) ** 2 + sp.I * k * (X - a)),
        sp.exp(-p * X**2) * sp.cosh(k * X),
        sp.exp(-sp.Abs(X)) + sp.exp(-sp.sqrt(1 + X**2)),
        sp.exp(-X) / (1 + sp.exp(-2 * X)),
        sp.exp(-(X**4) + a * X**3),
        NET * sp.exp(-(X**2)),
    ],
    ids=str,
)
def test_what_decays(expr):
    assert decays(expr, X)


@pytest.mark.parametrize(
    "expr",
    [
        NET,
        (1 - X**2) * NET,
        sd.mlp([X], [4], sd.swish).expr,
        sd.gaussians([X], 3, period=[2]).expr,
        sp.exp(-((w * Y) ** 2)),
        a * sp.exp(-k * X**2),  # not for k < 0
        a * sp.exp(k * X),
        sp.exp(-X),
        sp.exp(-(X**3)),
        1 / (1 + sp.exp(-X)),
        sp.tanh(X) - 1,
        1 + sp.exp(-(X**2)),
        sp.exp(-p * (X - b) ** 2 + p * X**2),
        a * sp.sin(X) + b * sp.sin(2 * X),
        a * sp.legendre(3, X) + b,
        sp.exp(sp.I * k * X),
        sp.erf(X),
        a + 0 * X,
    ],
    ids=str,
)
def test_what_does_not_or_cannot_be_told(expr):
    assert not decays(expr, X)
