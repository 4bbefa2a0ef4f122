"""Long programs as several functions: the same numbers, and one function for all layers of a network."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source import assemble

X = sp.Symbol("x")
n = sp.Symbol("n", integer=True, positive=True)


def network(layers: int, size):
    """A scalar network of X with ``layers`` hidden layers, and its parameters."""
    first = sp.IndexedBase(sp.Symbol("first", real=True), shape=(size,))
    last = sp.IndexedBase(sp.Symbol("last", real=True), shape=(size,))
    weights = [sp.IndexedBase(sp.Symbol(f"w{r}", real=True), shape=(size, size)) for r in range(1, layers)]
    biases = [sp.IndexedBase(sp.Symbol(f"b{r}", real=True), shape=(size,)) for r in range(1, layers)]
    units = lambda unit: sp.tanh(first[unit] * X)  # noqa: E731
    for r, (w, b) in enumerate(zip(weights, biases, strict=True)):
        below, s = units, sp.Symbol(f"s{r}", integer=True)
        units = lambda unit, u=below, s=s, w=w, b=b: sp.sin(  # noqa: E731
            sp.Sum(w[unit, s] * u(s), (s, 0, size - 1)) + b[unit]
        )
    s = sp.Symbol("s", integer=True)
    return sp.Sum(last[s] * units(s), (s, 0, size - 1)), [first, *weights, *biases, last]


def gradients(layers: int, size):
    u, parameters = network(layers, size)
    return sd.compile({"u": u, **{f"g_{w}": sd.gradient(u, w) for w in parameters}}, [X, *parameters])


def functions(source: str) -> list[str]:
    """The functions of a source without their names, all but the kernel that calls them."""
    return [text.split("(", 1)[1] for text in re.split(r"(?m)^def ", source)[1:] if not text.startswith("kernel(")]


@pytest.mark.parametrize("size", [5, n])
def test_no_new_functions_for_more_layers(size) -> None:
    few, many = (functions(gradients(layers, size).source) for layers in (6, 14))
    assert len(few) == len(many) == 8
    shared = [[text for text in texts if re.search(r"_p\d", text)] for texts in (few, many)]
    assert shared[0] == shared[1]
    assert len(shared[0]) == 5  # zero, W·h, sin(· + b), Wᵀ·bar and its outer product, bar·cos


@pytest.mark.parametrize("size", [5, n])
@pytest.mark.parametrize("layers", [8])
def test_as_one_function_or_several(monkeypatch, size, layers) -> None:
    generator = np.random.default_rng(0)
    width = 5
    _, parameters = network(layers, size)
    given = {"x": generator.normal(size=5)}
    given |= {str(w): generator.normal(size=(width,) * len(w.shape)) for w in parameters}
    several = gradients(layers, size)
    parts = several(**given)
    assert len(functions(several.source)) == 8
    monkeypatch.setattr(assemble, "LIMIT", 10**6)
    single = gradients(layers, size)
    assert not functions(single.source)
    whole = single(**given)
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-13, atol=1e-13)


def test_scalars_that_several_nests_use() -> None:
    """Sums that later nests read leave their nest; alike as they are, they share no function."""
    a = sp.IndexedBase("a", shape=(n,))
    i = sp.Symbol("i", integer=True)
    norms = [sp.Sum(sp.cos(k * a[i]) ** 2, (i, 0, n - 1)) for k in range(1, 12)]
    total = sp.Add(*(sp.sqrt(norm) for norm in norms))
    outputs = {"total": total, "scaled": sp.Sum(a[i] * total, (i, 0, n - 1)), "g": sd.gradient(total, a)}
    f = sd.compile(outputs, [a])
    values = np.linspace(0.1, 2, 6)
    got = f(a=values)
    k = np.arange(1, 12)[:, None]
    roots = np.sqrt((np.cos(k * values) ** 2).sum(1))
    assert got["total"] == pytest.approx(roots.sum(), rel=1e-14)
    assert got["scaled"] == pytest.approx(roots.sum() * values.sum(), rel=1e-14)
    expected = (-k * np.cos(k * values) * np.sin(k * values) / roots[:, None]).sum(0)
    np.testing.assert_allclose(got["g"], expected, rtol=1e-12, atol=1e-13)
