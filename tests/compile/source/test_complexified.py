"""Kernels in complex arithmetic: the real values on the real axis, derivatives by the complex step beside it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.compiled import CompiledKernel
from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.symbolic.indexed import normalise

EPS, TINY = np.finfo(float).eps, 1e-30
n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase("x", shape=(n,))
POINTS = np.array([0.3, 1.2, -0.7, 2.5, 0.9, -1.6])


def built(*exprs: sp.Expr) -> CompiledKernel:
    builder = KernelBuilder((Group("x", (x,)),), (n,))
    builder.output("y", [builder.program.assign(normalise(expr)) for expr in exprs])
    return builder.build()


def run(kernel: CompiledKernel, points: np.ndarray, count: int) -> np.ndarray:
    out = np.empty(count, points.dtype)
    kernel.function(np.array([points.size]), points, out)
    return out


u, w = x[0], x[1]
FUNCTIONS = {
    **{f.__name__: f(u) for f in (sp.exp, sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.asinh, sp.atan)},
    **{f.__name__: f(u / 2) for f in (sp.asin, sp.acos, sp.atanh)},
    "acosh": sp.acosh(1 + w**2), "log": sp.log(w), "sqrt": sp.sqrt(w), "root": w ** sp.Rational(7, 3),
    "powers": x[2] ** 7 + x[5] ** 2 + x[2] ** -5, "atan2": sp.atan2(x[2], u) + sp.atan2(x[2], x[5]) + sp.atan2(u, x[5]),
    "abs": sp.Abs(x[2]) + sp.Abs(u), "sign": sp.sign(x[2]) * w, "heaviside": sp.Heaviside(x[2]) + sp.Heaviside(u) * u,
    "extremes": sp.Max(u, x[2]) * sp.Min(w, x[3]), "steps": sp.floor(x[3]) * u + sp.ceiling(x[2]) * w,
    "remainder": sp.Mod(x[3], w) * u, "cases": sp.Piecewise((u**2, u < w), (w, True)) + sp.sech(x[2]),
    "sums": sp.Sum(sp.sin(x[i]) * sp.Sum(x[j] ** 2 * x[i], (j, 0, i)), (i, 0, n - 1)),
    "shifts": sp.Sum(x[sp.Mod(i + 1, n)] * x[i] ** 3, (i, 0, n - 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def kernel() -> CompiledKernel:
    return built(*FUNCTIONS.values())


def test_on_the_real_axis(kernel: CompiledKernel) -> None:
    real = run(kernel, POINTS, len(FUNCTIONS))
    found = run(kernel.complexified, POINTS.astype(complex), len(FUNCTIONS))
    for name, expected, value in zip(FUNCTIONS, real, found, strict=True):
        assert np.isfinite(expected), name
        assert abs(value - expected) <= 64 * EPS * max(1, abs(expected)), name


@pytest.mark.parametrize("k", range(4))
def test_complex_step(kernel: CompiledKernel, k: int) -> None:
    """Against the derivatives that SymPy takes of the written-out expressions, in 30 digits."""
    moved = POINTS.astype(complex)
    moved[k] += 1j * TINY
    found = run(kernel.complexified, moved, len(FUNCTIONS)).imag / TINY
    y = sp.symbols("y:6", real=True)
    put = dict(zip(y, map(sp.Float, POINTS), strict=True))
    for (name, expr), value in zip(FUNCTIONS.items(), found, strict=True):
        written = expr.subs(n, 6).doit().replace(lambda e: isinstance(e, sp.Indexed), lambda e: y[int(e.indices[0])])
        smooth = written.replace(sp.Mod, lambda a, b: a - b * sp.floor(a / b))
        for step in (sp.floor, sp.ceiling):
            smooth = smooth.replace(step, lambda a, step=step: step(a.subs(put)))
        exact = float(sp.diff(smooth, y[k]).doit().subs(put).evalf(30))
        assert abs(value - exact) <= 256 * EPS * max(1, abs(exact)), name


def test_around_a_point(kernel: CompiledKernel) -> None:
    """Holomorphic: the mean over a circle is the value at its centre."""
    real = run(kernel, POINTS, len(FUNCTIONS))
    turns = np.exp(2j * np.pi * np.arange(32) / 32)
    moved = [run(kernel.complexified, POINTS + 0.05 * turn * np.array([1, 0, 0, 0, 0, 0]), len(real)) for turn in turns]
    assert np.mean(moved, axis=0) == pytest.approx(real, rel=1e-13)


def test_small_arguments() -> None:
    kernel = built(sp.exp(u) - 1, sp.log(1 + u)).complexified
    for z in (1e-9 + 1e-9j, 1e-5 - 1e-12j):
        found = run(kernel, np.array([z, 0, 0]), 2)
        assert found == pytest.approx([z + z**2 / 2 + z**3 / 6, z - z**2 / 2 + z**3 / 3], rel=1e-9)


def test_function_without_a_complex_form() -> None:
    with pytest.raises(sd.CompileError, match="erf has no form in complex arithmetic"):
        _ = built(sp.erf(u)).complexified
