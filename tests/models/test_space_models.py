"""The models in two and more space dimensions: each from its beginning, by small ansätze."""

import functools

import numpy as np
import pytest
import sympy as sp

from symdfi import models
from symdfi.models import harmonic_trap, transport_2d
from symdfi.running.measures.characteristics import flow_of, traced_back, uniform_points, velocities

SMALL = {
    "heat": {"T": 0.4, "saves": 2, "points": 16},
    "transport_2d": {"T": 0.1, "saves": 2, "widths": "8,8", "points": 40, "dt_start": 5e-3},
    "vlasov": {"T": 0.5, "saves": 2, "widths": "8,8", "points": 40, "dt": 5e-2},
    "harmonic_trap": {"T": 1.0, "saves": 4, "d": 2, "units": 3, "points": 128},
}


def run(name, **settings):
    model = models.load(name)
    return model.run({**model.settings, **SMALL[name], **settings})


small = functools.cache(run)


@pytest.mark.parametrize(("name", "bound"), [("heat", 1e-4), ("transport_2d", 1e-2), ("vlasov", 1e-2)])
def test_in_the_plane(name, bound):
    result = small(name)
    data = result.dataset
    assert data["u"].shape == (3, 101, 101)
    assert data["relative_error"].values[0] <= 1e-3
    assert data["relative_error"].values.max() <= bound
    assert np.isfinite(data["error_bound"]).all()
    assert "lipschitz" in data["error_bound"].attrs
    maps = result.figure().axes
    assert [axis.get_title() for axis in maps[:2]] == ["u, t = 0", f"u, t = {data.time.values[-1]:g}"]
    assert maps[0].collections[0].get_clim() == maps[1].collections[0].get_clim()


def test_heat_stays_off_the_walls():
    u = small("heat").dataset["u"].values
    edges = np.concatenate([u[:, [0, -1]].ravel(), u[:, :, [0, -1]].ravel()])
    assert np.abs(edges).max() <= 1000 * np.finfo(float).eps


def test_the_flow_of_transport_in_closed_form():
    """Against characteristics that are traced, over more turns than one and the other way round."""
    problem = models.load("transport_2d").problem(SMALL["transport_2d"])
    points = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    for time in (0.3, 5.0):
        feet = traced_back(flow_of(problem), points, time, 0.001)
        at = transport_2d.came_from(3 * np.pi * points[:, 0] - np.pi / 2, 3 * np.pi, 0.6, time)
        np.testing.assert_allclose((at + np.pi / 2) / (3 * np.pi), feet[:, 0], atol=1e-7)
        at = transport_2d.came_from(2 * np.pi * points[:, 1], 1.6 * np.pi, 0.3, time)
        np.testing.assert_allclose(at / (2 * np.pi), feet[:, 1], atol=1e-7)
        there = transport_2d.came_from(at, 1.6 * np.pi, 0.3, -time)
        np.testing.assert_allclose(there, 2 * np.pi * points[:, 1], rtol=1e-12)


@pytest.mark.parametrize("name", ["transport_2d", "vlasov"])
def test_how_fast_a_flow_lets_errors_grow(name):
    """By ½ max div c for u_t = −c·∇u."""
    model = models.load(name)
    problem = model.problem(SMALL[name])
    variables = problem.equation.variables
    divergence = sum(sp.diff(c, x) for c, x in zip(velocities(problem.equation), variables, strict=True))
    values = sp.lambdify(variables, divergence)(*uniform_points(problem.domain).T)
    assert np.max(values) / 2 <= model.lipschitz(model.settings) <= np.max(values) / 2 + 1e-2


def test_harmonic_trap():
    result = run("harmonic_trap")
    data = result.dataset
    assert data["covariance"].shape == (5, 2, 2)
    assert "rho" not in data  # the domain has no end
    assert data["mean_error"].values.max() <= 1e-6
    assert data["covariance_error"].values.max() <= 1e-5
    rows = dict(result.summary)
    assert float(rows["fit error"]) <= 1e-12
    assert float(rows["largest relative error of the mean"]) == pytest.approx(data["mean_error"].values.max(), rel=1e-2)
    titles = [axis.get_title() for axis in result.figure().axes]
    assert titles == ["mean", "variance", "residual and error"]


def test_exact_moments():
    """Without attraction the particles are alone, m′ = a − m and c′ = −2c + 2D."""
    times = np.linspace(0, 2, 5)
    means, covariances = harmonic_trap.exact({"d": 3, "alpha": 0.0, "D": 0.02}, times)
    variance = 0.02 + (0.1 - 0.02) * np.exp(-2 * times)
    np.testing.assert_allclose(covariances, variance[:, None, None] * np.eye(3), atol=1e-10)
    w = np.pi
    driven = 1.875 + 1.25 * (np.sin(w * times) - w * np.cos(w * times)) / (1 + w**2)
    exact = driven[:, None] + np.exp(-times)[:, None] * (np.linspace(0.9, 3, 3) - driven[0])
    np.testing.assert_allclose(means, exact, rtol=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_show(name):
    model = models.load(name)
    assert model.title in model.show()
    assert r"\frac{\partial}{\partial t}" in model.show(latex=True)
    if name != "harmonic_trap":  # eight dimensions take their time
        assert "def kernel(" in model.show(source=True)


def test_bad_settings():
    for name, setting, value in (("heat", "kappa", -1.0), ("harmonic_trap", "d", 0), ("harmonic_trap", "D", 0.0)):
        with pytest.raises(ValueError, match=f"the setting {setting} = {value} must be"):
            run(name, **{setting: value})
    with pytest.raises(ValueError, match="heat is no circle: a file is of a periodic function"):
        model = models.load("heat")
        model.run({**model.settings, **SMALL["heat"]}, "u0.csv")
