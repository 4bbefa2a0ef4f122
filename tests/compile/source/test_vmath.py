"""vmath against mpmath: accuracy in ulp, special values, vectorisation."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from symdfi.compile.source import vmath

Array = NDArray[np.float64]

FLAGS = {"contract", "reassoc", "nsz", "arcp", "afn"}
LIMIT = 2.0
POINTS = 2000
INF, NAN = math.inf, math.nan
MAX, MIN_NORMAL, MIN = 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324


@cache
def loop(name: str) -> Callable[[Array, Array], None]:
    """The loop a kernel would run: a fast-math caller, the function inlined."""
    f = vmath.FUNCTIONS[name]

    @njit(fastmath=FLAGS, error_model="numpy")
    def run(x, y):
        for i in range(x.shape[0]):
            y[i] = f(x[i])

    return run


def evaluate(name: str, x: Array) -> Array:
    y = np.empty_like(x)
    loop(name)(x, y)
    return y


def ulp_error(name: str, x: float, y: float) -> float:
    """|y - f(x)| in units of the last place of f(x)."""
    with mpmath.workprec(200):
        exact = getattr(mpmath, name)(mpmath.mpf(x))
        overflows = abs(exact) >= mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970
        if not math.isfinite(y) or overflows:
            return 0.0 if overflows and y == math.copysign(INF, exact) else INF
        exponent = mpmath.frexp(exact)[1] - 53 if exact else -1074
        return float(abs(mpmath.mpf(y) - exact) / mpmath.mpf(2) ** max(exponent, -1074))


def worst(name: str, x: Array) -> tuple[float, float]:
    """The largest error and where."""
    return max((ulp_error(name, a, b), a) for a, b in zip(x.tolist(), evaluate(name, x).tolist(), strict=True))


def generator(*key: object) -> np.random.Generator:
    return np.random.default_rng(list(repr(key).encode()))


def uniform(low: float, high: float) -> Array:
    return generator("uniform", low, high).uniform(low, high, POINTS)


def log_uniform(low: float, high: float) -> Array:
    """Both signs, magnitudes spread evenly over the binades."""
    rng = generator("log", low, high)
    return np.exp2(rng.uniform(np.log2(low), np.log2(high), POINTS)) * rng.choice([-1.0, 1.0], POINTS)


def near_multiples_of_half_pi() -> Array:
    """The float64 next to n pi/2, and its neighbours, for n up to the end of the range."""
    n = np.floor(np.abs(log_uniform(1.0, vmath.TRIG_RANGE / 1.6)))
    with mpmath.workprec(200):
        x = np.array([float(int(k) * mpmath.pi / 2) for k in n])
    return np.concatenate([x, np.nextafter(x, 0.0), np.nextafter(-x, -INF)])


def nearest_to_multiples_of_half_pi() -> Array:
    """In each binade, the float64 that come nearest to any multiple of pi/2.

    x = m 2**e is near a multiple when m (2**e / (pi/2)) is near an integer: m is a denominator of the
    continued fraction of 2**e / (pi/2), or of an intermediate one.
    """
    points = set()
    with mpmath.workprec(400):
        for e in range(-52, 47 - 52):
            fraction = mpmath.mpf(2) ** e / (mpmath.pi / 2)
            fraction -= mpmath.floor(fraction)
            q0, q1 = 0, 1
            while q1 < 2**53:
                fraction = 1 / fraction
                quotient = int(mpmath.floor(fraction))
                fraction -= quotient
                for m in {q0 + j * q1 for j in (1, quotient - 1, quotient)} | {q1 * (2**52 // q1 + 1)}:
                    if 2**50 <= m < 2**53:
                        points.add(math.ldexp(m, e))
                q0, q1 = q1, q0 + quotient * q1
    return np.array(sorted(points))


REGIONS: dict[str, dict[str, Array]] = {
    "exp": {
        "normal": uniform(-708.0, 709.78),
        "subnormal": uniform(-746.0, -708.0),
        "middle": uniform(-2.0, 2.0),
        "small": log_uniform(1e-20, 1.0),
    },
    "expm1": {
        "all": uniform(-60.0, 709.78),
        "middle": uniform(-2.0, 2.0),
        "cancelling": uniform(0.3, 1.1),
        "small": log_uniform(1e-308, 1.0),
        "subnormal": log_uniform(MIN, MIN_NORMAL),
    },
    "log": {
        "all": np.abs(log_uniform(MIN_NORMAL, MAX)),
        "subnormal": np.abs(log_uniform(MIN, MIN_NORMAL)),
        "middle": uniform(0.5, 2.0),
        "near 1": 1.0 + log_uniform(1e-16, 0.4),
        "next to 1": 1.0 + np.arange(-50, 51) * 2.0**-53,
    },
    "log1p": {
        "all": np.abs(log_uniform(1e-20, MAX)),
        "middle": uniform(-0.5, 1.5),
        "small": log_uniform(1e-308, 0.9),
        "subnormal": log_uniform(MIN, MIN_NORMAL),
        "near -1": -1.0 + np.abs(log_uniform(2.0**-53, 0.5)),
    },
    "sin": {
        "one turn": uniform(-6.3, 6.3),
        "quarter turn": uniform(-1.6, 1.6),
        "all": log_uniform(1e-300, vmath.TRIG_RANGE),
        "large": log_uniform(1e6, vmath.TRIG_RANGE),
        "subnormal": log_uniform(MIN, MIN_NORMAL),
        "near n pi/2": near_multiples_of_half_pi(),
        "nearest n pi/2": nearest_to_multiples_of_half_pi(),
    },
    "sinh": {
        "all": uniform(-710.47, 710.47),
        "middle": uniform(-3.0, 3.0),
        "cancelling": uniform(0.3, 1.1),
        "small": log_uniform(1e-308, 1.0),
        "subnormal": log_uniform(MIN, MIN_NORMAL),
    },
    "cosh": {
        "all": uniform(-710.47, 710.47),
        "middle": uniform(-3.0, 3.0),
        "small": log_uniform(1e-20, 1.0),
    },
    "tanh": {
        "all": uniform(-22.0, 22.0),
        "middle": uniform(-3.0, 3.0),
        "cancelling": uniform(0.1, 0.6),
        "small": log_uniform(1e-308, 1.0),
        "subnormal": log_uniform(MIN, MIN_NORMAL),
    },
}
REGIONS["cos"] = REGIONS["sin"] | {"below 1": uniform(0.0, 1.0)}


@pytest.mark.parametrize(("name", "region"), [(f, r) for f, regions in REGIONS.items() for r in regions])
def test_error_is_at_most_two_ulp(name: str, region: str) -> None:
    error, where = worst(name, REGIONS[name][region])
    assert error <= LIMIT, f"{name}({where!r}) is {error} ulp off"


def test_every_function_has_regions() -> None:
    assert set(REGIONS) == set(vmath.FUNCTIONS)


def test_the_measure_sees_three_ulp() -> None:
    y = math.exp(1.0)
    for direction in (-INF, INF):
        z = y
        for _ in range(3):
            z = math.nextafter(z, direction)
        assert 2.0 < ulp_error("exp", 1.0, z) < 4.0
    assert ulp_error("exp", 1.0, NAN) == INF
    assert ulp_error("exp", 1.0, INF) == INF
    assert ulp_error("exp", 800.0, MAX) == INF
    assert ulp_error("exp", 800.0, INF) == 0.0


def test_the_nearest_points_are_near() -> None:
    """Hard points are hard: the closest x comes within 1e-17 of a multiple of pi/2."""
    with mpmath.workprec(200):
        quarter = mpmath.pi / 2
        turns = [mpmath.mpf(x) / quarter for x in nearest_to_multiples_of_half_pi().tolist()]
        assert min(abs(t - mpmath.nint(t)) for t in turns) < 1e-17


# Function, argument, value. Thresholds are the last float64 that does not overflow, and the next one.
SPECIAL = [
    *[(name, NAN, NAN) for name in vmath.FUNCTIONS],
    *[(name, -0.0, -0.0) for name in ("expm1", "log1p", "sin", "sinh", "tanh")],
    *[(name, 0.0, 0.0) for name in ("expm1", "log1p", "sin", "sinh", "tanh")],
    *[(name, z, 1.0) for name in ("exp", "cos", "cosh") for z in (0.0, -0.0)],
    *[(name, MIN, MIN) for name in ("expm1", "log1p", "sin", "sinh", "tanh")],
    *[(name, -MIN, -MIN) for name in ("expm1", "log1p", "sin", "sinh", "tanh")],
    *[(name, x, INF) for name in ("exp", "expm1", "sinh", "cosh") for x in (INF, MAX, 711.0)],
    ("exp", 709.7827128933841, INF),
    ("exp", -745.1332191019412, 0.0),
    ("exp", -745.1332191019411, MIN),
    ("exp", -MAX, 0.0),
    ("exp", -INF, 0.0),
    ("expm1", 709.7827128933841, INF),
    ("expm1", -MAX, -1.0),
    ("expm1", -INF, -1.0),
    ("log", 1.0, 0.0),
    ("log", 0.0, -INF),
    ("log", -0.0, -INF),
    ("log", -MIN, NAN),
    ("log", -1.0, NAN),
    ("log", -INF, NAN),
    ("log", INF, INF),
    ("log1p", -1.0, -INF),
    ("log1p", math.nextafter(-1.0, -2.0), NAN),
    ("log1p", -MAX, NAN),
    ("log1p", -INF, NAN),
    ("log1p", INF, INF),
    *[(name, x, NAN) for name in ("sin", "cos") for x in (INF, -INF, MAX, 2.0**47 + 1.0, -(2.0**47) - 1.0)],
    ("sinh", 710.4758600739440, INF),
    ("sinh", -710.4758600739440, -INF),
    ("sinh", -INF, -INF),
    ("cosh", -710.4758600739440, INF),
    ("cosh", -INF, INF),
    *[("tanh", s * x, s) for s in (1.0, -1.0) for x in (20.0, 400.0, MAX, INF)],
]


@pytest.mark.parametrize(("name", "x", "value"), SPECIAL)
@pytest.mark.parametrize("length", [1, 64], ids=["scalar", "vector"])
def test_special_values(name: str, x: float, value: float, length: int) -> None:
    y = evaluate(name, np.full(length, x))
    np.testing.assert_array_equal(y, np.full(length, value))
    if not math.isnan(value):
        np.testing.assert_array_equal(np.signbit(y), np.full(length, math.copysign(1.0, value) < 0))


@pytest.mark.parametrize(
    ("name", "x"),
    [
        *[(name, 709.782712893384) for name in ("exp", "expm1")],
        *[(name, 710.4758600739439) for name in ("sinh", "cosh")],
        *[(name, vmath.TRIG_RANGE) for name in ("sin", "cos")],
        *[(name, MAX) for name in ("log", "log1p")],
    ],
)
def test_the_end_of_the_range(name: str, x: float) -> None:
    assert worst(name, np.array([x, x]))[0] <= LIMIT


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.floats(-vmath.TRIG_RANGE, vmath.TRIG_RANGE))
def test_symmetry(x: float) -> None:
    """Odd and even to the last bit."""
    for name in ("sin", "sinh", "tanh"):
        plus, minus = evaluate(name, np.array([x, -x]))
        assert plus == -minus
    for name in ("cos", "cosh"):
        plus, minus = evaluate(name, np.array([x, -x]))
        assert plus == minus


def test_bounded_functions_stay_bounded() -> None:
    """sqrt(1 - y**2) is safe."""
    rng = generator("bounded")
    crests = np.concatenate([(rng.integers(0, 2**20, 100_000) + k) * (math.pi / 2) for k in (0, 1)])
    assert np.max(np.abs(evaluate("sin", crests))) == 1.0
    assert np.max(np.abs(evaluate("cos", crests))) == 1.0
    assert np.max(np.abs(evaluate("tanh", uniform(15.0, 22.0)))) == 1.0


@pytest.mark.parametrize("name", vmath.FUNCTIONS)
def test_same_bits_alone_and_in_a_loop(name: str) -> None:
    """The caller's flags, the vector width and the remainder loop change nothing."""
    x = np.concatenate([v[:40] for v in REGIONS[name].values()])
    alone = np.array([vmath.FUNCTIONS[name](v) for v in x.tolist()])
    np.testing.assert_array_equal(evaluate(name, x), alone)


@pytest.mark.parametrize("name", vmath.FUNCTIONS)
def test_loop_is_vectorised(name: str) -> None:
    """Packed arithmetic without fast-math flags, whatever the machine's width, and no call to a C library."""
    run = loop(name)
    evaluate(name, np.ones(3))
    (code,) = run.inspect_llvm().values()
    assert re.search(r"= (tail )?call <\d+ x double> @llvm\.fma\.v\d+f64\(", code)
    assert re.search(r"= f(add|sub|mul) <\d+ x double>", code)
    assert not re.search(r"= f\w+ (reassoc|nnan|ninf|nsz|arcp|contract|afn|fast)", code)
    assert not re.search(rf"call double @_?{name}\(", code)
