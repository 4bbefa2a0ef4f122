"""Outputs that are added to what is there, and kernels by names of their own."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdfi.compile.kernels.groups import Group
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.passes.autodiff import adjoint, gradient_loops
from symdfi.compile.source import assemble

n, e = sp.symbols("n e", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, p = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("p", shape=(e,))


def built(adds: bool):
    """A sum over gathered elements, and its gradient: a plain term, one of the first element, and a scatter."""
    builder = KernelBuilder([Group("ints", (p,), integer=True), Group("x", (x,), batched=True)])
    value = builder.program.assign(sp.Sum(x[p[i]] ** 2, (i, 0, e - 1)) + sp.Sum(sp.cos(x[i]), (i, 0, n - 1)) + 3 * x[0])
    slope = builder.program.assign(adjoint(builder.program, value.target, [x])[x], gradient_loops(x))
    builder.output("slope", [slope], per_sample=True, adds=adds)
    builder.output("value", [value], per_sample=True, adds=adds)
    return builder.build()


def test_outputs_are_added_to_what_is_there() -> None:
    rng = np.random.default_rng(0)
    at, ints = rng.normal(size=(2, 5)), np.array([0, 3, 3])
    begin = rng.normal(size=(2, 5)), rng.normal(size=(2, 1))
    found = {}
    for adds in (False, True):
        kernel = built(adds)
        sizes = np.array([{"n": 5, "e": 3}[s.name] for s in kernel.sizes])
        for run in (kernel.function, kernel.python):
            slope, value = (a.copy() for a in begin)
            run(0, 2, sizes, ints, at, slope, value)
            found[adds, run is kernel.python] = slope, value
    for own in (False, True):
        for total, part, old in zip(found[True, own], found[False, own], begin, strict=True):
            np.testing.assert_allclose(total, part + old, rtol=1e-14, atol=1e-14)


def test_kernels_go_by_names_of_their_own() -> None:
    source = '@jit("void(float64[::1])")\ndef part1(a):\n    a[U(0)] = 1.0\n\n\n@jit("")\ndef kernel(a):\n    part1(a)'
    named = assemble.called(source, "force")
    assert "def part1_force(a):" in named
    assert "def kernel_force(a):\n    part1_force(a)" in named
