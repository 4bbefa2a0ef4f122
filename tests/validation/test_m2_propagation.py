"""M2, equilibrium propagation: extreme but finite inputs give finite numbers or a named error."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.validation.extremes import COUNTS, Pick, all_finite, array, extremes, mostly, number, outcome

q, v = sd.coordinates("q")
k, c, a, y = sp.symbols("k c a y", real=True)
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x, xd = sd.coordinates("x", n)
s = sp.IndexedBase("s", shape=(n,))

OSCILLATOR = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - c * q**4 + a * q, q, v, parameters=[k, c], inputs=[a])
STEEP = sd.Lagrangian(v**2 / 2 - c * sp.exp(k * q) + a * q, q, v, parameters=[k, c], inputs=[a])
CHAIN = sd.Lagrangian(
    sp.Sum(xd[i] ** 2 / 2 - s[i] * x[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum((x[i + 1] - x[i]) ** 4, (i, 0, n - 2)), x, xd
)
COSTS = {
    OSCILLATOR: (sd.Cost((q - y) ** 2 / 2, [y]), sd.Cost(sp.exp(q))), STEEP: (sd.Cost(c * q**2), sd.Cost(sp.sqrt(q))),
    CHAIN: (sd.Cost(x[0] ** 2 / 2), sd.Cost(sp.Sum(x[i] ** 4, (i, 0, n - 1)))),
}  # fmt: skip
CASES = {
    (system, cost): trainable
    for system, trainable in ((OSCILLATOR, [k, c]), (STEEP, [k, c]), (CHAIN, [s])) for cost in COSTS[system]
}  # fmt: skip
WORDS = (
    "parameter",
    "input",
    "target",
    "guess",
    "steps",
    "T ",
    "q0",
    "qT",
    "ends",
    "size",
    "shape",
    "tolerance",
    "iterations",
)


def _boundary(pick: Pick, size: int):
    T = mostly(pick, [1.0, 2, 0.5], [0.0, -1.0, 5e-324, 1e-300, 1e160, 1.7e308, np.inf, np.nan, None, "1", [1.0]])
    if pick([True, False]):
        return outcome(lambda: sd.Periodic(T), "T ")
    return outcome(lambda: sd.FixedEnds(array(pick, size), array(pick, size), T), "T ", "q0", "qT", "ends")


def _drawn(pick: Pick):
    system, cost = pick(list(CASES))
    size = pick([1, 2, 3]) if system is CHAIN else 1
    params = {p: array(pick, size) if isinstance(p, sp.IndexedBase) else number(pick) for p in system.parameters}
    steps = mostly(pick, [2, 3, 8], COUNTS)
    signals = {symbol: mostly(pick, [number(pick), lambda t: 1.0], [array(pick, 8), lambda t: None, np.nan])
               for symbol in (*system.inputs, *cost.targets)}  # fmt: skip
    return system, cost, _boundary(pick, size), steps, params, signals, size


@extremes(80)
def test_extremize(pick: Pick) -> None:
    system, _, boundary, steps, params, signals, size = _drawn(pick)
    if boundary is None:
        return
    inputs = {symbol: value for symbol, value in signals.items() if symbol in system.inputs}
    options = {"tolerance": mostly(pick, [1e-12], [0.0, 1.0, 1e300, -1.0, np.nan, "1", None])}
    options |= {"iterations": mostly(pick, [20], [*COUNTS[:5], -1, "1", np.nan])}
    options |= {"guess": mostly(pick, [None, None, np.ones((9, size))], [array(pick, 9, size), array(pick, 3, 2)])}
    orbit = outcome(lambda: sd.extremize(system, boundary, steps, params, inputs, **options), *WORDS)
    if orbit is not None:
        all_finite(orbit.q, orbit.residual)
        for read in (lambda: orbit.value, lambda: orbit.rcond, lambda: orbit.grid_error):
            found = outcome(read)
            if found is not None and not (steps in (2, 3) and np.isnan(found)):  # no estimate on so few
                all_finite(found)
        gradient = outcome(orbit.gradient)
        if gradient is not None:
            all_finite(*(value for value in gradient.values()))


@pytest.mark.filterwarnings("ignore::symdfi.PrecisionWarning")  # which says that a nudge is of a poor size
@extremes(80)
def test_gradient(pick: Pick) -> None:
    system, cost, boundary, steps, params, signals, _ = _drawn(pick)
    betas = [1e-3, 1e-8, 0.1, 5e-324, 1e-300, 1e160, 1.7e308, -1e-3]
    beta = mostly(pick, betas, [0.0, np.nan, np.inf, "1", None])
    nudging = outcome(lambda: pick([sd.Centered, sd.OneSided])(beta), "beta")
    if boundary is None or nudging is None:
        return
    make = lambda: sd.EPTrainer(system, cost, boundary, steps, CASES[system, cost], nudging)  # noqa: E731
    trainer = outcome(make, *WORDS)
    if trainer is None:
        return
    inputs = {symbol: value for symbol, value in signals.items() if symbol in system.inputs}
    targets = {symbol: value for symbol, value in signals.items() if symbol in cost.targets}
    verb = pick(["gradient", "gradient", "gradient", "check_gradient", "adjoint"])
    if verb == "adjoint":
        found = outcome(lambda: (0.0, trainer.adjoint(trainer.free(params, inputs, targets))), *WORDS)
    elif verb == "gradient":
        found = outcome(lambda: trainer.gradient(params, inputs, targets), *WORDS)
    else:
        step = mostly(pick, [1e-5], [0.0, 5e-324, 1e300, np.nan, "1", -1.0])
        check = outcome(lambda: trainer.check_gradient(params, inputs, targets, step=step), *WORDS, "step")
        if check is None:
            return
        all_finite(check.error, check.finite_difference_error, *check.finite_differences.values())
        found = (check.loss, check.equilibrium_propagation | {"adjoint": sum(map(np.sum, check.adjoint.values()))})
    if found is not None:
        all_finite(found[0], *found[1].values())


def test_an_impulse_that_overflows_is_no_result() -> None:
    """∂S/∂k = −∫ q³ dt of a path that is finite itself, as its forces k q² are."""
    cubic = sd.Lagrangian(v**2 / 2 - k * q**3, q, v)
    orbit = sd.extremize(cubic, sd.FixedEnds(1e120, 1e120, 1.0), 4, {k: 1e-300})
    with pytest.raises(sd.DivergenceError, match="the derivative by the parameter k is not finite"):
        orbit.gradient()
