"""Sums inside of sums over pairs: all that a pair needs is a scalar of the loops over the pairs."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.function import Function
from symdfi.compile.source.checked import bounds_checked

n, m, d = sp.symbols("n m d", integer=True, positive=True)
i, j, k, e, l = sp.symbols("i j k e l", integer=True)
x = sp.IndexedBase("x", shape=(n, d))
w = sp.IndexedBase("w", shape=(n,))
pair = sp.IndexedBase("pair", shape=(n, n))
first, second = (sp.IndexedBase(name, shape=(m,)) for name in ("first", "second"))
start = sp.IndexedBase("start", shape=(n + 1,))
c = sp.Symbol("c", positive=True)


def square(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Sum((x[a, k] - x[b, k]) ** 2, (k, 0, d - 1))


def product(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Sum(x[a, k] * x[b, k], (k, 0, d - 1))


def distance(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.sqrt(square(a, b))


def triangle(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (i, 0, j - 1), (j, 0, n - 1))


def all_pairs(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (j, 0, n - 1), (i, 0, n - 1))


def others(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (j, 0, i - 1)) + sp.Sum(term, (j, i + 1, n - 1))


SCORE = sp.exp(product(i, j))

#: An energy, and which of its arguments it is differentiated by.
ENERGIES = {
    "softened": triangle(w[i] * w[j] / sp.sqrt(square(i, j) + c)),
    "lennard-jones": triangle(square(i, j) ** -6 - c * square(i, j) ** -3),
    "all pairs": all_pairs(w[i] * w[j] * sp.exp(-c * square(i, j))),
    "other": all_pairs(sp.Piecewise((w[j] / (c + square(i, j)), sp.Ne(i, j)), (0, True))),
    "coupled": all_pairs(pair[i, j] * sp.exp(-c * square(i, j))),
    "cutoff": triangle(sp.Piecewise(((c - square(i, j)) ** 2 * w[i], square(i, j) < c), (0, True))),
    "springs": sp.Sum((distance(first[e], second[e]) - c) ** 2, (e, 0, m - 1)),
    "neighbours": sp.Sum(sp.exp(-c * square(i, second[e])) * w[i], (e, start[i], start[i + 1] - 1), (i, 0, n - 1)),
    "embedded": sp.Sum(sp.sqrt(c + others(sp.exp(-c * square(i, j)))), (i, 0, n - 1)),
    "embedded, in triangles": sp.Sum(sp.sqrt(sp.Sum(sp.exp(-c * distance(i, j)), (j, 0, i - 1))), (i, 1, n - 1)),
    "attention": sp.Sum(
        sp.Sum(SCORE * w[j], (j, 0, n - 1)) / sp.Sum(SCORE, (j, 0, n - 1)) * w[i], (i, 0, n - 1)
    ),
    "index factors": all_pairs(i * sp.exp(-c * square(i, j)) * sp.Sum(k * x[j, k], (k, 0, d - 1)) * w[j]),
    "shifted": sp.Sum(sp.sin(square(i, j) + c * square(i + 1, j)), (j, 0, n - 1), (i, 0, n - 2)),
    "periodic": sp.Sum(
        sp.cos(c + sp.Sum(x[i, k] * x[j, sp.Mod(k + 1, d)], (k, 0, d - 1))), (i, 0, j - 1), (j, 0, n - 1)
    ),
    "three deep": sp.Sum(
        sp.cos(c + sp.Sum(x[i, k] * x[j, l] * sp.exp(-(sp.Sum(x[i, e] * x[j, e] * (k - l), (e, 0, d - 1)) ** 2)),
                          (k, 0, d - 1), (l, 0, d - 1))),
        (i, 0, j), (j, 0, n - 1),
    ),
    "three bodies": sp.Sum(
        sp.exp(-square(i, j) - square(j, l) - c * square(i, l)), (l, 0, j - 1), (j, 0, i - 1), (i, 0, n - 1)
    ),
}  # fmt: skip
ARGUMENTS = [x, w, pair, first, second, start, c]


def values(size: int, components: int) -> dict[str, np.ndarray | float]:
    rng = np.random.default_rng(size + 10 * components)
    count = 2 * size
    ends = rng.integers(0, size, (2, count))
    ends[1] = np.where(ends[0] == ends[1], (ends[1] + 1) % size, ends[1])
    return {
        "x": rng.normal(size=(size, components)) + 2 * np.arange(size)[:, None],
        "w": rng.normal(size=size),
        "pair": rng.normal(size=(size, size)),
        "first": ends[0],
        "second": ends[1],
        "start": np.sort(rng.integers(0, count + 1, size + 1)),
        "c": 0.7,
    }


def number(energy: sp.Expr, at: dict, indices: dict[sp.Symbol, int]) -> complex:
    """An expression at values of its arrays and indices, term by term."""
    rule = lambda expr: number(expr, at, indices)  # noqa: E731
    if isinstance(energy, sp.Sum):
        *inner, (index, lower, upper) = energy.limits
        body = sp.Sum(energy.function, *inner) if inner else energy.function
        ends = range(int(rule(lower).real), int(rule(upper).real) + 1)
        return sum((number(body, at, indices | {index: value}) for value in ends), 0j)
    if isinstance(energy, sp.Indexed):
        return at[energy.base.name][tuple(int(rule(index).real) for index in energy.indices)]
    if isinstance(energy, sp.Piecewise):
        chosen = (value for value, condition in energy.args if holds(condition, rule))
        return rule(next(chosen, sp.S.Zero))
    if isinstance(energy, sp.Symbol):
        return complex(indices[energy] if energy in indices else at[energy.name])
    if not energy.args:
        return complex(energy)
    args = [rule(arg) for arg in energy.args]
    if isinstance(energy, sp.Add):
        return sum(args)
    if isinstance(energy, sp.Mul):
        return np.prod(args)
    if isinstance(energy, sp.Pow):
        return args[0] ** (int(args[1].real) if energy.exp.is_Integer else args[1])
    if isinstance(energy, sp.Mod):
        return complex(args[0].real % args[1].real)
    return {"exp": np.exp, "sin": np.sin, "cos": np.cos}[energy.func.__name__](args[0])


def holds(condition: sp.Basic, rule: Callable) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition)
    return bool(condition.func(*(sp.Float(rule(arg).real) for arg in condition.args)))


def gradient(energy: sp.Expr, at: dict, name: str) -> np.ndarray:
    result = np.empty(np.shape(at[name]))
    for place in np.ndindex(result.shape):
        moved = dict(at)
        moved[name] = np.array(at[name], complex)
        moved[name][place] += 1e-30j
        result[place] = number(energy, moved, {}).imag / 1e-30
    return result


def compiled(energy: sp.Expr) -> Function:
    used = [a for a in ARGUMENTS if a in energy.atoms(sp.IndexedBase) | energy.free_symbols]
    wanted = [a for a in (x, w) if a in used]
    with bounds_checked():
        return sd.compile({"E": energy, **{f"by {a}": sd.gradient(energy, a) for a in wanted}}, used)


@pytest.fixture(scope="module")
def functions() -> dict[str, Function]:
    return {}


@pytest.mark.parametrize(("size", "components"), [(1, 1), (2, 1), (4, 3)])
@pytest.mark.parametrize("name", ENERGIES)
def test_against_brute_force(functions, name: str, size: int, components: int) -> None:
    energy = ENERGIES[name]
    if name not in functions:
        functions[name] = compiled(energy)
    f = functions[name]
    at = values(size, components) | {"n": size, "m": 2 * size, "d": components}
    if name == "springs" and size < 2:
        pytest.skip("a spring has two ends")
    with bounds_checked():
        got = f({argument: at[argument] for argument in f.names})
    scale = 1 + abs(number(energy, at, {}))
    np.testing.assert_allclose(got["E"], number(energy, at, {}).real, rtol=1e-12, atol=1e-13 * scale)
    for key in got.keys() - {"E"}:
        expected = gradient(energy, at, key.removeprefix("by "))
        np.testing.assert_allclose(
            got[key], expected, rtol=1e-11, atol=1e-12 * scale * (1 + np.abs(expected).max(initial=0))
        )


@pytest.mark.parametrize("name", [name for name in ENERGIES if name not in ("three bodies", "shifted")])
def test_no_number_is_stored_for_each_pair(functions, name: str) -> None:
    if name not in functions:
        functions[name] = compiled(ENERGIES[name])
    assert temporaries(functions[name].source) <= 1


def temporaries(source: str) -> int:
    """The power of the number of particles that the largest temporary array grows with."""
    sizes = {symbol for symbol, k in re.findall(r"(\w+) = sizes\[U\((\d)\)\]", source) if symbol.startswith("n_")}
    lengths = re.findall(r"np\.empty\((.*)\)", source)
    return max((sum(word in sizes for word in re.findall(r"\w+", length)) for length in lengths), default=0)


def test_one_nest_for_pairs() -> None:
    """Energy and force of each pair come from one evaluation of its distance."""
    f = compiled(ENERGIES["softened"])
    assert f.source.count("sqrt(") <= 2
    assert len(re.findall("np.empty", f.source)) == 0


def test_a_sum_over_a_list_is_no_scalar_of_a_loop_in_it():
    """A total over s is complete after the loop over s, which its reader shares by chance: refused, not read before."""
    p = sp.IndexedBase("p", shape=(n,))
    inner = sp.Sum(w[p[l]] ** (e + 2), (e, 0, i), (l, j, j))
    energy = sp.Sum(sp.Abs(inner), (i, 0, p[j]), (j, 2, 2))
    slope = sd.derivative(energy, w[k])
    with pytest.raises(sd.CompileError, match=r"p\[.*\] cannot be stored"):
        sd.compile({"y": (slope, (k, 0, n - 1))}, [w, p])


def test_what_cannot_be_stored_is_computed_where_it_is_read():
    """Of rows of a list, whose lengths sizes do not tell, and of ranges that entries span."""
    ptr, p = sp.IndexedBase("ptr", shape=(n + 1,)), sp.IndexedBase("p", shape=(n,))
    rows = sp.Sum(sp.exp(-l) * w[sp.Abs(k - i)] ** 2 * w[i], (k, 0, n - 1), (l, ptr[i], ptr[i + 1] - 1), (i, 0, n - 1))
    spans = sp.Sum(1 / (w[p[i]] ** 2 * w[sp.Min(j, i)] ** 2 + 1), (j, sp.Min(i, p[i]), sp.Max(i, p[i])), (i, 0, n - 1))
    starts, entries, values = np.array([0, 2, 2, 5]), np.array([2, 0, 1]), np.array([0.3, -0.7, 1.1])

    def by_rows(v):
        return sum(
            np.exp(-e) * v[abs(a - b)] ** 2 * v[a]
            for a in range(3) for e in range(starts[a], starts[a + 1]) for b in range(3)
        )  # fmt: skip

    def by_spans(v):
        span = lambda a: range(min(a, entries[a]), max(a, entries[a]) + 1)  # noqa: E731
        return sum(1 / (v[entries[a]] ** 2 * v[min(b, a)] ** 2 + 1) for a in range(3) for b in span(a))

    for energy, exact, taken in ((rows, by_rows, [w, ptr]), (spans, by_spans, [w, p])):
        slope = (sd.derivative(energy, w[j]), (j, 0, n - 1))
        f = sd.compile({"E": energy, "g": sd.gradient(energy, w), "d": slope}, taken)
        found = f.python({w: values, taken[1]: starts if taken[1] is ptr else entries})
        expected = [exact(values + 1e-30j * unit).imag / 1e-30 for unit in np.eye(3)]
        np.testing.assert_allclose(found["E"], exact(values), rtol=1e-14)
        np.testing.assert_allclose(found["g"], expected, rtol=1e-13)
        np.testing.assert_allclose(found["d"], expected, rtol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_two_that_are_stored_by_component(size):
    """What a product with a sum over j = 0, 1 and its change along (c, A) have for their slopes."""
    b = sp.Symbol("b", real=True)
    total = -sp.Sum(sp.Sum(pair[sp.Mod(j, n), 0], (k, 0, n)), (j, 0, 1))
    change = sp.IndexedBase("change", shape=(n, n))
    along = sd.tangent(c * total, {c: b, pair: change})
    outputs = {"g": sd.gradient(c * total, pair), "h": sd.gradient(along, pair), "E": along}
    ones = np.ones((size, size))
    found = sd.compile(outputs, [pair, b, c, change])({"pair": ones, "b": 2.0, "c": 3.0, "change": ones})
    expected = np.zeros((size, size))
    for at in (0, 1 % size):
        expected[at, 0] -= size + 1
    np.testing.assert_allclose(found["g"], 3 * expected)
    np.testing.assert_allclose(found["h"], 2 * expected)
    np.testing.assert_allclose(found["E"], 5 * expected.sum())
