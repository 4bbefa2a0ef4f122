"""Every refusal says which term, symbol or argument it is about."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
a, b = sp.symbols("a b", real=True)
q, v = sd.coordinates("q", n)
X, DX = sd.coordinates("X")
Y, DY = sd.coordinates("Y")
x = sp.IndexedBase("x", shape=(n,))
p, ptr = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(n,)) for name in ("p", "ptr"))
F = sp.Function("F")
EVERY = (i, 0, n - 1)
T = sp.Sum(v[i] ** 2, EVERY) / 2
STATE = np.linspace(0.1, 1.0, 3)


def accelerate(L, params=None, **further):
    return sd.Lagrangian(L, q, v, **further).compile().acceleration(STATE, STATE, params or {})


def integrate(L, method, state=STATE, **further):
    return sd.integrate(sd.Lagrangian(L, q, v, **further), state, 0 * state, (0, 0.1), dt=0.05, method=method)


def of_each(term):
    return T + sp.Sum(term, EVERY)


P = {p: np.array([0, 1, 7])}
INDEXED = {
    "no integer index": (lambda: accelerate(T + q[2 * a], {a: 1}), r"the indices of q\[2\*a\]"),
    "a real in an index": (lambda: accelerate(of_each(q[i] * x[a * i]), {a: 1, x: STATE}), r"the indices of x\[a\*i"),
    "a function in an index": (lambda: accelerate(of_each(q[sp.factorial(i)])), r"q\[factorial\(i\)\]"),
    "itself in an index": (lambda: accelerate(T + q[q[0]]), r"the indices of q\[q\[0\]\]"),
    "values in a bound": (lambda: accelerate(T + sp.Sum(q[i], (i, 0, q[0]))), r"bounds of Sum\(q\[i\], \(i, 0, q\["),
    "an infinite bound": (lambda: accelerate(T + sp.Sum(q[i], (i, 0, sp.oo))), r"bounds of Sum\(q\[i\], \(i, 0, oo"),
    "past the end": (lambda: accelerate(of_each(q[i + 1] ** 2)), r"q\[i \+ 1\] \(i = 0\.\.n - 1\)"),
    "gathered past the end": (lambda: accelerate(of_each(q[p[i]] ** 2), P), r"q\[p\[i\]\] is 7 at i = 2"),
    "element past the end": (lambda: accelerate(T + q[k] ** 2, {k: 3}), r"q\[k\] is 3, outside 0\.\.n - 1, at k = 3"),
    "remainder by zero": (lambda: accelerate(of_each(q[sp.Mod(i, p[i])]), {p: np.zeros(3, int)}), r"Mod\(i, p\[i\]\)"),
    "rows of pairs": (
        lambda: accelerate(of_each(sp.Sum(v[p[j]], (j, ptr[i], p[i])) ** 2), dict.fromkeys((p, ptr), np.zeros(3, int))),
        r"ptr\[.*\]\.\.p\[.*\]",
    ),
}  # fmt: skip
FUNCTIONS = {
    "undefined": (lambda: accelerate(of_each(F(q[i]))), r"F\(q\[i\]\)"),
    "not differentiable": (lambda: accelerate(of_each(sp.primepi(q[i]))), r"primepi\(q\[i\]\)"),
    "not compiled": (lambda: accelerate(of_each(sp.LambertW(q[i]))), r"LambertW has no compiled form, in LambertW"),
    "not real": (lambda: accelerate(of_each(sp.I * q[i])), r"I has no value in real arithmetic, in .*I"),
    "a product": (lambda: accelerate(T + sp.Product(q[i], EVERY)), r"Product\(q\[i\], \(i, 0, n - 1\)\)"),
    "a set": (
        lambda: accelerate(of_each(sp.Piecewise((q[i], sp.Contains(i, sp.Interval(0, 2))), (0, True)))),
        r"Contains\(i, Interval\(0, 2\)\) is not supported",
    ),
    "a set of values": (
        lambda: sd.compile({"y": sp.Piecewise((a, sp.Contains(a, sp.Interval(0, 2))), (0, True))}, [a]),
        r"Contains\(a, Interval\(0, 2\)\) is not supported",
    ),
    "an unknown symbol": (lambda: sd.compile({"y": a * b}, [a]), r"the symbol b in a\*b"),
    "a range of another": (lambda: sd.compile({"y": (x[i], (i, 0, j), (j, 0, n - 1))}, [x]), r"range i = 0\.\.j"),
    "layers": (lambda: sd.mlp([a], widths=[]), r"widths = \[\]"),
}  # fmt: skip
MOTION = {
    "speeds": (lambda: integrate(of_each(q[i] * v[i] ** 2), "verlet"), r"here they do on qdot"),
    "speeds under constraints": (
        lambda: integrate(T, "verlet", 0 * STATE, dissipation=T, constraints=[q[0]]), r"here these depend on qdot"),
    "a moving mass": (
        lambda: integrate(of_each(q[i] ** 2 * v[i] ** 2), "verlet", 0 * STATE, constraints=[q[0]]), r"depend on q and"),
    "no such step": (lambda: integrate(T, "midpoint", 0 * STATE, constraints=[q[0]]), r"constraints\[0\], q\[0\] = 0"),
    "no inertia": (lambda: sd.Lagrangian(DX**2 + Y**2, [X, Y], [DX, DY]).compile().acceleration([1, 1], [1, 1]), r"Y"),
    "no pair": (lambda: sd.Lagrangian(T, [q, X], [v]), r"\[q, X\] and \[qdot\]"),
    "constraint past the end": (
        lambda: accelerate(T, constraints=[(q[i] - q[i + 1], EVERY)]), r"q\[i \+ 1\] is 3 at i = 2"),
    "gathered constraint": (
        lambda: accelerate(T, P, constraints=[(q[p[i]] - 1, EVERY)]), r"q\[p\[i\]\] is 7 at i = 2"),
    "gathered mass": (
        lambda: accelerate(of_each(v[p[i]] ** 2), P, constraints=[q[0]]), r"qdot\[p\[i\]\] is 7 at i = 2"),
    "a bound beyond": (
        lambda: accelerate(T, {k: 4}, constraints=[(q[i], (i, 0, k - 1))]), r"q\[i\] is 3 at i = 3"),
}  # fmt: skip


@pytest.mark.parametrize("case, term", [*INDEXED.values(), *FUNCTIONS.values(), *MOTION.values()],
                         ids=[*INDEXED, *FUNCTIONS, *MOTION])  # fmt: skip
def test_the_term_stands_in_the_message(case, term):
    errors = (sd.SymbolicError, sd.CompileError, sd.SingularMatrixError, ValueError)
    with pytest.raises(errors, match=term):
        case()
