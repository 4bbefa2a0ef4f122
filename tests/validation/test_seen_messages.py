"""What cannot be meant is refused in words that name it, never from deep within SymPy."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.errors import CompileError, SymbolicError

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, v = sd.coordinates("x", n)
y = sp.IndexedBase(sp.Symbol("y", real=True), shape=(n,))
s = sp.Symbol("s", real=True)
L = sp.Sum(v[i] ** 2 - s * x[i] ** 2, (i, 0, n - 1)) / 2
rows = (y[i] ** 2, (i, 0, n - 1))


@pytest.mark.parametrize("array", [
    rows, [y[0], y[1]], sp.Tuple(y[0], y[1]), sp.Array([y[0], y[1]]), sp.Matrix([y[0], y[1]]),
    sp.ImmutableMatrix([y[0], y[1]]),
], ids=lambda a: type(a).__name__)  # fmt: skip
def test_arrays_where_a_scalar_is_meant(array):
    with pytest.raises(TypeError, match=r"gradient is a .*scalar: compile the derivatives"):
        sd.gradient(array, y)
    with pytest.raises(TypeError, match="the expression that is differentiated is a"):
        sd.derivative(array, y[j])
    with pytest.raises(TypeError, match="L is a"):
        sd.Lagrangian(array, x, v)
    with pytest.raises(TypeError, match="dissipation is a"):
        sd.Lagrangian(L, x, v, dissipation=array)


@pytest.mark.parametrize("make, error, words", [
    (lambda: sd.Lagrangian(L, x, v, forces=[sp.S.One]), TypeError, r"forces is a list: give a dict such as \{x\[j\]"),
    (lambda: sd.Lagrangian(L, x, v, forces=x[i]), TypeError, "forces is a Indexed"),
    (lambda: sd.Lagrangian(L, x, v, parameters=s), TypeError, "parameters is s: give a list"),
    (lambda: sd.Lagrangian(L, x, v, inputs=s), TypeError, "inputs is s: give a list"),
    (lambda: sd.Lagrangian(sp.Eq(L, 0), x, v), TypeError, "L is a Equality"),
    (lambda: sd.compile({"y": y[0]}, y), TypeError, "arguments is y: give a list"),
    (lambda: sd.compile({"y": y[0]}, s), TypeError, "arguments is s: give a list"),
    (lambda: sd.compile(y[0], [y]), TypeError, "outputs is a Indexed: give a dict such as"),
    (lambda: sd.compile({"y": sp.Eq(y[0], 1)}, [y]), TypeError, "the output 'y' is a Equality"),
    (lambda: sd.compile({"y": y[i]}, [y]), CompileError, "the symbol i in .* is neither an argument nor a size"),
    (lambda: sd.derivative(y[i] ** 2, y), SymbolicError, r"by an element such as x\[j\], not by y"),
    (lambda: sd.derivative(y[i] ** 2, y[i] ** 2), SymbolicError, r"not by y\[i\]\*\*2"),
    (lambda: sd.tangent(y[0], [y]), TypeError, "the directions is a list"),
    # The derivative of a product was taken with its index for a free one.
    (lambda: sd.derivative(sp.Product(y[i], (i, 0, n - 1)), y[j]), SymbolicError, r"Product\(y\[i\], .* is no Sum"),
    (lambda: sd.compile({"y": sp.Integral(s * y[0], (s, 0, 1))}, [y]), SymbolicError, "Integral.* only a Sum"),
])  # fmt: skip
def test_arguments_of_another_kind(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_arrays_are_outputs():
    """An ``Array`` of expressions as it stands, as a matrix does."""
    f = sd.compile({"a": sp.Array([[y[0], y[1] * s], [1, y[0] ** 2]]), "b": sp.Array([s, y[1]])}, [y, s])
    got = f.python(y=[2.0, 3.0], s=5.0)
    np.testing.assert_array_equal(got["a"], [[2, 15], [1, 4]])
    np.testing.assert_array_equal(got["b"], [5, 3])


@pytest.mark.parametrize("columns", [n, 3])
def test_states_in_the_shape_of_their_coordinate(columns):
    """(n, n) and (n, 3) with n a symbol: one state, flat or in that shape; of a batch asked back where both fit."""
    r, w = sd.coordinates("r", (n, columns))
    kernels = sd.Lagrangian(sp.Sum(w[i, j] ** 2 - r[i, j] ** 2, (i, 0, n - 1), (j, 0, columns - 1)) / 2, r, w).compile()
    shape = (5, 3 if columns == 3 else 5)
    for state in (np.ones(shape), np.ones(15 if columns == 3 else 25)):
        sizes = {n: 5} if columns == 3 else {}
        np.testing.assert_array_equal(kernels.acceleration(state, 0 * state, sizes), -state)
    with pytest.raises(ValueError, match=r"neither flat, .* nor \(\.\.\., n, [n3]\) as r is"):
        kernels.acceleration(np.ones((5, 7)), np.ones((5, 7)))
    with pytest.raises(ValueError, match=r"may be flat \(n = .\) or in the shape \(n, .\) of r \(n = 4\)"):
        kernels.acceleration(*np.ones((2, 9, 4, columns if columns == 3 else 4)))


def test_a_size_in_a_condition_alone():
    m = sp.Symbol("m", integer=True, positive=True)
    head = sp.Sum(sp.Piecewise((y[i], i < m), (0, True)), (i, 0, n - 1))
    f = sd.compile({"head": head, "slope": sd.gradient(head, y)}, [y, m])
    got = f.python(y=[1.0, 2.0, 4.0], m=2)
    assert got["head"] == 3
    np.testing.assert_array_equal(got["slope"], [1, 1, 0])
    with pytest.raises(CompileError, match="the symbol m in .* is neither an argument nor a size"):
        sd.compile({"head": head}, [y])
