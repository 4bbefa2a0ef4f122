"""The cases on which the default is held against its rivals (V0): redundant ansätze, an exact or converged reference.

The error of a run is the mean over twenty saved times of the relative L² error of all fields on points of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.linalg import expm

import symdfi as sd
from symdfi.models import colliding_waves, kdv, schrodinger, sine_gordon
from symdfi.running.spectral import reference
from tests.running.by_hand import SpectralProblem

X = sp.Symbol("x", real=True)
u, w = (sp.Function(name)(sd.t, X) for name in "uw")
PI2 = 2 * sp.pi
SAVES = 20


@dataclass(frozen=True)
class Case:
    """A ``problem`` from ``start`` on, an initial value that is fitted or a function of the problem, until ``T`` in
    steps of ``dt``. ``truth(points, times)`` is what ``Solution.evaluate`` should give."""

    problem: Callable[[], sd.Problem]
    start: sp.Expr | list[sp.Expr] | Callable[[sd.Problem], np.ndarray]
    T: float
    dt: float
    points: np.ndarray
    truth: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @functools.cached_property
    def theta(self) -> np.ndarray:
        if callable(self.start):
            return self.start(self.problem())
        return sd.fit(self.problem(), self.start)

    @functools.cached_property
    def exact(self) -> np.ndarray:
        return self.truth(self.points, np.linspace(0, self.T, SAVES + 1))

    @property
    def initial_error(self) -> float:
        """The relative error of the start."""
        return float(_relative(self.problem().evaluate(self.theta, self.points)[None], self.exact[:1])[0])

    def starts(self, count: int) -> list[np.ndarray]:
        """``theta`` and others that are as good: θ(1 + s n), n normal, with s such that û changes by what ``theta`` is
        off, by rounding at least. Only one where no such change is felt, as at θ = 0."""
        base = self.problem().evaluate(self.theta, self.points)
        found, size, probe = [self.theta], max(self.initial_error, np.finfo(float).eps), 1e-8
        for seed in range(1, count):
            change = self.theta * np.random.default_rng(seed).standard_normal(self.theta.size)
            felt = self.problem().evaluate(self.theta + probe * change, self.points)
            share = float(_relative(felt[None], base[None])[0]) / probe
            if share > 0:
                found.append(self.theta + size / share * change)
        return found

    def error(
        self, stepper: sd.dfi.Stepper | None = None, dt: float | None = None, theta: np.ndarray | None = None
    ) -> float:
        """The error of a run, infinite if it breaks off."""
        each = max(1, round(self.T / SAVES / (dt or self.dt)))
        step = self.T / SAVES / each
        try:
            start = self.theta if theta is None else theta
            solution = sd.evolve(self.problem(), start, (0, self.T), step, stepper, save_every=each)
        except (sd.DivergenceError, sd.SingularMatrixError):
            return np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            error = float(np.mean(_relative(solution.evaluate(self.points, solution.t), self.exact)[1:]))
        return error if np.isfinite(error) else np.inf


def _relative(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Relative L² errors, one a time."""
    each = tuple(range(1, found.ndim))
    size = (np.abs(exact) ** 2).sum(each)
    return np.sqrt((np.abs(found - exact) ** 2).sum(each) / np.where(size > 0, size, 1.0))


def _box(half: float, periodic: bool = False) -> sd.Box:
    return sd.Box([(-half, half)], periodic=periodic)


def _spectral(problem: SpectralProblem, u0: sp.Expr) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Values of the spectral reference at points that are among its own."""

    def truth(points: np.ndarray, times: np.ndarray) -> np.ndarray:
        found = reference(problem, sp.lambdify(X, u0), times, tolerance=1e-6, largest=4096)
        every = len(found.x) // len(points)
        np.testing.assert_allclose(found.x[::every], points, atol=1e-12)
        return found.u[:, ::every]

    return truth


# V1: one Gaussian by four that are nearly alike.


def advection() -> sd.Problem:
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) + sp.Float(0.1) * u.diff(X, 2)))
    return sd.Problem(equation, sd.gaussians([X], 4), _box(10), sd.Grid(400))


def alike(problem: sd.Problem) -> np.ndarray:
    """Four Gaussians of different heights in one place, moved apart by a ten-thousandth of their width."""
    apart = 1e-4 * np.array([-1.5, -0.5, 0.5, 1.5])
    return problem.ansatz.pack({"a": [0.3, 0.2, 0.2, 0.3], "b": apart, "w": np.ones(4)})


def advected(problem: Callable[[], sd.Problem]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def truth(points: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Every Gaussian moves and widens by itself."""
        values = problem().ansatz.unpack(alike(problem()))
        spread = 1 + 0.4 * times[:, None, None]
        away = points[None, None, :] - values["b"].reshape(1, -1, 1) - times[:, None, None]
        return (values["a"].reshape(1, -1, 1) * np.exp(-(away**2) / spread) / np.sqrt(spread)).sum(1)

    return truth


# V2: two waves meet, with and without a difference in width.


def waves(rho: float) -> sd.Problem:
    return colliding_waves.MODEL.problem({"rho": rho})


def crossing(rho: float, points: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.stack([colliding_waves.exact({"rho": rho}, points, time) for time in times])


# V3: advection and reaction through points where J vanishes.

SINES = sp.sin(sd.t) * (sp.sin(X) + sp.cos(X))


def singular() -> sd.Problem:
    a, b = sp.symbols("theta1 theta2")
    source = SINES.diff(sd.t) + SINES.diff(X) + SINES
    ansatz = sd.Ansatz(sp.sin(a) * sp.sin(X) + sp.sin(b) * sp.cos(X), [X], [a, b])
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X) - u + source))
    return sd.Problem(equation, ansatz, sd.Box([(0, PI2)], periodic=True), sd.Grid(512))


# V4: two solitons of the Korteweg-de Vries equation.


def korteweg(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    return sp.lambdify([kdv.X, sd.t], kdv.SOLITONS.doit(), "numpy", cse=True)(points, times[:, None])


def solitons() -> sd.Problem:
    return kdv.MODEL.problem({"points": 600})


def modified() -> sd.Problem:
    """A soliton of the modified Korteweg-de Vries equation by eight Gaussians."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -6 * u**2 * u.diff(X) - u.diff(X, 3)))
    return sd.Problem(equation, sd.gaussians([X], 8), _box(20), sd.Grid(600), boundary="in the ansatz")


def modified_soliton(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    return 1 / np.cosh(points + 5 - times[:, None])


# V5, V6: fronts and shocks by periodic networks.

PHASES = (
    sp.tanh(2 * sp.sin(X)) / 3
    - sp.exp(-23.5 * (X - sp.pi / 2) ** 2) + sp.exp(-27 * (X - 4.2) ** 2) + sp.exp(-38 * (X - 5.4) ** 2)
)  # fmt: skip
BUMP = (1 - X**2) * sp.exp(-30 * (X + sp.Rational(1, 2)) ** 2)


def allen_cahn() -> sd.Problem:
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(5e-3) * u.diff(X, 2) + u - u**3))
    box = sd.Box([(0, PI2)], periodic=True)
    return sd.Problem(equation, sd.mlp([X], [9, 9, 9], period=[PI2]), box, sd.Grid(400))


def burgers() -> sd.Problem:
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(1e-3) * u.diff(X, 2) - u * u.diff(X)))
    return sd.Problem(equation, sd.mlp([X], [9, 9], period=[2]), _box(1, periodic=True), sd.Grid(500))


# V10: the sine-Gordon breather by two networks, and the squeezed state of an oscillator by two equal Gaussians.

#: When the breather of the model is at rest.
REST = 5 * sp.pi / 16


def breather() -> sd.Problem:
    return sine_gordon.MODEL.problem({"widths": "4,4"})


def breathing(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    exact = sp.lambdify([X, sd.t], list(sine_gordon.EXACT.values()), "numpy")
    return np.stack(exact(points, times[:, None] + float(REST)), axis=1)


def squeezed(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.stack([schrodinger.exact(schrodinger.MODEL.settings, points, time) for time in times])


# Further cases, on which the budget was chosen too: a front, a double well and a soliton of light.


def fisher() -> sd.Problem:
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(1e-2) * u.diff(X, 2) + 2 * u * (1 - u)))
    return sd.Problem(equation, sd.mlp([X], [6, 6], period=[4]), _box(2, periodic=True), sd.Grid(256))


SEED = sp.exp(-10 * X**2) / 2
TEMPERATURE, SPILL = 0.3, sp.exp(2 * sp.cos(X - sp.Rational(1, 2)) - 2)


def well() -> sd.Problem:
    drift = sp.sin(2 * X) * u
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), drift.diff(X) + sp.Float(TEMPERATURE) * u.diff(X, 2)))
    box = sd.Box([(-sp.pi, sp.pi)], periodic=True)
    return sd.Problem(equation, sd.gaussians([X], 8, period=[PI2]), box, sd.Grid(200))


def spilt(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    """By the matrix exponential of Fourier differentiation."""
    size = len(points)
    wave = 1j * np.fft.fftfreq(size, 1 / size)
    rate = np.where(abs(wave) < size / 2, wave, 0)
    first, second = (np.fft.ifft(k[:, None] * np.fft.fft(np.eye(size), axis=0), axis=0).real for k in (rate, wave**2))
    step = expm((first @ np.diag(np.sin(2 * points)) + TEMPERATURE * second) * (times[1] - times[0]))
    values = [sp.lambdify(X, SPILL)(points)]
    for _ in times[1:]:
        values.append(step @ values[-1])
    return np.array(values)


def light() -> sd.Problem:
    """i ψ_t + ψ_xx/2 + |ψ|²ψ = 0 by five Gaussians."""
    psi = sp.Function("psi")(sd.t, X)
    equation = sd.EvolutionEquation(
        sp.Eq(psi.diff(sd.t), sp.I / 2 * psi.diff(X, 2) + sp.I * psi * sp.conjugate(psi) * psi)
    )
    return sd.Problem(equation, schrodinger.packets(5), _box(14), sd.Grid(400))


def pulse(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    """sech(x − v t) exp(i v x + i (1 − v²) t/2)."""
    v, time = 0.5, times[:, None]
    return np.exp(1j * (v * points + (1 - v**2) * time / 2)) / np.cosh(points - v * time)


def pulsed(problem: sd.Problem) -> np.ndarray:
    """Gaussians of several widths in one place, all of the pulse's momentum."""
    alpha = np.array([0.15, 0.35, 0.8, 1.8, 4.0])
    nodes = problem.points[:, 0]
    a = np.linalg.lstsq(np.exp(-alpha * nodes[:, None] ** 2 / 2), 1 / np.cosh(nodes), rcond=None)[0]
    zero = np.zeros(5)
    start = problem.ansatz.pack(dict(a=a, b=zero, alpha=alpha, beta=zero, q=zero, p=zero + 0.5))
    moving = lambda x: np.exp(0.5j * x) / np.cosh(x)  # noqa: E731
    return sd.fit(problem, (nodes, moving(nodes)), start=start)


# Fresh cases, on which no rule was chosen.


def nagumo() -> sd.Problem:
    reaction = 4 * u * (1 - u) * (u - sp.Float(0.3))
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(2e-2) * u.diff(X, 2) + reaction))
    return sd.Problem(equation, sd.gaussians([X], 9, period=[6]), _box(3, periodic=True), sd.Grid(256))


def lone() -> sd.Problem:
    """One soliton of the Korteweg-de Vries equation by six Gaussians."""
    return sd.Problem(kdv.EQUATION, sd.gaussians([X], 6, period=[20]), _box(10, periodic=True), sd.Grid(400))


def travelling(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    away = (points + 4 - 2 * times[:, None] + 10) % 20 - 10
    return 1 / np.cosh(away / np.sqrt(2)) ** 2


def steepening() -> sd.Problem:
    """Burgers' equation by ten Gaussians."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(5e-2) * u.diff(X, 2) - u * u.diff(X)))
    box = sd.Box([(-sp.pi, sp.pi)], periodic=True)
    return sd.Problem(equation, sd.gaussians([X], 10, period=[PI2]), box, sd.Grid(256))


def carried() -> sd.Problem:
    """Advection of a bump by a network."""
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), sp.Float(2e-3) * u.diff(X, 2) - u.diff(X)))
    return sd.Problem(equation, sd.mlp([X], [7, 7], period=[2]), _box(1, periodic=True), sd.Grid(256))


def flames() -> sd.Problem:
    """The Kuramoto-Sivashinsky equation by a network: stiff, steps of RK4 are at the end of their stability."""
    linear = -sp.Float(0.5) * u.diff(X, 2) - sp.Float(0.05) * u.diff(X, 4)
    equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), linear - u * u.diff(X)))
    box = sd.Box([(0, PI2)], periodic=True)
    return sd.Problem(equation, sd.mlp([X], [8, 8], period=[PI2]), box, sd.Grid(256))


SWELL, HUMP = sp.Float(0.9) * sp.exp(-2 * X**2), sp.exp(2 * sp.cos(X) - 2)
LUMP, RIPPLE = sp.exp(3 * sp.cos(sp.pi * X) - 3), sp.cos(X) + sp.sin(2 * X) / 3

_advection = functools.cache(advection)
_FISHER = SpectralProblem(-2, 2, lambda k: 2 - 1e-2 * k**2, np.ones_like, lambda v: -2 * v**2)
_ALLEN = SpectralProblem(0, 2 * np.pi, lambda k: 1 - 5e-3 * k**2, np.ones_like, lambda v: -(v**3))
_BURGERS = SpectralProblem(-1, 1, lambda k: -1e-3 * k**2, lambda k: -0.5j * k, np.square)
_NAGUMO = SpectralProblem(-3, 3, lambda k: -1.2 - 2e-2 * k**2, np.ones_like, lambda v: 5.2 * v**2 - 4 * v**3)
_STEEP = SpectralProblem(-np.pi, np.pi, lambda k: -5e-2 * k**2, lambda k: -0.5j * k, np.square)
_CARRIED = SpectralProblem(-1, 1, lambda k: -1j * k - 2e-3 * k**2, np.ones_like, np.zeros_like)
_FLAMES = SpectralProblem(0, 2 * np.pi, lambda k: 0.5 * k**2 - 0.05 * k**4, lambda k: -0.5j * k, np.square)
_CIRCLE = 2 * np.pi * np.arange(256) / 256
_AXIS = np.linspace(-8, 8, 401)

CASES: dict[str, Case] = {
    "V1 Gaussians alike": Case(_advection, alike, 2.0, 0.01, _AXIS, advected(_advection)),
    **{
        f"V2 collision, rho = {rho:g}": Case(
            functools.cache(functools.partial(waves, rho)), lambda _: np.array(colliding_waves.START, dtype=float),
            4.0, 0.01, np.linspace(-11, 11, 501), functools.partial(crossing, rho),
        )
        for rho in (0.0, 4.635e-6)
    },
    "V3 singular points": Case(
        functools.cache(singular), lambda _: np.zeros(2), 6.0, 0.01, _CIRCLE,
        lambda x, s: np.sin(s)[:, None] * (np.sin(x) + np.cos(x)),
    ),
    "V4 Korteweg-de Vries": Case(
        functools.cache(solitons), lambda p: sd.fit(p, lambda x: korteweg(x, np.zeros(1))[0]), 4.0, 0.002,
        -10 + 30 * np.arange(512) / 512, korteweg,
    ),
    "V5 Allen-Cahn": Case(functools.cache(allen_cahn), PHASES, 4.0, 0.02, _CIRCLE, _spectral(_ALLEN, PHASES)),
    "V6 Burgers": Case(
        functools.cache(burgers), BUMP, 2.0, 0.005, -1 + 2 * np.arange(512) / 512, _spectral(_BURGERS, BUMP)
    ),
    "V10 breather": Case(
        functools.cache(breather), [value.subs(sd.t, REST) for value in sine_gordon.EXACT.values()], 10.0, 0.02,
        np.linspace(-19, 19, 401), breathing,
    ),
    "V10 squeezed state": Case(
        functools.cache(schrodinger.MODEL.problem), schrodinger.profile(schrodinger.MODEL.settings), 6.0, 0.005,
        np.linspace(-8, 8, 201), squeezed,
    ),
    "Fisher's front": Case(
        functools.cache(fisher), SEED, 3.0, 0.015, -2 + 4 * np.arange(256) / 256, _spectral(_FISHER, SEED)
    ),
    "double well": Case(functools.cache(well), SPILL, 2.0, 0.01, _CIRCLE - np.pi, spilt),
    "modified Korteweg-de Vries": Case(
        functools.cache(modified), 1 / sp.cosh(X + 5), 6.0, 0.005, np.linspace(-20, 20, 801), modified_soliton
    ),
    "soliton of light": Case(functools.cache(light), pulsed, 4.0, 0.005, np.linspace(-12, 12, 401), pulse),
    "Nagumo's front": Case(
        functools.cache(nagumo), SWELL, 3.0, 0.015, -3 + 6 * np.arange(256) / 256, _spectral(_NAGUMO, SWELL)
    ),
    "one soliton": Case(
        functools.cache(lone), lambda p: sd.fit(p, lambda x: travelling(x, np.zeros(1))[0]), 4.0, 0.01,
        -10 + 20 * np.arange(256) / 256, travelling,
    ),
    "Burgers by Gaussians": Case(
        functools.cache(steepening), HUMP, 3.0, 0.01, _CIRCLE - np.pi, _spectral(_STEEP, HUMP)
    ),
    "advected bump": Case(
        functools.cache(carried), LUMP, 2.0, 0.01, -1 + 2 * np.arange(256) / 256, _spectral(_CARRIED, LUMP)
    ),
    "Kuramoto-Sivashinsky": Case(functools.cache(flames), RIPPLE, 2.0, 0.01, _CIRCLE, _spectral(_FLAMES, RIPPLE)),
}  # fmt: skip
