"""Objects pickle by their symbols: small, equal on the other side, and without code."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.symbolic.private import Private, dummy

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
alpha, omega, X = sp.Symbol("alpha", positive=True), sp.Symbol("omega"), sp.Symbol("x")
x, v = sd.coordinates("x", n)
q, qdot = sd.coordinates("q")
theta = dynamicsymbols("theta")
u = sp.Function("u")(sd.t, X)


def again(thing):
    return pickle.loads(pickle.dumps(thing))


def chain() -> sd.Lagrangian:
    energy = sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - alpha * sp.Sum((x[i + 1] - x[i]) ** 4, (i, 0, n - 2))
    return sd.Lagrangian(energy, x, v, parameters=[alpha], dissipation=v[0] ** 2 / 9, forces={x[1]: sp.Integer(1)})


@pytest.mark.parametrize(
    "expr",
    [
        sp.Dummy("d") + 1, theta.diff(sd.t), u.diff(X, 2), sp.Sum(x[sp.Mod(i + 1, n)] ** 2, (i, 0, n - 1)),
        sp.Piecewise((x[i], i < 2), (0, True)), sp.KroneckerDelta(i, 2), Private("w", 3, "w", positive=True),
        dummy("j"),
    ],
    ids=str,
)  # fmt: skip
def test_expressions(expr):
    found, symbols = again((expr, sorted(expr.free_symbols, key=str)))
    assert found == expr
    assert hash(found) == hash(expr)
    assert set(symbols) == found.free_symbols


def test_systems():
    system = chain()
    state = np.linspace(0, 1, 5), np.ones(5)
    expected = system.compile().acceleration(*state, {alpha: 2.0})
    found = again(system)
    assert found.L == system.L
    np.testing.assert_array_equal(found.compile().acceleration(*state, {alpha: 2.0}), expected)
    np.testing.assert_array_equal(again(system.compile()).acceleration(*state, {"alpha": 2.0}), expected)
    # Sent twice, it is derived and compiled once; and its kernels are those of the system it is a copy of.
    assert again(system) is found
    assert found.compile().source == system.compile().source
    assert again([system, {"same": system}])[0] is again([system, {"same": system}])[1]["same"]
    assert copy.deepcopy(system).L == system.L


def test_of_functions_of_time():
    pendulum = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta), theta)
    found, angle = again((pendulum, theta))
    assert found.euler_lagrange == pendulum.euler_lagrange
    motion = again(sd.integrate(found, 0.1, 0.0, (0, 1), 0.1))
    np.testing.assert_array_equal(motion[angle], motion[theta])


def test_functions():
    f = sd.compile({"y": sp.Sum(x[i] ** 2, (i, 0, n - 1)), "dy": sd.gradient(sp.Sum(x[i] ** 2, (i, 0, n - 1)), x)}, [x])
    values = np.arange(4.0)
    for name, value in f(x=values).items():
        np.testing.assert_array_equal(again(f)(x=values)[name], value)


def test_evolution():
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), alpha * u.diff(X, 2)))
    bounds, network, ansatz = np.array([[-1.0, 1.0]]), sd.mlp([X], widths=[4, 4], period=[2]), sd.gaussians([X], 3)
    assert again(network) == network
    begin = ansatz.pack(again(ansatz).start(bounds, np.random.default_rng(0)))
    np.testing.assert_array_equal(begin, ansatz.pack(ansatz.start(bounds, np.random.default_rng(0))))
    problem = sd.Problem(equation, ansatz, sd.Box([(-1, 1)], periodic=True), sd.Grid(32), params={alpha: 0.1})
    solution = sd.evolve(problem, begin, (0, 0.02), dt=0.01, stepper=sd.DFI(gamma=1e-6))
    found = again(problem)
    assert found.equation == equation
    same = sd.evolve(found, begin, (0, 0.02), dt=0.01, stepper=again(sd.DFI(gamma=1e-6)))
    np.testing.assert_array_equal(same.theta, solution.theta)
    np.testing.assert_array_equal(again(solution).evaluate(np.array([0.3])), solution.evaluate(np.array([0.3])))


def test_equilibrium_propagation():
    oscillator = sd.Lagrangian(qdot**2 / 2 - omega**2 * q**2 / 2, q, qdot)
    cost, ends = sd.Cost(running=q**2 / 2), sd.FixedEnds(0.4, -0.7, T=2.0)
    trainer = sd.EPTrainer(
        oscillator, cost, ends, steps=20, trainable=[omega], nudging=sd.Centered(beta=1e-3)
    )  # fmt: skip
    loss, gradient = trainer.gradient({omega: 1.1})
    same_loss, same = again(trainer).gradient({omega: 1.1})
    assert again(cost) == cost
    assert (same_loss, same["omega"]) == (loss, gradient["omega"])
    orbit = sd.extremize(oscillator, ends, steps=20, params={omega: 1.1})
    found = again(orbit)
    np.testing.assert_array_equal(found.q, orbit.q)
    assert found.value == orbit.value
    push = np.ones(orbit.q.shape)
    np.testing.assert_array_equal(found.linear.adjoint(push), orbit.linear.adjoint(push))


def test_results_and_settings():
    motion = sd.integrate(
        chain(),
        np.ones(3),
        np.zeros(3),
        (0, 1),
        params={alpha: 1.0},
        method="dop853",
        dense=True,
        events=[x[0] - 1.001],
    )
    assert motion.dataset is not None
    found = again(motion)
    np.testing.assert_array_equal(found(0.5), motion(0.5))
    np.testing.assert_array_equal(found.events[0].t, motion.events[0].t)
    assert len(pickle.dumps(motion)) < len(pickle.dumps((motion.dense, motion.events))) + 20_000
    for settings in (
        sd.DOP853(1e-6, 1e-8),
        sd.SciPy("Radau"),
        sd.Verlet(),
        sd.ImplicitMidpoint(iterations=7),
        sd.Event(q),
    ):
        assert again(settings) == settings


def test_no_code():
    """What is sent of a compiled object is neither source nor machine code, and a kernel alone is not sent."""
    system = chain()
    kernel = system.compile().acceleration_kernel
    assert kernel.function is not None
    for thing in (system, system.compile()):
        sent = pickle.dumps(thing)
        assert b"def " not in sent
        assert len(sent) < 5000
    with pytest.raises(TypeError, match="a kernel is code and does not travel"):
        pickle.dumps(kernel)


def test_another_process(tmp_path: Path, monkeypatch):
    """Read by an interpreter that has never seen these symbols, which finds the kernels on disk."""
    monkeypatch.setenv("SYMDFI_CACHE_DIR", str(tmp_path))  # where nobody else builds or removes any
    system, pendulum = chain(), sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + sp.cos(theta), theta)
    expected = system.compile().acceleration(np.arange(4.0), np.ones(4), {alpha: 2.0})
    (tmp_path / "sent").write_bytes(pickle.dumps((system, pendulum, theta, alpha)))
    script = (
        "import os, pickle, sys\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "system, pendulum, theta, alpha = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "import symdfi as sd\n"
        "from symdfi.compile.kernels import cache\n"
        "before = len(cache.entries())\n"
        "print(system.compile().acceleration(np.arange(4.0), np.ones(4), {alpha: 2.0}).tolist())\n"
        "print(before, len(cache.entries()))\n"
        "del os.environ['SYMDFI_CACHE_DIR']\n"
        "print(sd.integrate(pendulum, 0.1, 0.0, (0, 1), 0.5)[theta].tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "sent")], capture_output=True, text=True, check=True
    )
    monkeypatch.undo()
    numbers, kept, angles = done.stdout.splitlines()
    assert json.loads(numbers) == expected.tolist()
    before, after = map(int, kept.split())
    assert before == after > 0
    assert json.loads(angles) == sd.integrate(pendulum, 0.1, 0.0, (0, 1), 0.5)[theta].tolist()
