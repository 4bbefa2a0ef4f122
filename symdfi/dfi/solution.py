"""The result of ``evolve``."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.archive.result import Result
from symdfi.archive.values import alike
from symdfi.dfi.dataset import dataset_of
from symdfi.dfi.growth import along, logarithmic_norm, moved
from symdfi.dfi.lifting import Lifting, in_doubt
from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion
from symdfi.dfi.target import distance, in_time
from symdfi.errors import CompileError, PrecisionWarning
from symdfi.numbers import real, reals
from symdfi.plotting import plot_field
from symdfi.results import hermite, provenance
from symdfi.showing import shortened

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: What a solution holds at each saved time.
_SCALARS = ("gamma", "velocity_change", "residual", "residual_solved", "rate", "effective_rank", "null_share")
SAVED = ("t", "theta", "velocity", *_SCALARS)
#: The logarithm of the largest number.
_LARGEST = float(np.log(np.finfo(float).max))
#: ... and of each step.
STEPS = ("step_t", "step_dt", "step_residual", "step_defect")


@dataclass(frozen=True, eq=False)
class Solution(Result):
    """Parameters ``theta`` and ``velocity`` (s, p) at the saved times ``t`` (s,).

    ``gamma`` is that of the last solve before the save, ``velocity_change`` ‖v − v_n‖, v_n the velocity before.
    ``residual`` and ``residual_solved`` are ‖J v − f‖ in L² on independent points and on those solved on, ``rate``
    is ‖f‖ on the independent points, ``effective_rank`` Σσ²/(σ² + γ) of the last solve, ``null_share``
    ‖γ(JᵀJ + γ)⁻¹v‖/‖v‖ the share of v that it leaves to the anchor; NaN at saves that were not measured.

    Of each of the k steps, or of several together, from ``step_t`` (k,) on and ``step_dt`` long, on independent points
    in L²: ``step_residual`` is ∫‖J θ̇ − f‖ dt along the path through them, ``step_defect`` ‖û⁺ − û − ∫f dt‖
    (``dfi.defect``).

    ``spectrum`` (s, min(n F, p)) are the singular values of J, largest first, if a run was asked for them, else None.

    ``last`` is the motion at the end, from which ``evolve`` continues. ``initial_error`` is e₀ = ‖û − u₀‖ in L² at the
    start, on independent points: 0 where the run was given no u₀, the initial value then being û itself, and NaN where
    it is not known: where it continues another run (``then`` knows it), or θ was fitted to other fields.
    """

    problem: Problem
    t: np.ndarray
    theta: np.ndarray
    velocity: np.ndarray
    gamma: np.ndarray
    velocity_change: np.ndarray
    residual: np.ndarray
    residual_solved: np.ndarray
    rate: np.ndarray
    effective_rank: np.ndarray
    null_share: np.ndarray
    step_t: np.ndarray
    step_dt: np.ndarray
    step_residual: np.ndarray
    step_defect: np.ndarray
    dt: float
    stepper: str
    last: Motion
    initial_error: float = 0.0
    spectrum: np.ndarray | None = None
    #: How it goes on (``dfi.advance``), None where it does not.
    resumption: Any = field(default=None, repr=False)
    #: What its problem is, in words and by its numbers, of one that was read from a file.
    identity: str = field(default="", compare=False, repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=provenance, compare=False, repr=False)

    def __repr__(self) -> str:
        size = f"{len(self.t)} saves of {self.theta.shape[1]} parameters"
        known = self.relative_residual[np.isfinite(self.relative_residual)]
        residual = f", relative residual at most {known.max():.1e}" if known.size else ""
        stepper = self.stepper.partition("(")[0]
        return f"Solution(t = {self.t[0]:g} to {self.t[-1]:g}, {size}, {stepper}, dt = {self.dt:.3g}{residual})"

    def _rows(self) -> list[tuple[str, Any]]:
        problem = self.problem
        found: list[tuple[str, Any]] = [("stepper", self.stepper), ("initial error", self.initial_error)]
        if isinstance(problem, Problem):
            found += [("equation", shortened(str(problem.equation), 400)), ("domain", problem.domain)]
            found += [("quadrature", problem.quadrature)]
            found += [(f"parameter {p}", value) for p, value in problem.param_values.items()]
        return found

    def evaluate(self, x: np.ndarray, t: float | np.ndarray | None = None) -> np.ndarray:
        """û at points ``x`` ((n,) or (n, dim)) and time ``t`` (default: the last) as ``Problem.evaluate`` gives it,
        (n,) or (F, n) of F fields, one after the other for several times, (len(t), n) or (len(t), F, n); θ is
        interpolated between saves by cubic Hermite polynomials of θ and v.

        Raises ``ValueError`` for a time outside those computed.
        """
        times = reals(self.t[-1] if t is None else t, "t")
        if times.ndim > 1:
            raise ValueError(f"times of shape {times.shape}: expected a number or (k,)")
        values = [self.problem.evaluate(theta, x) for theta in self.theta_at(np.atleast_1d(times))]
        if times.ndim == 0:
            return values[0]
        return np.stack(values) if values else np.empty((0, *self.problem.evaluate(self.theta[-1], x).shape))

    def theta_at(self, t: float | np.ndarray) -> np.ndarray:
        """θ(t), (p,) or (k, p) for k times. ``ValueError`` outside the times computed."""
        return hermite(self.t, self.theta, self.velocity, t)

    def resume(
        self, t_end: float | None = None, *, problem: Problem | None = None, stepper: Any = None,
        checkpoint: str | Path | None = None, checkpoint_every: int = 1000, on_step: Any = None,
    ) -> Solution:  # fmt: skip
        """The solution gone on with to ``t_end``, a whole number of its own steps: to the last bit as if it had not
        stopped. Without ``t_end`` to where the run was to end that has been stopped, by ``on_step`` or Ctrl-C.

        ``problem`` and ``stepper`` are only asked for where a file could not keep them, classes of your own say;
        ``checkpoint`` and ``on_step`` as for ``evolve``. Raises ``ValueError`` for an end that is not ahead or that no
        steps lead to, and where a solution does not go on, as after a divergence; ``CheckpointError`` naming what a
        file could not keep; and what ``evolve`` raises.
        """
        if self.resumption is None:
            raise ValueError(
                "this solution does not go on: an error has ended it; evolve anew from solution.last with smaller steps"
            )
        kept = (None if checkpoint is None else Path(checkpoint), checkpoint_every)
        return self.resumption.resume(self, t_end, problem, stepper, kept, on_step)

    def then(self, later: Solution) -> Solution:
        """This solution and one that continues it, as one; the moment in common is taken from ``later``.

        Raises ``ValueError`` if ``later`` does not begin where this one ends.
        """
        if not alike(later.problem, self.problem) or abs(later.t[0] - self.t[-1]) > 1e-9 * max(1.0, abs(self.t[-1])):
            raise ValueError(f"a solution from t = {later.t[0]} does not continue one until t = {self.t[-1]}")
        saved = {n: np.concatenate([getattr(self, n)[:-1], getattr(later, n)]) for n in SAVED}
        steps = {n: np.concatenate([getattr(self, n), getattr(later, n)]) for n in STEPS}
        spectra = self.spectrum, later.spectrum
        spectrum = None if spectra[0] is None or spectra[1] is None else np.concatenate([spectra[0][:-1], spectra[1]])
        onward = later.resumption and later.resumption.after(len(self.t) - 1, len(self.step_t))
        return dataclasses.replace(
            later, **saved, **steps, initial_error=self.initial_error, spectrum=spectrum, resumption=onward,
            labels=self.labels,
        )  # fmt: skip

    @property
    def relative_residual(self) -> np.ndarray:
        """‖J v − f‖/‖f‖ on independent points."""
        return self.residual / np.where(self.rate > 0, self.rate, 1.0)

    @property
    def step_restriction(self) -> np.ndarray:
        """h ‖J v − f‖/γ on the points solved on, at the saved times: while it stays O(1) the error of time steps is
        as without regularisation (Feischl, Lasser, Lubich and Nick; h δ/ε² there)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.dt * self.residual_solved / self.gamma

    @functools.cached_property
    def growth(self) -> np.ndarray:
        """λ at the saved times (s,): how fast errors may grow, estimated by the logarithmic norm of f′(û) on the
        tangent space of the ansatz (``dfi.growth``). It is evaluated at up to 64 of these times, and is the larger of
        both neighbours between them.

        Raises ``ValueError`` for an ansatz of more than 4096 parameters, ``CompileError`` where f has no compiled
        derivative.
        """
        lifting = self._lifting
        norm = lifting.growth if isinstance(lifting, Lifting) else logarithmic_norm
        times, found = along(self.problem, self.t, self.theta, norm)
        after = np.searchsorted(times, self.t)
        return np.maximum(found[np.maximum(np.searchsorted(times, self.t, side="right") - 1, 0)], found[after])

    @property
    def error_bound(self) -> np.ndarray:
        """``bound()`` at the saved times: the initial error, and what the steps stray, with the estimated growth."""
        return self.bound()

    def bound(self, lipschitz: float | None = None, initial_error: float | None = None) -> np.ndarray:
        """‖e‖ in L² at the saved times at most: e_{k+1} = e^{ℓh} e_k + max(1, e^{ℓh}) δ_k from e₀ on.

        e₀ is the ``initial_error`` of the solution unless given. ℓ is a one-sided Lipschitz constant of f,
        ⟨f(u) − f(w), u − w⟩ ≤ ℓ‖u − w‖²; not given, it is taken step by step from ``growth``, the larger of its values
        at the saves around the step, and 0 where these are negative: that errors fade in the tangent space of the
        ansatz does not show that others do. This is an estimate, to first order in e and for a differentiable f. As any
        bound by a Lipschitz constant it takes all errors to grow as the worst does: after a shock of slope s in
        Burgers' equation by up to e^{s/2} a unit of time, and ends many orders above the error.

        δ_k = ∫‖J θ̇ − f‖ dt over the step, or its defect ‖û⁺ − û − ∫f dt‖ if that is larger, as it is where the path
        is not resolved (theory of DFI, "The error bound"; ``dfi.defect``). Both what the ansatz cannot follow and the
        error of the time steps are in it, the latter with order 1 (Euler), 2 (BDF2) and 3 (RK4, the resolution). It is
        as good as the quadratures in space and time: of what no independent point sees it knows nothing. Infinite where
        it overflows and past the last step that was measured, NaN where the initial error is.

        Where conditions on the boundary are rows, they hold up to an error, which is taken off û by a polynomial w: the
        bound is that of û − w, whose δ_k are measured between saves, and ‖w‖ (``dfi.lifting``). This is so for linear
        conditions in one dimension; for others it is NaN, with a ``PrecisionWarning``. So it is where a condition
        is said to be in the ansatz, and û and its derivative move independently of one another at that face.
        """
        if self._withheld is not None:
            warnings.warn(f"no error bound: {self._withheld}", PrecisionWarning, stacklevel=2)
            return np.full(len(self.t), np.nan)
        if isinstance(self._lifting, Lifting):
            return self._lifted_bound(self._lifting, lipschitz, initial_error)
        e0 = self.initial_error if initial_error is None else real(initial_error, "initial_error")
        if lipschitz is None:
            after = np.searchsorted(self.t, self.step_t + 0.5 * self.step_dt).clip(1, max(len(self.t) - 1, 1))
            around = np.maximum(self.growth[after - 1], self.growth[np.minimum(after, len(self.t) - 1)])
            constants = np.maximum(around, 0.0)
        else:
            constants = np.full(len(self.step_t), real(lipschitz, "lipschitz"))
        with np.errstate(over="ignore"):
            factors = np.exp(np.minimum(constants * self.step_dt, _LARGEST))
        strays = np.maximum(self.step_residual, self.step_defect)
        # At the ends of what was measured, and within it.
        grown, within = [e0], [e0]
        for factor, strayed in zip(factors.tolist(), strays.tolist(), strict=True):
            within.append(max(1.0, factor) * (grown[-1] + strayed))
            grown.append(factor * grown[-1] + max(1.0, factor) * strayed)
        slack = 1e-6 * np.append(self.step_dt, 0.0)
        begun = np.searchsorted(self.step_t + slack[:-1], self.t)
        end = np.append(self.t[:1], self.step_t + self.step_dt)[begun]
        inside, beyond = self.t < end - slack[begun - 1], self.t > end + slack[begun - 1]
        return np.where(beyond, np.inf, np.where(inside, np.array(within)[begun], np.array(grown)[begun]))

    @functools.cached_property
    def _lifting(self) -> Lifting | str | None:
        """What takes the error of conditions on the boundary off, or why nothing does; None where they are no rows."""
        return Lifting.of(self.problem) if self.problem.boundary.conditions else None

    @property
    def _withheld(self) -> str | None:
        """Why there is no bound, None where there is one."""
        return self._lifting if isinstance(self._lifting, str) else self._doubt

    @functools.cached_property
    def _doubt(self) -> str | None:
        """Why what is said to be in the ansatz is not."""
        return in_doubt(self.problem, self.theta[-1]) if self.problem.boundary.said else None

    def _lifted_bound(self, lifting: Lifting, lipschitz: float | None, initial_error: float | None) -> np.ndarray:
        """The ``bound`` of û − w, and the size of w."""
        e0 = self.initial_error if initial_error is None else real(initial_error, "initial_error")
        if lipschitz is None:
            constants = np.maximum(np.maximum(self.growth[:-1], self.growth[1:]), 0.0)
        else:
            constants = np.full(len(self.t) - 1, real(lipschitz, "lipschitz"))
        sizes = np.array([lifting.size(theta, time) for theta, time in zip(self.theta, self.t.tolist(), strict=True)])
        found = [e0 + sizes[0]]
        with np.errstate(over="ignore"):
            factors = np.exp(np.minimum(constants * np.diff(self.t), _LARGEST))
        for factor, strayed in zip(factors.tolist(), self._lifted_strays.tolist(), strict=True):
            found.append(factor * found[-1] + max(1.0, factor) * strayed)
        return np.append(e0, np.array(found[1:]) + sizes[1:])

    @functools.cached_property
    def _lifted_strays(self) -> np.ndarray:
        assert isinstance(self._lifting, Lifting)
        return self._lifting.strays(self.t, self.theta, self.velocity)

    def errors(self, reference: Any) -> np.ndarray:
        """‖û − u‖ in L² at the saved times (s,), of all fields together, on points independent of those solved on.

        The reference u is an expression in the variables and ``sd.t``, or a function of points ((n,) in one dimension,
        or (n, dim)) and a time; of several fields one each, in a list or by field. Raises what ``fit`` does for a
        target.
        """
        known = in_time(self.problem, reference)
        moments = zip(moved(self.problem, self.theta), self.theta, self.t.tolist(), strict=True)
        return np.array([distance(problem, theta, known(time)) for problem, theta, time in moments])

    def effectivity(self, reference: Any) -> np.ndarray:
        """``error_bound`` over the true error at the saved times (s,): at least 1 where the bound holds; infinite where
        there is no error. ``reference`` as for ``errors``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.error_bound / self.errors(reference)

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """Everything saved as an ``xarray.Dataset``, with û on a uniform grid in one and two dimensions, where the
        domain is finite: as "u", or of several fields each under its name."""
        return self.as_dataset()

    def as_dataset(self, lipschitz: float | None = None) -> xr.Dataset:
        """The ``dataset``, its error bound by a one-sided Lipschitz constant of f that is known, ``bound(lipschitz)``:
        to estimate it takes the derivative of f, in many dimensions most of all there is to derive."""
        return dataset_of(self, self._shown_bound(lipschitz))

    def _shown_bound(self, lipschitz: float | None) -> tuple[np.ndarray, dict[str, Any]]:
        """The bound and by which constant, or NaN and why there is none."""
        if self._withheld is not None:
            return np.full(len(self.t), np.nan), {"missing": self._withheld}
        try:
            return self.bound(lipschitz), {} if lipschitz is None else {"lipschitz": float(lipschitz)}
        except (CompileError, ValueError) as error:
            return np.full(len(self.t), np.nan), {"missing": str(error)}

    def plot(self) -> Figure:
        """A figure of û over space and time and profiles, of every field, and the residual."""
        return plot_field(self.dataset)
