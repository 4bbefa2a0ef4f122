"""Models of equilibrium propagation: an orbit, its cost, and the gradient by the system's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdfi.ep import (
    Centered,
    Echo,
    EPTrainer,
    Galerkin,
    Holomorphic,
    Infinitesimal,
    Midpoint,
    Nudging,
    OneSided,
    Orbit,
    Reciprocal,
    Rule,
    Training,
    Trapezoidal,
    schemes,
)
from symdfi.ep.batches import Gradient
from symdfi.ep.cost import Integral
from symdfi.ep.optimizers import Optimizer
from symdfi.ep.samples import Data
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted
from symdfi.progress import phase
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty, tidy
from symdfi.running.keeping import Kept
from symdfi.running.model import at, expected
from symdfi.running.pictures import film_of_orbit, propagation
from symdfi.running.report import RunResult, reported
from symdfi.running.settings import Noted, Settings, completed, not_negative, positive
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    import xarray as xr

#: The advisor draws dense matrices: asked up to so many degrees of freedom.
_ADVISED = 64

#: What every model has a setting for.
PROPAGATION: dict[str, float | int | str] = {
    "steps": 64, "rule": "galerkin", "nudging": "infinitesimal", "beta": 0.0
}  # fmt: skip

RULES: dict[str, Callable[[], Rule]] = {"midpoint": Midpoint, "trapezoidal": Trapezoidal, "galerkin": Galerkin}
#: Nudging schemes by the setting ``nudging``, each from the setting ``beta``, where 0 leaves its choice to the scheme.
#: Echoes run the machine itself through the ``mirror``, by "mirror", or the discrete action backward.
NUDGINGS: dict[str, Callable[[float, Any], Nudging]] = {
    "infinitesimal": lambda beta, mirror: Infinitesimal(),
    "one-sided": lambda beta, mirror: OneSided(beta or None),
    "centered": lambda beta, mirror: Centered(beta or None),
    "holomorphic": lambda beta, mirror: Holomorphic(beta=beta or None),
    "echo": lambda beta, mirror: Echo(beta or Echo.beta),
    "mirror": lambda beta, mirror: Echo(beta or Echo.beta, mirror),
    "reciprocal": lambda beta, mirror: Reciprocal(beta or Reciprocal.amplitude),
}


def rule(s: Settings) -> Rule:
    """The rule of the setting ``rule``. ``ValueError`` for another name."""
    return _named(RULES, s, "rule")()


def nudging(s: Settings, mirror: Any = "find") -> Nudging:
    """The scheme of the settings ``nudging`` and ``beta``. ``ValueError`` for another name or a negative β."""
    not_negative(s, "beta")
    return _named(NUDGINGS, s, "nudging")(float(s["beta"]), mirror)


def _named(choices: Mapping[str, Any], s: Settings, name: str) -> Any:
    if s[name] not in choices:
        raise ValueError(f"the setting {name} = {s[name]!r} is none of {', '.join(choices)}")
    return choices[str(s[name])]


@dataclass(frozen=True)
class Experiment:
    """What settings make of a model: a trainer, and parameters, inputs and targets of one orbit. ``checkpoint`` is a
    file that keeps its training."""

    trainer: EPTrainer
    params: Mapping[Any, Any]
    inputs: Mapping[Any, Any] = field(default_factory=dict)
    targets: Mapping[Any, Any] = field(default_factory=dict)
    guess: np.ndarray | None = None
    checkpoint: Path | None = None

    def train(
        self, data: Data | None = None, epochs: int = 100, *, optimizer: Optimizer | str | None = None,
        batch: int | None = None, seed: int = 0, gradient: Gradient = None, patience: int | None = None,
    ) -> Training:  # fmt: skip
        """``EPTrainer.train`` from the parameters on, by default on the one orbit with its inputs and targets, or gone
        on with from where the ``checkpoint`` has it."""
        data = [{**self.inputs, **self.targets}] if data is None else data
        if self.checkpoint is not None and self.checkpoint.exists():
            return self.trainer.resume(self.checkpoint, data, epochs, optimizer=optimizer, gradient=gradient)
        return self.trainer.train(
            self.params, data, epochs, optimizer=optimizer, batch=batch, seed=seed, gradient=gradient,
            guess=self.guess, patience=patience, checkpoint=self.checkpoint, checkpoint_every=max(1, epochs // 20),
        )  # fmt: skip

    def free(self, params: Mapping[Any, Any] | None = None, guess: np.ndarray | None = None) -> Orbit:
        """The free orbit; of other parameters, near another path."""
        return self.trainer.free(
            self.params if params is None else params, self.inputs, self.targets,
            self.guess if guess is None else guess,
        )  # fmt: skip

    @property
    def of_system(self) -> dict[Any, Any]:
        """The parameters that the system holds: those of the cost alone are left out."""
        system = self.trainer.system
        held = (system.L, system.dissipation, *system.external_forces)
        return {key: value for key, value in self.params.items() if any(expr.has(key) for expr in held)}

    def difference_error(self, free: Orbit, gradient: Mapping[str, np.ndarray]) -> float:
        """|δC/δr − dC/dθ·r| / ‖dC/dθ‖ with a centred difference of the cost, of fourth order, in a direction r of
        length 1, drawn at random with a fixed seed; NaN where the gradient is 0."""
        given = {name_of(key): value for key, value in self.params.items()}
        theta = {name: np.asarray(given[name], float) for name in gradient}
        rng = np.random.default_rng(0)
        way = {name: rng.normal(size=value.shape) for name, value in theta.items()}
        length = np.linalg.norm(_flat(way))
        step = np.finfo(float).eps ** 0.3 * max(1.0, float(np.max(np.abs(_flat(theta)))))

        def cost(share: int) -> float:
            moved = {name: theta[name] + share * step * way[name] / length for name in way}
            return self.free({**given, **moved}, free.q).cost

        difference = (8 * (cost(1) - cost(-1)) - (cost(2) - cost(-2))) / (12 * step)
        slope = _flat(gradient) @ _flat(way) / length
        return float(abs(difference - slope) / (np.linalg.norm(_flat(gradient)) or np.nan))


@dataclass(frozen=True)
class Outcome:
    """An orbit, the gradient of its cost by the scheme chosen and by the adjoint, and a training where there is one."""

    experiment: Experiment
    orbit: Orbit
    gradient: dict[str, np.ndarray]
    adjoint: dict[str, np.ndarray]
    training: Training | None = None

    @property
    def error(self) -> float:
        """‖gradient − adjoint‖ / ‖adjoint‖."""
        exact = _flat(self.adjoint)
        return float(np.linalg.norm(_flat(self.gradient) - exact) / (np.linalg.norm(exact) or np.nan))

    @property
    def dataset(self) -> xr.Dataset:
        """The orbit, the gradients, and the history of the training."""
        import xarray as xr

        data: dict[str, Any] = {}
        stored = self.orbit.dataset.data_vars.values()
        known = {own.attrs.get("symbol"): own.dims for own in stored if own.attrs.get("role") == "parameter"}
        for label, found in (("gradient", self.gradient), ("adjoint", self.adjoint)):
            for name, values in found.items():
                axes = known.get(name, tuple(f"{name}_axis_{k}" for k in range(values.ndim)))
                data[f"{label}_{name}"] = (axes, values, {"role": label, "long_name": f"dC/d{name}"})
        parts = [self.orbit.dataset, xr.Dataset(data)]
        if self.training is not None:
            history = self.training.dataset
            parts.append(history.rename({name: f"training_{name}" for name in history.data_vars}))
        return xr.merge(parts, combine_attrs="drop_conflicts")


@dataclass(frozen=True, kw_only=True)
class PropagationModel:
    """An orbit of a Lagrangian system, a cost, and the gradient by equilibrium propagation.

    ``build(settings)`` gives the experiment, ``reference(settings, outcome)`` measured errors by name, and
    ``train(settings, experiment)``, where the model trains, the training. Every model has the settings ``steps``,
    ``rule``, ``nudging`` and ``beta``, which ``rule(settings)`` and ``nudging(settings)`` make what they name of. Every
    run compares the gradient with the adjoint's and with a centred difference of the cost. A whole file, for
    `symdfi run ./swing.py --set k=2`:

        \"\"\"A driven pendulum that is to pass 0.5 at the end: which spring helps?\"\"\"

        import numpy as np
        import sympy as sp
        import symdfi as sd
        from symdfi.running import nudging

        q, v = sd.coordinates("q")
        k, f, y = sp.symbols("k f y")
        system = sd.Lagrangian(v**2 / 2 + k * sp.cos(q) + f * q, q, v, parameters=[k], inputs=[f])
        cost = sd.Cost(terminal=(q - y) ** 2 / 2, targets=[y])

        def build(s):
            boundary = sd.InitialState(0.2, 0.0, s["T"])
            trainer = sd.EPTrainer(system, cost, boundary, s["steps"], trainable=[k], nudging=nudging(s))
            return sd.Experiment(trainer, {k: s["k"]}, inputs={f: np.sin}, targets={y: 0.5})

        def train(s, experiment):  # on this one orbit; on more by data, {f: (samples, times), y: (samples,)}
            return experiment.train(epochs=s["epochs"], optimizer=sd.Adam(0.05))

        MODEL = sd.PropagationModel(
            build=build, train=train, defaults={"k": 1.0, "T": 5.0, "steps": 100, "epochs": 20}
        )
    """

    name: str = ""
    title: str = ""
    description: str = ""
    defaults: Settings = field(default_factory=dict)
    build: Callable[[Settings], Experiment] | Experiment
    reference: Callable[[Settings, Outcome], dict[str, float]] | None = None
    train: Callable[[Settings, Experiment], Training] | None = None

    @property
    def settings(self) -> Settings:
        return completed(self.defaults, PROPAGATION)

    def experiment(self, settings: Settings | None = None) -> Experiment:
        """What the settings make of the model. ``ValueError`` for a bad one."""
        return self._experiment(self._noted(settings))

    def _noted(self, settings: Settings | None) -> Noted:
        """All settings."""
        return settings if isinstance(settings, Noted) else Noted({**self.settings, **(settings or {})})

    def _experiment(self, s: Noted) -> Experiment:
        if "steps" in self.defaults:
            positive(s, "steps")
        made = expected(self.name, "build", at(self.build, s), Experiment, "an Experiment(trainer, params, ...)")
        if self.train is None:
            s.refuse_unread(self.name, PROPAGATION, self.settings, self.defaults)
        return made

    def show(self, latex: bool = False, source: bool = False) -> str:
        experiment = self.experiment()
        system, cost = experiment.trainer.system, experiment.trainer.cost
        if source:
            return system.compile().source
        parts = {
            "Lagrangian": [_named_as("L", system.lagrangian)],
            "Rayleigh function": [_named_as("R", system.dissipation)] if system.dissipation != 0 else [],
            "Equations of motion": [tidy(equation) for equation in system.euler_lagrange],
            "Cost": [_named_as(n, e) for n, e in (("c", cost.running), ("Psi", cost.terminal)) if e != 0],
        }
        if cost.integrals:
            parts["Cost of integrals"] = [*map(_over_time, cost.integrals), _named_as("Phi", cost.of_integrals)]
        parts = {title: found for title, found in parts.items() if found}
        if latex:
            return in_latex(parts)
        return "\n\n".join([self.title, self.description, pretty(parts), *_advice(experiment)])

    def run(self, settings: Settings, initial: Path | None = None, kept: Kept | None = None) -> RunResult:
        """The orbit, its gradients and their errors, and the training; what is ``kept`` of that is gone on with."""
        if initial is not None:
            raise ValueError(f"{self.name} is a mechanical system: it takes no initial profile, set its settings")
        s = self._noted(settings)
        try:
            outcome = self.outcome(s, kept)
        except (ConvergenceError, DivergenceError, Interrupted) as error:
            outcome = error.partial
            error.partial = self._result(s, outcome, {}) if isinstance(outcome, Outcome) else None
            raise
        phase("measuring")
        try:
            measured = {
                "gradient against the adjoint": outcome.error,
                "gradient against a difference of C": outcome.experiment.difference_error(
                    outcome.orbit, outcome.adjoint
                ),
                **(self.reference(s, outcome) if self.reference is not None else {}),
            }
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted while measuring", partial=self._result(s, outcome, {})) from error
        return self._result(s, outcome, measured)

    def _result(self, s: Noted, outcome: Outcome, measured: dict[str, float]) -> RunResult:
        orbit = outcome.orbit
        s.leave_out_unread(PROPAGATION, self.defaults)
        return reported(
            self, s, [*self._rows(outcome), *((name, f"{value:.6g}") for name, value in measured.items())],
            outcome.dataset.assign_attrs(measured),
            lambda: propagation(orbit, outcome.gradient, outcome.adjoint, outcome.training),
            None if orbit.dataset.sizes["time"] < 2 else lambda: film_of_orbit(orbit),
            orbit, {} if outcome.training is None else {"training": outcome.training},
        )  # fmt: skip

    def outcome(self, settings: Settings | None = None, kept: Kept | None = None) -> Outcome:
        """Orbit, gradients and training. Where that fails or is interrupted, its error keeps the ``Outcome`` of what
        was trained as ``partial``."""
        s = self._noted(settings)
        phase("deriving")
        experiment = self._experiment(s)
        if kept is not None:
            experiment = replace(experiment, checkpoint=kept.checkpoint("train"))
        phase("solving")
        trainer, orbit = experiment.trainer, experiment.free()
        found, exact = trainer.response(orbit), trainer.adjoint(orbit)
        phase("training")
        try:
            training = None if self.train is None else self.train(s, experiment)
        except (ConvergenceError, DivergenceError, Interrupted) as error:
            done = error.partial if isinstance(error.partial, Training) and len(error.partial.loss) else None
            error.partial = Outcome(experiment, orbit, found, exact, done)
            raise
        return Outcome(experiment, orbit, found, exact, training)

    def _rows(self, outcome: Outcome) -> list[tuple[str, str]]:
        experiment, orbit = outcome.experiment, outcome.orbit
        trainer, d = experiment.trainer, orbit.q.shape[1]
        boundary = trainer.boundary
        rows = [
            ("degrees of freedom", str(d)),
            ("boundary condition", f"{type(boundary).__name__}, T = {boundary.T:g}"),
            ("rule", f"{orbit.setting.rule}, {len(orbit.q)} nodes"),
            ("scheme", repr(trainer.nudging)),
        ]
        if d <= _ADVISED:
            rows.append(
                ("schemes admitted", ", ".join(schemes(trainer.system, boundary, experiment.of_system).admitted))
            )
        rows += [
            ("cost", f"{orbit.cost:.10g}"),
            ("norm of the gradient", f"{np.linalg.norm(_flat(outcome.adjoint)):.6g}"),
        ]
        rows += [(f"dC/d{name}", f"{float(g):.10g}") for name, g in outcome.gradient.items() if g.ndim == 0]
        if (training := outcome.training) is not None:
            rows += [
                ("training", f"{len(training.loss)} epochs on {training.samples} samples: {training.message}"),
                ("loss", f"{training.loss[0]:.4g}, then {training.best_loss:.4g}"),
                ("samples skipped", str(int(training.skipped.sum()))),
            ]
        return rows


def _advice(experiment: Experiment) -> list[str]:
    trainer = experiment.trainer
    if (trainer.boundary.n_dof or 0) > _ADVISED:
        return []
    return ["Schemes\n" + str(schemes(trainer.system, trainer.boundary, experiment.of_system))]


def _named_as(name: str, expr: sp.Expr) -> sp.Expr:
    return sp.Eq(sp.Symbol(name), expr, evaluate=False)


def _over_time(integral: Integral) -> sp.Expr:
    """z = ∫ g dt."""
    z = integral.variable[integral.indices] if integral.indices else integral.variable
    return sp.Eq(z, sp.Integral(integral.density, (t, 0, sp.Symbol("T"))), evaluate=False)


def _flat(found: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(values) for values in found.values()])
