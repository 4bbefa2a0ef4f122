"""What is done with a model that states an evolution equation, whatever its domain and its conditions."""

from dataclasses import replace

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
    defaults={**COMMON, "T": 0.2, "dt": 1e-2, "saves": 2, "points": 12, "mu": "memory", "held": 1},
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


DECAY = EvolutionModel(
    name="decay",
    defaults={"T": 1e-3, "dt": 1e-5, "saves": 4},
    build=sd.Problem(
        sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u)), sd.Ansatz(a[0] * sp.sin(x), [x], [a[0]]), sd.Box([(0, 1)]),
        sd.GaussLegendre(8),
    ),
    profile=sp.sin(x),
    measure=Exact(lambda s, at, t: np.exp(-t) * np.sin(at)),
)  # fmt: skip


def test_steps_are_as_long_as_they_are_set():
    """However short they are; and at first as another setting says, where there is one."""
    assert dict(DECAY.run({}).summary)["steps"] == "100"
    early = replace(DECAY, defaults={"T": 1.0, "dt": 0.05, "saves": 10, "dt_start": 0.02, "t_start": 0.25}).run({})
    assert dict(early.summary)["steps"] == str(3 * 5 + 7 * 2)
    np.testing.assert_allclose(early.dataset["time"], np.linspace(0, 1, 11))
    with pytest.raises(ValueError, match="dt_start and t_start go together"):
        replace(DECAY, defaults={"dt_start": 0.02}).run({})


def test_no_result_says_that_it_was_made_with_what_nobody_reads():
    own = replace(DECAY, stepper=sd.DiracFrenkel(gamma=0.0))
    settings = own.run({}).dataset.attrs["settings"]
    assert "dt = 1e-05" in settings
    assert not any(f"{name} = " in settings for name in ("points", "gamma", "mu", "scheme"))
    assert "gamma = 1e-09" in DECAY.run({}).dataset.attrs["settings"]
    with pytest.raises(
        ValueError, match=r"the setting gamma has no effect: the model decay does not read s\['gamma'\]"
    ):
        own.run({"gamma": "1e-8"})


def test_more_dimensions_than_can_be_drawn():
    w = sp.Function("w")(sd.t, x, y, z)
    ansatz = sd.Ansatz(a[0] * sp.cos(x) * sp.cos(y) * sp.cos(z), [x, y, z], [a[0]])
    model = EvolutionModel(
        name="cube",
        title="Decay in a cube",
        description="",
        defaults={**COMMON, "T": 0.1, "dt": 1e-2, "saves": 1, "points": 4},
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
