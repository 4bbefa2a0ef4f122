"""Any name works, in every role: what runs is numbered, and nothing of a name is ever executed."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdfi as sd

#: What a name would do if it were run.
MARK = "names_were_executed"
CRAFTED = [
    f"x: __import__('pathlib').Path('{MARK}').touch()",
    f"a\n__import__('pathlib').Path('{MARK}').touch()\n",
    f"'''\"\"\"\n__import__('pathlib').Path('{MARK}').touch()\n\"\"\"'''",
    f"x)); open('{MARK}', 'w'); ((",
    f"# \\\r\x0c\u2028open('{MARK}', 'w')",
    "{open('" + MARK + "', 'w')}%s",
]
ODD = [
    *("", "θ", "ν", "α", "x₁", "x'", "ω₀", "K_{ij}", r"\omega", "a name", " ", "1", "λ′", "é", "变量", "🙂"),
    *(
        "lambda",
        "if",
        "None",
        "print",
        "exp",
        "float",
        "np",
        "U",
        "jit",
        "kernel",
        "sizes",
        "out",
        "out0",
        "in0",
        "ints",
    ),
    *("_a0", "_t00001", "t0", "v0", "s0", "u0", "_alpha", "_h", "_s", "_x1", "_r1", "_work", "_l0", "start", "stop"),
]


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


def model(names):
    """A function with a name in every role: scalars, arrays, an index array, sizes, indices, one that is not used."""
    scalar, unused, array, gather, size, other, index, inner, output = names
    n, m = (sp.Symbol(s, integer=True, positive=True) for s in (size, other))
    a, spare = (sp.Symbol(s, real=True) for s in (scalar, unused))
    i, j = (sp.Symbol(s, integer=True) for s in (index, inner))
    x = sp.IndexedBase(sp.Symbol(array, real=True), shape=(n, m))
    p = sp.IndexedBase(sp.Symbol(gather, integer=True), shape=(m,))
    energy = sp.Sum(sp.sin(a * x[p[j], j]) * x[i, j] + n * j, (j, 0, m - 1), (i, 0, n - 1))
    f = sd.compile(
        {output: energy, "rows": (x[i, 0] * a, (i, 0, n - 1)), "slope": sd.gradient(energy, a)}, [a, x, p, spare]
    )
    return f, (a, x, p, spare)


X, P, A = np.arange(6.0).reshape(2, 3) / 4, np.array([1, 0, 1]), 1.5


def check(f, arguments, output, form):
    a, x, p, spare = arguments
    got = getattr(f, form)({a: A, x: X, p: P, spare: 7.0})
    assert list(got) == [output, "rows", "slope"]
    gathered = X[P, range(3)]
    assert np.isclose(got[output], (np.sin(A * gathered) * X).sum() + 2 * 2 * 3)
    assert np.isclose(got["slope"], (gathered * np.cos(A * gathered) * X).sum())
    np.testing.assert_allclose(got["rows"], A * X[:, 0])


PLAIN = ("a", "spare", "x", "p", "n", "m", "i", "j", "y")
FAMILY = [
    *(tuple(np.roll(ODD, 9 * k)[:9].tolist()) for k in range(5)),
    *(tuple(np.roll(ODD, 9 * k + 4)[:9].tolist()) for k in range(5)),
    *(tuple(f"{name}{number}" for number in range(9)) for name in CRAFTED),
    *(tuple(np.roll([*CRAFTED, "b", "c", "d"], k).tolist()) for k in range(9)),
]


@pytest.mark.parametrize("names", FAMILY)
def test_any_name_in_any_role(names) -> None:
    f, arguments = model(names)
    check(f, arguments, names[-1], "python")
    check(f, arguments, names[-1], "__call__")
    assert f.source.isascii()
    compile(f.source, "<source>", "exec")
    for name in names:
        assert ascii(name) in f.source or name in names[6:8]
    # One kernel for all of them.
    assert f.njit is model(PLAIN)[0].njit


@settings(max_examples=12, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=9, max_size=9, unique=True))
def test_arbitrary_text_as_names(names) -> None:
    f, arguments = model(names)
    check(f, arguments, names[-1], "python")
    assert f.variant()[0].source == model(PLAIN)[0].variant()[0].source


def test_the_order_of_names_does_not_matter() -> None:
    sources = set()
    for names in list(permutations(["b", "θ", "if", "A"]))[::5]:
        a, b, c, d = (sp.Symbol(name, real=True) for name in names)
        i, j = (sp.Symbol(name, integer=True) for name in names[:2])
        x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(3,)) for name in names[2:])
        E = (
            a * sp.Sum(x[i] * sp.exp(y[i]), (i, 0, 2))
            - b * sp.Sum(x[j] * y[j] ** 2, (j, 0, 2))
            + sp.sin(a - b) * (a + 2 * b)
        )
        E = E * sp.Piecewise((a, a < b), (c / d, True)) + c - d
        f = sd.compile({"y": E, "g": sd.gradient(E, x), "h": sd.gradient(E, b)}, [a, b, x, y, c, d])
        sources.add(f.variant()[0].source)
    assert len(sources) == 1


ALIKE = [
    (sp.Symbol("k_\u00b5"), sp.Symbol("k_\u03bc")),  # micro sign, mu
    (sp.Symbol("m\u03d5"), sp.Symbol("m\u03c6")),
    (sp.Symbol("K_B"), sp.Symbol("\u212a_B")),  # Kelvin sign
    (sp.Symbol("x"), sp.Symbol("x", real=True)),
    (sp.Symbol("x", positive=True), sp.Symbol("x", integer=True)),
    (sp.Symbol("x"), sp.IndexedBase("x", shape=(2,))),
    (sp.IndexedBase("x", shape=(2,)), sp.IndexedBase(sp.Symbol("x", real=True), shape=(2,))),
]


@pytest.mark.parametrize("one, other", ALIKE)
def test_symbols_that_read_alike_are_two(one, other) -> None:
    first, second = (v[1] if isinstance(v, sp.IndexedBase) else v for v in (one, other))
    f = sd.compile({"y": first - 10 * second, "g": sd.gradient(first * second**2, other)}, [one, other])
    values = {v: [c, c] if isinstance(v, sp.IndexedBase) else c for v, c in ((one, 3.0), (other, 5.0))}
    for form in (f, f.python):
        got = form(values)
        assert got["y"] == -47
        assert np.ravel(got["g"])[-1] == 30


def test_two_of_one_name_are_given_by_symbol() -> None:
    plain, real = sp.Symbol("x"), sp.Symbol("x", real=True)
    f = sd.compile({"y": plain - real}, [plain, real])
    assert f({plain: 3.0, real: 1.0})["y"] == 2
    with pytest.raises(TypeError, match=r"x may be either of the arguments Symbol\('x'\) and Symbol\('x', real=True\)"):
        f(x=1.0)
    with pytest.raises(TypeError, match=r"missing arguments: \['x'\]"):
        f({plain: 1.0})
    with pytest.raises(TypeError, match="two values are given for the argument x"):
        sd.compile({"y": real}, [real])({real: 1.0}, x=2.0)


def test_keywords_that_python_has_normalised() -> None:
    micro, mu = sp.Symbol("k_\u00b5"), sp.Symbol("k_\u03bc")
    f = sd.compile({"y": 2 * micro}, [micro])
    assert eval("f(k_\u00b5=4.0)", {"f": f})["y"] == 8  # arrives as k_μ
    both = sd.compile({"y": micro - mu}, [micro, mu])
    assert both(**{"k_\u00b5": 3.0, "k_\u03bc": 1.0})["y"] == 2
    full = sp.symbols("ｋ 𝐤")
    wide = sd.compile({"y": full[0] - full[1]}, full)
    with pytest.raises(TypeError, match="k may be either of the arguments"):
        wide(k=1.0)


@pytest.mark.parametrize("name", ODD)
def test_scalars_of_every_name(name) -> None:
    s = sp.Symbol(name)
    f = sd.compile({"y": s**2 + 1}, [s])
    assert f.python(**{name: 3.0})["y"] == 10
    assert f.python({s: 2.0})["y"] == 5
