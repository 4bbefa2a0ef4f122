"""What is done with a model that states an evolution equation, whatever its domain and its conditions."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.plotting import plot_field
from symdfi.running import COMMON, EvolutionModel, Exact

x, y, z = sp.symbols("x y z", real=True)
u = sp.Function("u")(sd.t, x)
a = sp.symbols("a:7")
MODE = sp.exp(-sd.t) * sp.sin(x)


def rod(s):
    """Heat in a rod whose ends are kept at 0 by rows: the polynomials know nothing of them."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(x, 2)))
    ansatz = sd.Ansatz(sum(one * sp.legendre(n, 2 * x / sp.pi - 1) for n, one in enumerate(a)), [x], a)
    ends = sd.BoundaryCondition(sp.Eq(u, 0)) if s["held"] else "in the ansatz"  # which is not so
    return sd.Problem(equation, ansatz, sd.Box([(0, sp.pi)]), sd.GaussLegendre(int(s["points"])), boundary=ends)


ROD = EvolutionModel(
    name="rod",
    title="Heat in a rod",
    description="Its ends are cold.",
    defaults={**COMMON, "T": 0.2, "dt": 1e-2, "dt_start": 1e-2, "saves": 2, "points": 12, "mu": "memory", "held": 1},
    build=rod,
    profile=lambda s: sp.sin(x),
    measure=Exact(MODE),
    lipschitz=lambda s: -1.0,
)


def test_boundary_conditions_are_rows():
    held, free = (ROD.run({"held": one}).dataset for one in (1, 0))
    assert held["relative_error"].values.max() <= 1e-3
    assert free["relative_error"].values.max() >= 10 * held["relative_error"].values.max()
    shown = ROD.show()
    assert "Boundary conditions\nu(t, x) = 0" in shown
    assert "x from 0 to 3.142\n7 parameters, 12 points" in shown


def test_the_error_bound_is_by_the_constant_that_is_known():
    result = ROD.run({})
    data = result.dataset
    assert "times the error" in dict(result.summary)["error bound at T"]
    assert data["error_bound"].attrs["lipschitz"] == -1.0
    exact = np.sqrt(np.pi / 2) * np.exp(-data["time"].values)  # ‖sin x‖
    np.testing.assert_allclose(data["error"], data["relative_error"].values * exact, rtol=1e-6)
    assert (data["error_bound"].values >= data["error"].values).all()


def test_settings_that_are_a_number_or_a_word():
    assert (ROD.settings["gamma"], ROD.settings["mu"]) == ("1e-09", "memory")
    numbers = ROD.run({"gamma": "budget", "mu": "0.5"}).dataset
    assert numbers["relative_error"].values.max() <= 1e-3
    for setting, value in (("gamma", "nan"), ("gamma", "-1"), ("mu", "1.5"), ("mu", "budget")):
        with pytest.raises(ValueError, match=f"the setting {setting} = {value} must be a number"):
            ROD.run({setting: value})


def test_more_dimensions_than_can_be_drawn():
    w = sp.Function("w")(sd.t, x, y, z)
    ansatz = sd.Ansatz(a[0] * sp.cos(x) * sp.cos(y) * sp.cos(z), [x, y, z], [a[0]])
    model = EvolutionModel(
        name="cube",
        title="Decay in a cube",
        description="",
        defaults={**COMMON, "T": 0.1, "dt": 1e-2, "dt_start": 1e-2, "saves": 1, "points": 4},
        build=lambda s: sd.Problem(
            sd.EvolutionEquation(sp.Eq(w.diff(sd.t), w.diff(x, 2) + w.diff(y, 2) + w.diff(z, 2))),
            ansatz, sd.Box([(-sp.pi, sp.pi)] * 3, periodic=True), sd.Grid(int(s["points"])),
        ),
        profile=lambda s: sp.cos(x) * sp.cos(y) * sp.cos(z),
        measure=Exact(lambda s, at, t: np.exp(-3 * t) * np.cos(at).prod(axis=1)),
    )  # fmt: skip
    result = model.run({})
    assert result.dataset["relative_error"].values.max() <= 1e-6
    assert "u" not in result.dataset
    assert [axis.get_title() for axis in plot_field(result.dataset).axes] == ["residual and error"]
    assert "x, y, z from -3.142 to 3.142, periodic" in model.show()
