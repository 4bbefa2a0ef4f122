"""M2, mechanics: extreme but finite inputs give a right value or a named error."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.validation.extremes import COUNTS, Pick, all_finite, array, extremes, mostly, number, outcome

q, v = sd.coordinates("q")
m, k, a = sp.symbols("m k a", real=True)
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x, xd = sd.coordinates("x", n)
y, yd = sd.coordinates("y", (n, 2))
s = sp.IndexedBase("s", shape=(n,))
c1, c1d = sd.coordinates("c1")
c2, c2d = sd.coordinates("c2")

SCALAR = sd.Lagrangian(m * v**2 / 2 - k * q**2 / 2 - q**4 / 4, q, v, parameters=[m, k])
CURVED = sd.Lagrangian((1 + sp.exp(m * q)) * v**2 / 2 - k * sp.exp(q), q, v, parameters=[m, k])
DRIVEN = sd.Lagrangian(v**2 / 2 - k / q + a * q, q, v, parameters=[k], inputs=[a])
CHAIN = sd.Lagrangian(
    sp.Sum(m * xd[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum(s[i] * (x[i + 1] - x[i]) ** 4, (i, 0, n - 2)), x, xd
)
PLANE = sd.Lagrangian(
    sp.Sum(m * yd[i, 0] ** 2 / 2 + yd[i, 1] ** 2 / 2 - k * y[i, 0] ** 2 * y[i, 1] ** 2, (i, 0, n - 1)), y, yd
)
HELD = sd.Lagrangian(
    m * (c1d**2 + c2d**2) / 2 - k * c2, [c1, c2], [c1d, c2d], constraints=[c1**2 + c2**2 - 1], parameters=[m, k]
)
WORDS = (
    "q",
    "q0",
    "v0",
    "v ",
    "state",
    "parameter",
    "t_span",
    "dt",
    "save_every",
    "t_eval",
    "shape",
    "time",
    "input",
    "size",
)


def _drawn(pick: Pick):
    """A system, a state of it, its parameters and inputs."""
    system = pick([SCALAR, SCALAR, CURVED, DRIVEN, CHAIN, PLANE, HELD])
    size = pick([1, 2, 3, 7])
    shape = {CHAIN: (size,), PLANE: pick([(size, 2), (2 * size,)]), HELD: (2,)}.get(system, (1,))
    values = {p: array(pick, size) if isinstance(p, sp.IndexedBase) else number(pick) for p in system.parameters}
    inputs = {a: number(pick)} if system.inputs else None
    if pick([False] * 15 + [True]):
        values = pick([{}, {"none": 1.0}, {**values, n: pick(COUNTS)}])
    return system, array(pick, *shape), array(pick, *shape), values, inputs


@extremes(60)
def test_integrate(pick: Pick) -> None:
    system, q0, v0, params, inputs = _drawn(pick)
    method = pick(["verlet", "midpoint", "rk4", "dop853", "scipy:RK45", "scipy:Radau", "scipy:LSODA"])
    start = mostly(pick, [0, 0.0, -1.0], [1e-300, 1e300, 0.5, np.nan, "1"])
    stop = mostly(pick, [0.5, 1.0, -0.5], [start, 1e-300, 5e-324, 1e10, 1e300, 1.7e308, -1.7e308, np.inf, None, "1"])
    dt = mostly(pick, [0.1, 0.05, 0.5], [1e-320, 1e-30, 1e300, 0.0, -0.1, np.nan, "1", None])
    if (
        isinstance(start, float | int)
        and isinstance(stop, float)
        and isinstance(dt, float)
        and 500 < abs(stop - start) / (dt or 1) < 1e13
    ):
        stop = start + 10 * dt
    times = (
        {"t_eval": mostly(pick, [[stop], [0.1, 0.2]], [[], [0.0], np.nan, "1", [[0.1]], 1e300])}
        if dt == 0.05
        else {"dt": dt}
    )
    if method not in ("verlet", "midpoint", "rk4"):
        times |= {"max_step": mostly(pick, [np.inf, 0.5], [0.0, np.nan, 5e-324, "1"])}
        times |= {"rtol": mostly(pick, [1e-6, 1e-3], [0.0, 1e-300, 1.0, 1e300, np.nan, "1"])}
        times |= {"atol": mostly(pick, [1e-6, 1e-3], [0.0, 1e-300, 1e300, np.nan, "1"])}
    options = {**times, "save_every": mostly(pick, [1, 2], [10**15, 0, -1, 1.5, "1", np.nan, 2**70])}
    found = outcome(
        lambda: sd.integrate(system, q0, v0, (start, stop), params=params, inputs=inputs, method=method, **options),
        *WORDS, "rtol", "atol", "max_step", "adaptive",
    )  # fmt: skip
    if found is not None:
        all_finite(found.q, found.v, found.energy, found.t)
        assert found.t.size
        middle = outcome(lambda: found(pick([found.t[0], found.t[-1], 0.5 * (found.t[0] + found.t[-1]), 1e300])), "t =")
        if middle is not None:
            all_finite(*middle)


#: With the square of what a value is: a product that overflows or vanishes on the way is no wrong value.
NORMAL = (1e-150, 1e150)


@extremes(80)
def test_compiled_system(pick: Pick) -> None:
    """Formulas give what IEEE arithmetic gives, infinities and NaN included, without a warning."""
    system, q0, v0, params, inputs = _drawn(pick)
    kernels, time = system.compile(), number(pick)
    if pick([0] * 9 + [1]):
        q0 = pick([np.tile(np.atleast_1d(q0), (3, 1)), np.empty((0, 2)), q0]) if isinstance(q0, np.ndarray) else q0
    verb = pick(["acceleration", "energy", "lagrangian", "momenta", "forcing", "mass_matrix"])
    found = outcome(lambda: getattr(kernels, verb)(q0, v0, params, time, inputs), *WORDS)
    if found is None:
        return
    assert isinstance(found, np.ndarray) and found.dtype == float
    if system is SCALAR and all(np.size(x) == 1 for x in (q0, v0, time, *params.values())):
        mass, k_, q_, v_ = (float(np.squeeze(value)) for value in (params[m], params[k], q0, v0))
        terms = {
            "acceleration": (-k_ * q_ / mass, -(q_**3) / mass) if mass else (),
            "energy": (mass * v_**2 / 2, k_ * q_**2 / 2, q_**4 / 4), "momenta": (mass * v_,), "mass_matrix": (mass,),
            "lagrangian": (mass * v_**2 / 2, -k_ * q_**2 / 2, -(q_**4) / 4), "forcing": (-k_ * q_, -(q_**3)),
        }[verb] if max(map(abs, (mass, k_, q_, v_))) < 1e75 else ()  # fmt: skip
        if terms and all(x == 0 or abs(x) > 1e-75 for x in (mass, k_, q_, v_)):
            np.testing.assert_allclose(found.ravel()[0], sum(terms), rtol=0, atol=2e-15 * sum(map(abs, terms)))


@extremes(60)
def test_bound_system(pick: Pick) -> None:
    system, q0, v0, params, inputs = _drawn(pick)
    kernels = system.compile()
    n_dof = mostly(pick, [None, np.size(q0)], COUNTS)
    bound = outcome(lambda: kernels.bind(params, n_dof=n_dof, inputs=inputs), *WORDS, "n_dof")
    if bound is None:
        return
    time, out = number(pick), mostly(pick, [None], [np.empty(1), np.empty((5, 5)), [0.0], np.empty(2, np.float32)])
    verb = pick(["acceleration", "forcing", "momenta", "mass_matrix", "energy", "lagrangian"])
    more = {} if verb in ("energy", "lagrangian") else {"out": out}
    found = outcome(lambda: getattr(bound, verb)(q0, v0, time, **more), *WORDS, "out", "bound")
    if found is not None and out is None and verb != "acceleration":
        reference = getattr(kernels, verb)(np.ravel(q0), np.ravel(v0), params, time, inputs)
        np.testing.assert_array_equal(np.ravel(found), np.ravel(reference))


@extremes(40)
def test_constraints(pick: Pick) -> None:
    params = {m: number(pick), k: number(pick)}
    q0, v0 = array(pick, 2), array(pick, 2)
    kernels = HELD.compile()
    verb = pick(["project", "multipliers", "constraint_forces", "constraint_residual"])
    found = outcome(lambda: getattr(kernels, verb)(q0, v0, params), *WORDS)
    if found is not None and verb == "project":
        all_finite(*found)


@extremes(60)
def test_statements(pick: Pick) -> None:
    """Sizes, forces and parameters of what is stated. (Every number in a Lagrangian is another kernel.)"""
    size = pick(COUNTS)
    words = ("size", "extent", "integer", "shape", "coordinate", "expression", "positive", "axis")
    outcome(lambda: sd.coordinates("z", size), *words)
    outcome(lambda: sd.coordinates("z", (size, pick(COUNTS))), *words)
    value = number(pick)
    system = outcome(
        lambda: sd.Lagrangian(value * v**2 / 2 - value * q**2, q, v, dissipation=value * v**2), "Lagrangian", "L",
        "operand", "multiply",  # Python's own, of what is no number times a symbol
    )  # fmt: skip
    if system is not None:
        outcome(lambda: system.compile().acceleration(number(pick), number(pick)), *WORDS)
    limits = {"rtol": number(pick), "atol": array(pick, 2), "max_step": number(pick)}
    outcome(lambda: sd.DOP853(**limits), *limits)
    outcome(lambda: sd.SciPy(pick(["RK45", "Radau", "none", 1, None]), **limits), *limits, "solver")
    outcome(
        lambda: sd.Event(pick([q, q * value, value]), pick(COUNTS), pick(COUNTS)),
        "event",
        "terminal",
        "operand",
        "multiply",
    )


def test_an_energy_that_overflows_is_no_result():
    with pytest.raises(sd.DivergenceError, match="the energy is not finite at t = 0, though the state is") as failed:
        sd.integrate(SCALAR, [0.0], [1.7e308], (0, 1e-300), dt=1e-300, params={m: -1e-160, k: 1e-8}, method="verlet")
    assert failed.value.time == 0
    assert np.isfinite(failed.value.partial.q).all()


@pytest.mark.parametrize("method", ["dop853", "scipy:RK45", "scipy:LSODA"])
def test_steps_that_never_reach_the_end(method):
    """ω = 10³⁰: from t = 0 on a step of 10⁻³¹ is one, and there would have to be 10³¹ of them."""
    with pytest.raises(sd.DivergenceError, match="stopped at t = ") as failed:
        sd.integrate(SCALAR, [1.0], [0.0], (0, 1), params={m: 1.0, k: 1e60}, method=method)
    assert 0 < failed.value.time < 1e-20


@pytest.mark.parametrize("name", ["RK45", "DOP853", "LSODA"])
def test_steps_that_shrink_before_a_force_that_overflows(name):
    """k q ends at q = 1.06 on the way, and LSODA goes on in steps of 10⁻¹⁷."""
    with pytest.raises(sd.DivergenceError, match="stopped at t = ") as failed:
        sd.integrate(SCALAR, [1.0], [1.0], (0, 0.5), params={m: 1.7e308, k: 1.7e308}, method=sd.SciPy(name))
    assert 0.05 < failed.value.time < 0.06
    assert np.isfinite(failed.value.partial.q).all()
