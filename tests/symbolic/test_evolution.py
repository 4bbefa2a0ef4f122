"""Evolution equations ∂ₜu = f: what they hold, and what they refuse."""

import pytest
import sympy as sp

import symdfi as sd

t = sd.t
X, Y, nu, c = sp.symbols("x y nu c")
u = sp.Function("u")(t, X, Y)
v = sp.Function("v")(t, X, Y)


def equation(f):
    return sd.EvolutionEquation(sp.Eq(u.diff(t), f, evaluate=False))


def test_parts():
    pde = equation(nu * (u.diff(X, 2) + u.diff(Y, 2)) - c * u * u.diff(X) + sp.sin(t) * X)
    assert pde.field == u
    assert pde.variables == (X, Y)
    assert pde.parameters == (c, nu)
    assert pde.derivatives == ((), (X,), (X, X), (Y, Y))


def test_values_are_put_in():
    pde = equation(u.diff(Y, X) * u + u.diff(X) ** 2)
    a, b, d = sp.symbols("a b d")
    assert pde.with_values({u: {(): a, (X,): b, (X, Y): d}}) == (a * d + b**2,)


def test_derivatives_left_undone_are_carried_out():
    flux = equation(-sp.Derivative(u**2 / 2, X) + sp.Derivative(nu * sp.Derivative(u, X), X) + X)
    assert sp.expand(flux.rhs - (-u * u.diff(X) + nu * u.diff(X, 2) + X)) == 0


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (u.diff(t) + u, "time derivative"),
        (u.diff(t, X), "time derivative"),
        (v.diff(X), r"v\(t, x, y\), which is not the field u\(t, x, y\)"),
        (sp.Function("u")(t, X + 1, Y), r"u\(t, x \+ 1, y\), which is not the field"),
        (sp.IndexedBase("k")[0] * u, r"the right side holds k\[0\]"),
    ],
)
def test_what_is_no_evolution_equation_is_refused(f, message):
    with pytest.raises(sd.SymbolicError, match=message):
        equation(f)


@pytest.mark.parametrize(
    ("lhs", "rhs", "f"),
    [
        (u.diff(t) + u * u.diff(X), 0, -u * u.diff(X)),
        (0, 2 * u.diff(t) - u, u / 2),
        (u.diff(X, 2), c * u.diff(t), u.diff(X, 2) / c),
        (u.diff(t), u.diff(X) - u * u.diff(t), u.diff(X) / (1 + u)),
        (sp.Derivative(u**2 / 2, t), X * u, X),
        (sp.Derivative(X * u, t) + sp.Derivative(u**2, X), sp.sin(t), (sp.sin(t) - 2 * u * u.diff(X)) / X),
        ((1 + u.diff(t)) ** 2, u.diff(t) ** 2, -sp.Rational(1, 2)),
    ],
)
def test_an_equation_linear_in_the_rate_is_solved_for_it(lhs, rhs, f):
    pde = sd.EvolutionEquation(sp.Eq(lhs, rhs, evaluate=False))
    assert pde.field == u
    assert sp.simplify(pde.rhs - f) == 0


@pytest.mark.parametrize(
    ("lhs", "rhs", "message"),
    [
        (u.diff(t, 2), u, r"Derivative\(u\(t, x, y\), \(t, 2\)\) is not the first time derivative"),
        (u.diff(t) + u.diff(t, X), u, "is not the first time derivative"),
        (u.diff(X), u, "holds no time derivative"),
        (sp.Symbol("w"), u, "holds no time derivative"),
        (u.diff(t) ** 2, u, r"is not linear in the time derivative Derivative\(u\(t, x, y\), t\)"),
        (sp.exp(u.diff(t)), u, "is not linear"),
        (u.diff(t) * ((X + 1) ** 2 - X**2 - 2 * X - 1), u, "cancels"),
        (u.diff(t) + v.diff(t), 0, "more than one time derivative"),
        (u.diff(t) + v, 0, r"v\(t, x, y\), which is not the field"),
    ],
)
def test_other_equations_are_refused(lhs, rhs, message):
    with pytest.raises(sd.SymbolicError, match=message):
        sd.EvolutionEquation(sp.Eq(lhs, rhs, evaluate=False))


def test_what_is_no_equation_in_a_field_is_refused():
    with pytest.raises(sd.SymbolicError, match="an evolution equation is Eq"):
        sd.EvolutionEquation(sp.Eq(u.diff(t), u.diff(t)))
    with pytest.raises(sd.SymbolicError, match="must be a function of t and space variables"):
        w = sp.Function("w")(t)
        sd.EvolutionEquation(sp.Eq(w.diff(t), -w))


def test_several_fields_each_in_all_of_them():
    pde = sd.EvolutionEquation([sp.Eq(u.diff(t), v), sp.Eq(v.diff(t), u.diff(X, 2) + nu * v.diff(Y) - sp.sin(u))])
    assert pde.fields == (u, v)
    assert pde.names == ("u", "v")
    assert pde.right_sides == (v, u.diff(X, 2) + nu * v.diff(Y) - sp.sin(u))
    assert pde.derivatives_of(u) == ((), (X, X))
    assert pde.derivatives_of(v) == ((), (Y,))
    assert pde.parameters == (nu,)
    a, b, d, e = sp.symbols("a b d e")
    assert pde.with_values({u: {(): a, (X, X): b}, v: {(): d, (Y,): e}}) == (d, b + nu * e - sp.sin(a))
    for name in ("field", "rhs", "derivatives"):
        with pytest.raises(sd.SymbolicError, match="there are several fields"):
            getattr(pde, name)


def test_one_equation_in_a_list_is_that_equation():
    one = sp.Eq(u.diff(t), u.diff(X))
    assert sd.EvolutionEquation([one]) == sd.EvolutionEquation(one)


@pytest.mark.parametrize(
    ("equations", "sides"),
    [
        ([sp.Eq(u.diff(t) + v.diff(t), X), sp.Eq(u.diff(t) - v.diff(t), u)], ((X + u) / 2, (X - u) / 2)),
        ([sp.Eq(u.diff(t), v), sp.Eq(v.diff(t) + c * u.diff(t), u.diff(X))], (v, u.diff(X) - c * v)),
        ([sp.Eq(u.diff(t), v * v.diff(t)), sp.Eq(v.diff(t), u)], (u * v, u)),
        ([sp.Eq(v, u.diff(t)), sp.Eq(2 * v.diff(t), -u)], (v, -u / 2)),
        ([sp.Eq(sp.Derivative(u * v, t), 0), sp.Eq(u.diff(t), v)], (v, -(v**2) / u)),
    ],
)
def test_systems_linear_in_the_rates_are_solved_for_them(equations, sides):
    pde = sd.EvolutionEquation(equations)
    found = dict(zip(pde.fields, pde.right_sides, strict=True))
    for field, side in zip((u, v), sides, strict=True):
        assert sp.simplify(found[field] - side) == 0


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        ([], "the list of them is empty"),
        ([sp.Eq(u.diff(t), v)], r"v\(t, x, y\), which is not the field u"),
        ([sp.Eq(u.diff(t), v), sp.Eq(u.diff(t), u)], "2 equations hold only the time derivatives"),
        ([sp.Eq(u.diff(t), v), sp.Eq(u, v)], "holds no time derivative"),
        ([sp.Eq(u.diff(t), v), sp.Eq(v.diff(t, 2), u)], "is not the first time derivative"),
        ([sp.Eq(u.diff(t) + v.diff(t), X), sp.Eq(2 * u.diff(t) + 2 * v.diff(t), u)], "do not determine"),
        ([sp.Eq(u.diff(t) * v.diff(t), X), sp.Eq(u.diff(t), u)], "is not linear in the time derivative"),
        ([sp.Eq(u.diff(t), v), sp.Eq(v.diff(t), sp.Function("w")(t, X, Y))], "which is none of the fields"),
        ([sp.Eq(u.diff(t), 1), sp.Eq(sp.Function("w")(t, X).diff(t), 1)], "are functions of different variables"),
        ([sp.Eq(u.diff(t), 1), sp.Eq(sp.Function("u")(t, Y, X).diff(t), 1)], "two fields are named u"),
        ([sp.Eq(u.diff(t), v), v], "an evolution equation is Eq"),
    ],
)
def test_systems_that_do_not_fit_are_refused(equations, message):
    with pytest.raises(sd.SymbolicError, match=message):
        sd.EvolutionEquation(equations)
