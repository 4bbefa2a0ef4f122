"""The models that are evolution equations."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import models, results
from symdfi.plotting import plot_rivals


def run(name, initial=None, **settings):
    model = models.load(name)
    return model.run({**model.settings, **settings}, initial)


def test_advection_with_redundant_units():
    result = run("advection")
    assert result.dataset["relative_error"].values[0] <= 1e-12
    assert result.dataset["relative_error"].values.max() <= 1e-7
    assert dict(result.summary)["reference"] == "exact solution"
    assert dict(result.summary)["parameters"] == "12"
    assert len(result.figure().axes) == 4


def test_a_network():
    """The beginning, where the profile moves fastest. (That of Burgers' equation is V6, of two fields below.)"""
    result = run("allen_cahn", T=0.3, saves=3)
    assert result.dataset.sizes["time"] == 4
    assert result.dataset["relative_error"].values.max() <= 1e-4
    assert (np.diff(result.dataset["error_bound"].values) > 0).all()


def test_a_breather_keeps_its_energy():
    result = run("sine_gordon", T=1.0, saves=5, widths="6", points=160)
    assert dict(result.summary)["reference"] == "exact solution"
    assert result.dataset["relative_error"].values.max() <= 2e-3
    energy = result.dataset["energy"]
    assert energy.attrs["role"] == "invariant"
    assert energy.values == pytest.approx(16 * 0.6, rel=1e-5)
    assert [axis.get_title() for axis in result.figure().axes].count("drift of what is conserved") == 1


def test_a_state_shared_by_equal_units():
    settings = {"squeezing": 1.3, "q": -1.0}
    result = run("schrodinger", T=0.5, saves=5, dt=0.02, **settings)
    assert result.dataset["relative_error"].values.max() <= 1e-6
    assert result.dataset["norm"].values == pytest.approx(1, rel=1e-6)
    s = settings["squeezing"]
    assert result.dataset["energy"].values == pytest.approx((s + 1 / s) / 4 + (1 + 0.25) / 2, rel=1e-6)
    assert {"Re ψ(x, t)", "|ψ|²(x, t)"} <= {axis.get_title() for axis in result.figure().axes}
    assert models.load("schrodinger").problem({"units": 3}).ansatz.count == 3 * 6


@pytest.fixture(scope="module")
def collision():
    return run("colliding_waves", T=4.0, saves=8, dt=0.05)


def test_waves_collide(collision):
    """By DFI to rounding; Dirac–Frenkel stays where they meet whatever its threshold, Tikhonov is off at its best."""
    data = collision.dataset
    assert data["relative_error"].values.max() <= 1e-12
    truncated, tikhonov = data["rival_error"].values[:, :, -1]
    assert (truncated >= 0.5).all()
    assert 1e-6 <= tikhonov.min() <= 1e-2
    before = data["time"].values < 2
    assert data["rival_error"].values[0][:, before].max() <= 1e-12
    stuck = data["rival_u"].isel(method=0, time=[4, -1]).values
    assert stuck[1] == pytest.approx(stuck[0], abs=1e-12)
    assert dict(collision.summary)["Tikhonov, best of 11"].startswith(f"{tikhonov.min():.2e} with γ = ")


def test_a_picture_of_rivals(collision, tmp_path):
    assert len(collision.figure().axes) == 7
    again = results.load(results.save(collision.dataset, tmp_path / "data.nc"))
    assert plot_rivals(again).axes[1].get_title().startswith("Dirac–Frenkel")
    alone = plot_rivals(collision.dataset.drop_vars("rival_error"))  # what a run that was interrupted leaves
    assert "residual and error" in {axis.get_title() for axis in alone.axes}


def test_rivals_that_break_off(monkeypatch):
    """They are no rivals, and no failure of the run."""

    def step(self, solves, motion, time, h):
        raise sd.DivergenceError("far off")

    monkeypatch.setattr(sd.DiracFrenkel, "step", step)
    result = run("colliding_waves", T=0.2, saves=2, dt=0.1)
    assert np.isnan(result.dataset["rival_error"].values).all()
    assert dict(result.summary)["Tikhonov, best of 11"] == "none comes to the end"
    assert len(result.figure().axes) == 7


@pytest.mark.parametrize(
    "name",
    [
        "burgers",
        "allen_cahn",
        "advection",
        "rotating_detonation",
        "kdv",
        "sine_gordon",
        "schrodinger",
        "colliding_waves",
    ],
)
def test_show(name):
    model = models.load(name)
    assert "Dirac–Frenkel dynamics with inertia" in model.show()
    for field in model.problem().equation.fields:
        assert rf"\frac{{\partial}}{{\partial t}} {sp.latex(field)} =" in model.show(latex=True)
    assert "def kernel(" in model.show(source=True)


def test_bad_settings_are_refused():
    for name, setting, value in (
        ("burgers", "nu", -1.0),
        ("allen_cahn", "kappa", 0.0),
        ("advection", "T", 0.0),
        ("burgers", "nu", np.nan),
    ):
        with pytest.raises(ValueError, match=f"the setting {setting} = {value} must be positive"):
            run(name, **{setting: value})
    with pytest.raises(ValueError, match="the setting epsilon = 0.0 must be positive"):
        run("colliding_waves", epsilon=0.0)
    with pytest.raises(ValueError, match="widths = '9;9': write it as 9,9,9"):
        run("burgers", widths="9;9")
    with pytest.raises(ValueError, match="the setting mu = full must be a number from 0 to 1, or memory"):
        run("burgers", mu="full")
    with pytest.raises(ValueError, match="gamma = tiny must be a number 0 or more, or budget"):
        run("burgers", gamma="tiny")


def test_a_file_of_samples_is_of_one_field(tmp_path):
    with pytest.raises(ValueError, match="rotating_detonation has the fields eta, lambda: a file gives one field"):
        run("rotating_detonation", tmp_path / "a.csv")


def test_every_field_has_a_row_of_its_own():
    result = run("rotating_detonation", T=0.1, saves=2, widths="5,5", points=128)
    assert result.dataset["relative_error"].values.max() <= 2e-3
    assert (np.diff(result.dataset["error_bound"].values) > 0).all()
    assert result.dataset["eta"].dims == result.dataset["lambda"].dims == ("time", "x")
    assert len(result.figure().axes) == 7  # a map with its colours and profiles each, and the residual


def two_bumps(x):
    return np.exp(-((x + 1) ** 2)) + 0.5 * np.exp(-((x - 2) ** 2) / 2)


def test_initial_data_is_fitted_evolved_and_measured(tmp_path):
    """Written with both ends, unequally spaced and out of order; as text and as an array."""
    x = np.linspace(-10, 10, 161)
    x[1:-1] += 0.03 * np.sin(5 * x[1:-1])
    order = np.random.default_rng(0).permutation(x.size)
    data = np.stack([x, two_bumps(x)], axis=1)[order]
    np.savetxt(tmp_path / "a.csv", data, delimiter=", ", header="x, u0", comments="")
    np.save(tmp_path / "a.npy", data)
    result = run("advection", tmp_path / "a.csv", T=1.0, saves=5)
    rows = dict(result.summary)
    assert rows["initial data"].startswith("161 samples of")
    assert float(rows["fit error at the samples"]) <= 1e-4
    assert result.dataset["relative_error"].values.max() <= 1e-3
    at, u = result.dataset["x"].values, result.dataset["u"].isel(time=-1).values
    spread = 1 + 0.4
    exact = np.exp(-(at**2) / spread) / np.sqrt(spread)
    spread = 2 + 0.4
    exact += 0.5 * np.sqrt(2 / spread) * np.exp(-((at - 3) ** 2) / spread)
    assert np.linalg.norm(u - exact) / np.linalg.norm(exact) <= 1e-3
    other = run("advection", tmp_path / "a.npy", T=0.01, saves=1)
    assert dict(other.summary)["fit error at the samples"] == rows["fit error at the samples"]
    np.testing.assert_allclose(other.dataset["u"][0], result.dataset["u"][0], atol=1e-6)
