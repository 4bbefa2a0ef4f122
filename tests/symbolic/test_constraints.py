"""Constraints as they are given, and the equations of motion with their multipliers."""

import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.symbolic.lagrangian import Lagrangian

n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
m, g, length = sp.symbols("m g l", positive=True)
x, xd = sd.coordinates("x")
y, yd = sd.coordinates("y")
X, V = sd.coordinates("X", (n, 3))
PLANE = m * (xd**2 + yd**2) / 2 - m * g * y
BEADS = sp.Sum(m * V[i, k] ** 2 / 2, (i, 0, n - 1), (k, 0, 2))


def test_forces_of_constraints() -> None:
    """M q̈ = F + Gᵀλ, from an expression and from an equation alike."""
    for constraint in (x**2 + y**2 - length**2, sp.Eq(x**2 + y**2, length**2)):
        system = Lagrangian(PLANE, [x, y], [xd, yd], constraints=[constraint])
        (multiplier,) = system.multipliers
        xdd, ydd = sp.Symbol("xddot", real=True), sp.Symbol("yddot", real=True)
        expected = [m * xdd - 2 * multiplier * x, m * ydd + m * g - 2 * multiplier * y]
        assert [sp.expand(e.lhs - e.rhs - w) for e, w in zip(system.euler_lagrange, expected, strict=True)] == [0, 0]
        assert sp.expand(system.constraint_equations[0].lhs - (x**2 + y**2 - length**2)) == 0
        assert system.parameters == (g, length, m)
        assert "lambda" in sp.latex(system.euler_lagrange[0])
        assert not system.energy.has(multiplier)


def test_functions_of_time() -> None:
    q1, q2 = dynamicsymbols("q1 q2")
    L = m * (q1.diff() ** 2 + q2.diff() ** 2) / 2
    system = Lagrangian(L, [q1, q2], constraints=[q1**2 - q2, q1.diff() * sp.sin(q2) - q2.diff()])
    first, second = system.multipliers
    assert [c.is_holonomic for c in system.constraints] == [True, False]
    forces = [2 * first * q1 + second * sp.sin(q2), -first - second]
    assert [sp.simplify(e.rhs - w) for e, w in zip(system.euler_lagrange, forces, strict=True)] == [0, 0]


@pytest.mark.parametrize("size", [3, 5])
def test_indexed_forces(size: int) -> None:
    """Bonds of a chain of beads: the formula in free indices, against the bonds written out."""
    bonds = (sp.Sum((X[i + 1, k] - X[i, k]) ** 2, (k, 0, 2)) - length**2, (i, 0, n - 2))
    system = Lagrangian(BEADS, X, V, constraints=[bonds])
    (multiplier,) = system.multipliers
    assert multiplier.shape == (n - 1,)
    (row,) = system.indices
    for bead in range(size):
        for axis in range(3):
            found = system.euler_lagrange[0].rhs.subs(n, size).subs(dict(zip(row, (bead, axis), strict=True))).doit()
            near = [b for b in (bead - 1, bead) if 0 <= b < size - 1]
            want = sum(multiplier[b] * ((X[b + 1, axis] - X[b, axis]) * 2 * (1 if b < bead else -1)) for b in near)
            assert sp.expand(found - want).subs(n, size) == 0


def test_names_of_multipliers() -> None:
    taken = sp.Symbol("lambda", positive=True)
    system = Lagrangian(PLANE, [x, y], [xd, yd], constraints=[x**2 + y**2 - taken**2])
    assert system.multipliers[0].name == "lambda_1"


def test_hamiltonian() -> None:
    """ṗ = −∂H/∂q holds with the constraint's force."""
    system = Lagrangian(PLANE, [x, y], [xd, yd], constraints=[x**2 + y**2 - length**2])
    (multiplier,), H = system.multipliers, system.hamiltonian
    assert sp.expand(-sp.diff(H, x) - 2 * multiplier * x) == 0
    rolling = Lagrangian(PLANE, [x, y], [xd, yd], constraints=[xd - y * yd])
    with pytest.raises(sd.SymbolicError, match=r"constraints\[0\], .*xdot.* = 0 is nonholonomic"):
        _ = rolling.hamiltonian


a = sp.IndexedBase("a", shape=(n,))
push = sp.Symbol("push", real=True)
REFUSED = {
    "nothing moves": (length - 1, "depends on no coordinate and no velocity"),
    "never": (sp.Eq(1, 2, evaluate=True), "never holds"),
    "always": (sp.S.true, "always holds"),
    "no equation": (x > y, "is no equation"),
    "unknown": (x - sp.Symbol("c"), r"the symbol c of constraints\[0\], -c \+ x = 0 is no"),
    "acceleration": (xd - sp.Symbol("xddot", real=True), "holds the acceleration"),
    "input": (x - push, "depends on the input push"),
    "no limits": (X[i, 0], r"index i has no limits"),
    "idle index": ((X[0, 0], (i, 0, n - 1)), "does not depend on i"),
    "half a limit": ((X[i, 0], (i, 0)), "no \\(index, lower, upper\\)"),
    "triangle": ((X[i, 0] - X[j, 0], (i, 0, n - 1), (j, 0, i)), "depends on another index"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    constraint, message = REFUSED[case]
    L = PLANE + BEADS + push * x
    with pytest.raises(sd.SymbolicError, match=r"constraints\[0\].*|unknown") as caught:
        Lagrangian(
            L, [x, y, X], [xd, yd, V], parameters=[m, g, length], inputs=[push], constraints=[constraint]
        )  # fmt: skip
    caught.match(message)


def test_text_is_not_evaluated() -> None:
    with pytest.raises(TypeError, match=r"constraints\[0\] is the text"):
        Lagrangian(PLANE, [x, y], [xd, yd], constraints=["x"])
    with pytest.raises(TypeError, match="a limit"):
        Lagrangian(BEADS, X, V, constraints=[(X[i, 0], (i, "0", "n"))])
    with pytest.raises(TypeError, match="list of constraints"):
        Lagrangian(PLANE, [x, y], [xd, yd], constraints=x - y)


def test_two_that_are_one() -> None:
    with pytest.raises(sd.SymbolicError, match=r"constraints\[1\], -x \+ y = 0 repeats constraints\[0\], x - y = 0"):
        Lagrangian(PLANE, [x, y], [xd, yd], constraints=[x - y, y - x])
    with pytest.raises(sd.SymbolicError, match="contradicts .* they differ by 1"):
        Lagrangian(PLANE, [x, y], [xd, yd], constraints=[x - y, x - y - 1])
    with pytest.raises(sd.SymbolicError, match="repeats"):
        Lagrangian(BEADS, X, V, constraints=[(X[i, 0], (i, 0, n - 1)), (X[j, 0], (j, 0, n - 1))])
