"""Lagrangian densities: field equations against SymPy's own, momenta, energy, Hamilton's equations of fields."""

import pickle

import pytest
import sympy as sp
from sympy.calculus.euler import euler_equations

import symdfi as sd

t = sd.t
x, y, m, c, g = sp.symbols("x y m c g")
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
psi = sp.Function("psi")(t, x)
bar = sp.conjugate(psi)

WAVE = u.diff(t) ** 2 / 2 - c**2 * u.diff(x) ** 2 / 2
SINE_GORDON = u.diff(t) ** 2 / 2 - u.diff(x) ** 2 / 2 - (1 - sp.cos(u))
PHI4 = u.diff(t) ** 2 / 2 - u.diff(x) ** 2 / 2 - g * (u**2 - 1) ** 2 / 4
KLEIN_GORDON = (w.diff(t) ** 2 - w.diff(x) ** 2 - w.diff(y) ** 2 - m**2 * w**2) / 2
KDV = u.diff(x) * u.diff(t) / 2 + u.diff(x) ** 3 - u.diff(x, 2) ** 2 / 2
BEAM = m * u.diff(t) ** 2 / 2 - c * u.diff(x, 2) ** 2 / 2
MAXWELL = (v.diff(t) + u.diff(x)) ** 2 / 2 - m * v**2
DRIVEN = sp.exp(-t) * (1 + x**2) * u.diff(t) ** 2 / 2 - u.diff(x) ** 4 - x * t * u
RAYLEIGH = u.diff(t) ** 2 / 2 + u.diff(t, x) ** 2 / 2 - u.diff(x, 2) ** 2 / 2
GYROSCOPIC = c * u.diff(t) ** 2 / 2 + v.diff(t) ** 2 / 2 + g * u.diff(t) * v.diff(t) + u * v.diff(t) - u.diff(x) ** 2
REAL_SCHROEDINGER = (v * u.diff(t) - u * v.diff(t)) / 2 - (u.diff(x) ** 2 + v.diff(x) ** 2 + x**2 * (u**2 + v**2)) / 4
MIXED = u.diff(t) ** 2 * (1 + v**2) / 2 + u.diff(x) * v.diff(t) * v - v.diff(x, 2) ** 2 * u
SCHROEDINGER = sp.I / 2 * (bar * psi.diff(t) - psi * bar.diff(t)) - sp.Abs(psi.diff(x)) ** 2 / 2 - x**2 * psi * bar / 2


@pytest.mark.parametrize(
    ("density", "fields", "variables"),
    [
        (WAVE, [u], [x]),
        (SINE_GORDON, [u], [x]),
        (PHI4, [u], [x]),
        (KLEIN_GORDON, [w], [x, y]),
        (KDV, [u], [x]),
        (BEAM, [u], [x]),
        (MAXWELL, [u, v], [x]),
        (DRIVEN, [u], [x]),
        (RAYLEIGH, [u], [x]),
        (GYROSCOPIC, [u, v], [x]),
        (REAL_SCHROEDINGER, [u, v], [x]),
        (MIXED, [u, v], [x]),
    ],
)
def test_field_equations_are_sympys(density, fields, variables):
    found = sd.LagrangianDensity(density, fields, variables)
    expected = euler_equations(density, fields, [t, *variables])
    for ours, theirs in zip(found.field_equations, expected, strict=True):
        assert ours.rhs == 0
        assert sp.simplify((ours.lhs - theirs.lhs).doit()) == 0


def test_the_equation_of_a_complex_field_is_that_of_its_two_real_ones():
    """With psi = q + i p: δL/δq + i δL/δp = 2 δL/δψ*."""
    q, p = sp.Function("q")(t, x), sp.Function("p")(t, x)
    potential = sp.cos(x) * g
    density = (
        sp.I / 2 * (bar * psi.diff(t) - psi * bar.diff(t))
        - sp.Abs(psi.diff(x)) ** 2 / 2
        - potential * sp.Abs(psi) ** 2
        - psi**2 * bar**2 / 2
    )
    (equation,) = sd.LagrangianDensity(density, psi, x).field_equations
    assert sp.expand(equation.lhs - (sp.I * psi.diff(t) + psi.diff(x, 2) / 2 - potential * psi - psi**2 * bar)) == 0
    square = q**2 + p**2
    two = p * q.diff(t) - q * p.diff(t) - (q.diff(x) ** 2 + p.diff(x) ** 2) / 2 - potential * square - square**2 / 2
    of_q, of_p = euler_equations(two, [q, p], [t, x])
    ours = equation.lhs.xreplace({bar: q - sp.I * p}).subs(psi, q + sp.I * p).doit()
    assert sp.expand(2 * ours - of_q.lhs - sp.I * of_p.lhs) == 0


def test_momenta_and_energy():
    sine_gordon = sd.LagrangianDensity(SINE_GORDON, [u], [x])
    assert sine_gordon.momenta == (u.diff(t),)
    assert sp.expand(sine_gordon.energy - (u.diff(t) ** 2 / 2 + u.diff(x) ** 2 / 2 + 1 - sp.cos(u))) == 0
    assert sd.LagrangianDensity(RAYLEIGH, u, x).momenta == (u.diff(t) - u.diff(t, x, x),)
    schroedinger = sd.LagrangianDensity(SCHROEDINGER, [psi], [x])
    assert schroedinger.momenta == (sp.I * bar / 2,)
    assert schroedinger.energy == psi.diff(x) * bar.diff(x) / 2 + x**2 * psi * bar / 2
    assert schroedinger.hamiltonian == schroedinger.energy
    born_infeld = sd.LagrangianDensity(-sp.sqrt(1 - u.diff(t) ** 2 + u.diff(x) ** 2), u, x)
    expected = (1 + u.diff(x) ** 2) / sp.sqrt(1 - u.diff(t) ** 2 + u.diff(x) ** 2)
    assert sp.simplify(born_infeld.energy - expected) == 0


@pytest.mark.parametrize(
    ("density", "fields"), [(WAVE, [u]), (PHI4, [u]), (BEAM, [u]), (DRIVEN, [u]), (GYROSCOPIC, [u, v])]
)
def test_hamiltonian_is_the_energy_at_the_rates_of_the_momenta(density, fields):
    found = sd.LagrangianDensity(density, fields, [x])
    put = dict(zip(found.momentum_fields, found.momenta, strict=True))
    assert sp.simplify(found.hamiltonian.subs(put) - found.energy) == 0


def test_a_legendre_map_that_is_not_linear_is_inverted():
    found = sd.LagrangianDensity(-sp.sqrt(1 - u.diff(t) ** 2 + u.diff(x) ** 2), u, x)
    (p,) = found.momentum_fields
    assert found.hamiltonian == sp.sqrt(1 + p**2) * sp.sqrt(1 + u.diff(x) ** 2)
    rate, _ = found.evolution_equations
    assert sp.simplify(rate.rhs - p * sp.sqrt(1 + u.diff(x) ** 2) / sp.sqrt(1 + p**2)) == 0


@pytest.mark.parametrize(
    ("density", "fields", "variables"),
    [
        (WAVE, [u], [x]),
        (SINE_GORDON, [u], [x]),
        (KLEIN_GORDON, [w], [x, y]),
        (BEAM, [u], [x]),
        (DRIVEN, [u], [x]),
        (GYROSCOPIC, [u, v], [x]),
    ],
)
def test_evolution_equations_eliminate_to_the_field_equations(density, fields, variables):
    """With p from u_t = f(u, p), what is left of p_t is a multiple of the field equations."""
    found = sd.LagrangianDensity(density, fields, variables)
    equations = found.evolution_equations
    assert [e.lhs for e in equations] == [f.diff(t) for f in (*fields, *found.momentum_fields)]
    put = dict(zip(found.momentum_fields, found.momenta, strict=True))
    for rate, at in zip(equations[: len(fields)], fields, strict=True):
        assert sp.simplify(rate.rhs.subs(put).doit() - at.diff(t)) == 0
    for rate, field_equation in zip(equations[len(fields) :], found.field_equations, strict=True):
        left = rate.rhs.subs(put).doit() - rate.lhs.subs(put).doit()
        assert sp.simplify(left - field_equation.lhs.doit()) == 0


def test_densities_linear_in_the_rates_are_solved_for_them():
    (schroedinger,) = sd.LagrangianDensity(SCHROEDINGER, [psi], [x]).evolution_equations
    assert schroedinger.lhs == psi.diff(t)
    assert sp.expand(schroedinger.rhs - sp.I * (psi.diff(x, 2) / 2 - x**2 * psi / 2)) == 0
    # The common short form differs by a divergence.
    short = sp.I * bar * psi.diff(t) - sp.Abs(psi.diff(x)) ** 2 / 2 - x**2 * sp.Abs(psi) ** 2 / 2
    (same,) = sd.LagrangianDensity(short, [psi], [x]).evolution_equations
    assert sp.expand(same.rhs - schroedinger.rhs) == 0
    first, second = sd.LagrangianDensity(REAL_SCHROEDINGER, [u, v], [x]).evolution_equations
    assert sp.expand(first.rhs - (-v.diff(x, 2) + x**2 * v) / 2) == 0
    assert sp.expand(second.rhs - (u.diff(x, 2) - x**2 * u) / 2) == 0


def test_a_symplectic_matrix_that_depends_on_the_fields():
    density = (1 + u**2) * v * u.diff(t) - u.diff(x) ** 2 / 2 - v**2 * g
    found = sd.LagrangianDensity(density, [u, v], [x])
    first, second = found.evolution_equations
    assert sp.simplify(first.rhs - 2 * g * v / (1 + u**2)) == 0
    assert sp.simplify(second.rhs - u.diff(x, 2) / (1 + u**2)) == 0


def test_evolution_is_an_equation_of_all_fields_and_momenta():
    found = sd.LagrangianDensity(GYROSCOPIC, [u, v], [x])
    pde = found.evolution()
    assert pde.fields == (u, v, *found.momentum_fields)
    assert pde.right_sides == tuple(e.rhs for e in found.evolution_equations)
    assert pde.parameters == (c, g)
    assert pde.complex == (False,) * 4
    assert sd.LagrangianDensity(SCHROEDINGER, [psi], [x]).evolution().complex == (True,)


def test_fields_of_both_kinds():
    """Klein-Gordon-Schroedinger (Yukawa): a complex field of first order, a real one of second."""
    density = (
        sp.I / 2 * (bar * psi.diff(t) - psi * bar.diff(t))
        - sp.Abs(psi.diff(x)) ** 2 / 2
        + (u.diff(t) ** 2 - u.diff(x) ** 2 - m**2 * u**2) / 2
        + g * u * sp.Abs(psi) ** 2
    )
    found = sd.LagrangianDensity(density, [psi, u], [x])
    (p,) = found.momentum_fields
    of_psi, of_u, of_p = found.evolution_equations
    assert [e.lhs for e in (of_psi, of_u, of_p)] == [psi.diff(t), u.diff(t), p.diff(t)]
    assert sp.expand(of_psi.rhs - sp.I * (psi.diff(x, 2) / 2 + g * u * psi)) == 0
    assert of_u.rhs == p
    assert sp.expand(of_p.rhs - (u.diff(x, 2) - m**2 * u + g * psi * bar)) == 0


def test_complex_fields_of_second_order():
    density = sp.Abs(psi.diff(t)) ** 2 - sp.Abs(psi.diff(x)) ** 2 - m**2 * sp.Abs(psi) ** 2
    found = sd.LagrangianDensity(density, [psi], [x])
    (p,) = found.momentum_fields
    assert found.hamiltonian == p * sp.conjugate(p) + psi.diff(x) * bar.diff(x) + m**2 * psi * bar
    of_psi, of_p = found.evolution_equations
    assert of_psi.rhs == sp.conjugate(p)
    assert found.evolution().complex == (True, True)
    assert sp.expand(of_p.rhs - (bar.diff(x, 2) - m**2 * bar)) == 0


def test_korteweg_de_vries_is_the_equation_of_the_slope():
    (equation,) = sd.LagrangianDensity(KDV, [u], [x]).evolution_equations
    field = equation.lhs.expr
    assert sp.expand(equation.rhs + 6 * field * field.diff(x) + field.diff(x, 3)) == 0
    pde = sd.LagrangianDensity(KDV, [u], [x]).evolution()
    assert pde.field == field


def test_parameters_and_pickling():
    density = sd.LagrangianDensity(WAVE, u, x)
    assert density.parameters == (c,)
    assert sd.LagrangianDensity(WAVE, u, x, parameters=[g, c]).parameters == (g, c)
    assert pickle.loads(pickle.dumps(density)).field_equations == density.field_equations
    with pytest.raises(sd.SymbolicError, match="the symbol c of the density is neither a variable nor a parameter"):
        sd.LagrangianDensity(WAVE, u, x, parameters=[g])


@pytest.mark.parametrize(
    ("density", "fields", "message"),
    [
        (WAVE + v, [u], r"holds v\(t, x\), which is none of the fields"),
        (WAVE + sp.Function("u")(t, x + 1), [u], r"holds u\(t, x \+ 1\), which is none of the fields"),
        (u * u.diff(t, 2), [u], r"the time derivative Derivative\(u\(t, x\), \(t, 2\)\): only first ones"),
        (u.diff(x) * u.diff(t, 2, x), [u], "only first ones are supported"),
        (WAVE, [u, v], r"does not depend on the field v\(t, x\)"),
        (WAVE + sp.Integral(u, (x, 0, 1)), [u], r"the density holds Integral\(u\(t, x\), \(x, 0, 1\)\)"),
        (WAVE + sp.IndexedBase("k")[0] * u, [u], r"the density holds k\[0\]"),
        (sp.I * psi.diff(t) * bar + sp.I * psi * bar, [psi], "is not real"),
        (sp.I * u.diff(t) ** 2, [u], "is not real"),
        (WAVE, [u, u], "two of the fields are named u"),
        (WAVE, [w], r"a field is a function of t and x, not w\(t, x, y\)"),
        (WAVE, [c], "a field is a function of t and x, not c"),
        (WAVE, [], "at least one field"),
    ],
)
def test_what_is_no_density_is_refused(density, fields, message):
    with pytest.raises(sd.SymbolicError, match=message):
        sd.LagrangianDensity(density, fields, [x])


def test_text_is_not_evaluated():
    with pytest.raises(TypeError, match="the density is the text"):
        sd.LagrangianDensity("u(t, x)**2", [u], [x])
    with pytest.raises(TypeError, match="fields"):
        sd.LagrangianDensity(WAVE, ["u"], [x])
    with pytest.raises(TypeError, match="variables"):
        sd.LagrangianDensity(WAVE, [u], "x")


@pytest.mark.parametrize(
    ("density", "fields", "message"),
    [
        (MAXWELL, [u, v], r"do not tell the rate of u\(t, x\)"),
        ((u.diff(t) + v.diff(t)) ** 2 - u**2 - v**2, [u, v], "Legendre map of .* is singular"),
        (u.diff(x) ** 2, [u], r"do not tell the rate of u\(t, x\)"),
        (u.diff(t) * v.diff(t) ** 2, [u, v], "Legendre map of .* does not invert"),
        (RAYLEIGH, [u], "is a differential operator"),
        (KDV - u**2, [u], "space derivatives act on the rates"),
        (u.diff(t) ** 4 + u.diff(t) ** 2, [u], "does not invert in closed form"),
    ],
)
def test_what_has_no_evolution_equations_is_refused(density, fields, message):
    with pytest.raises(sd.SymbolicError, match=message):
        _ = sd.LagrangianDensity(density, fields, [x]).evolution_equations
