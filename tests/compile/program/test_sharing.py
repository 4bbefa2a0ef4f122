"""Subexpressions held more than once are stored once, and differentiated once."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.program.lower import Program
from symdfi.compile.program.sharing import operations, shared

x, y = sp.symbols("x y", real=True)


def nested(depth: int) -> sp.Expr:
    r = x
    for _ in range(depth):
        r = sp.sin(r) * sp.cos(r) + r**2
    return r


def test_operations_of_a_tree() -> None:
    assert operations(x + y + 1) == 2
    assert operations(x**3 * y) == 3
    assert operations(sp.Piecewise((x * y * 2, x > 0), (x, True))) >= 2


def test_shared_nodes_are_costly_ones() -> None:
    assert shared((x - y) ** 2 + (x - y) ** 3) == set()
    assert shared(sp.sin(x) + sp.sin(x) ** 2 * y) == {sp.sin(x)}
    root = sp.sqrt(y - x)
    assert shared(sp.Piecewise((root * x + y * root**3, x < y), (0, True), evaluate=False) + x) == set()
    norm = x**2 + y**2 + (x - y) ** 2 + (x + y) ** 2
    assert shared(sp.sqrt(norm)) == {norm}
    waves = [sp.sin(k * x) * sp.cos(y) for k in range(1, 12)]
    assert shared(sp.Add(*waves)) == shared(sp.Mul(*waves[1:])) == {sp.cos(y)}


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_nested_functions_take_an_assignment_a_level(depth: int) -> None:
    program = Program([x])
    program.assign(nested(depth))
    assert len(program.assignments) == depth


def test_gradient_of_nested_functions() -> None:
    """r' = (cos 2r + 2r) r', level by level; the source grows by as many lines a level."""
    sources = {
        depth: sd.compile({"r": nested(depth), "slope": sd.gradient(nested(depth), x)}, [x]) for depth in (3, 5, 7)
    }
    lengths = [len(f.source.splitlines()) for f in sources.values()]
    assert lengths[2] - lengths[1] == lengths[1] - lengths[0] < 20
    values = np.linspace(-1, 1, 7)
    for depth, f in sources.items():
        r, slope = values, np.ones_like(values)
        for _ in range(depth):
            r, slope = np.sin(r) * np.cos(r) + r**2, (np.cos(2 * r) + 2 * r) * slope
        for k, value in enumerate(values):
            got = f(x=value)
            # A level may magnify an error by the size of its slope.
            assert got["r"] == pytest.approx(r[k], rel=1e-11, abs=1e-11)
            assert got["slope"] == pytest.approx(slope[k], rel=1e-11, abs=1e-10)
