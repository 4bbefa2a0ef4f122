"""Gradients of a cost by equilibrium propagation, and their check.

Theorem (THEORY-EP, §1): with q^β extremal for S_β under fixed ends or periodicity,
``dC/dθ = d/dβ ∂_θS_β(q^β)`` at β = 0: the response, to the nudge, of the impulse of the momentum
conjugate to θ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.compile.program.loops import Variable
from symdfi.dynamics.system import Lagrangian
from symdfi.ep.action import COST, FREE, DiscreteAction, Signals, finite_derivatives
from symdfi.ep.boundary import Boundary
from symdfi.ep.cost import Cost
from symdfi.ep.extremum import Orbit, check_boundary, nudge, solve
from symdfi.ep.nudging import Centered, Nudging
from symdfi.errors import DivergenceError, SymbolicError
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import finite_reals, real
from symdfi.pickling import Rebuilt
from symdfi.symbolic.given import name_of


@dataclass(frozen=True)
class GradientCheck:
    """One gradient three ways, by parameter name."""

    loss: float
    equilibrium_propagation: dict[str, np.ndarray]
    adjoint: dict[str, np.ndarray]
    finite_differences: dict[str, np.ndarray]

    @property
    def error(self) -> float:
        """‖EP − adjoint‖ / ‖adjoint‖ over all parameters."""
        return _distance(self.equilibrium_propagation, self.adjoint)

    @property
    def finite_difference_error(self) -> float:
        """‖finite differences − adjoint‖ / ‖adjoint‖."""
        return _distance(self.finite_differences, self.adjoint)

    def __str__(self) -> str:
        lines = [f"{'parameter':<16}{'EP':>18}{'adjoint':>18}{'finite diff.':>18}"]
        for name, exact in self.adjoint.items():
            columns = (self.equilibrium_propagation[name], exact, self.finite_differences[name])
            for index in np.ndindex(exact.shape):
                label = name + (f"[{', '.join(map(str, index))}]" if index else "")
                lines.append(f"{label:<16}" + "".join(f"{float(c[index]):>18.10g}" for c in columns))
        errors = f"of EP {self.error:.2e}, of finite differences {self.finite_difference_error:.2e}"
        lines.append(f"relative error {errors}")
        return "\n".join(lines)


def _distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    left, right = (np.concatenate([np.ravel(g[name]) for name in other]) for g in (one, other))
    # In units of the largest: squares of what is very large or small overflow or vanish.
    unit = np.max(np.abs([left, right]), initial=0.0) or 1.0
    return float(np.linalg.norm(left / unit - right / unit) / (np.linalg.norm(right / unit) or 1.0))


class EPTrainer(Rebuilt):
    """Gradients of C by the parameters ``trainable`` of a Lagrangian system, without backpropagation in time.

    ``boundary`` is ``FixedEnds`` or ``Periodic``; ``nudging`` a scheme (default centred). Inputs and targets
    are constants, arrays over the midpoints (steps, *shape), or functions of time. Signs: see ``symdfi.ep``.

    Raises ``SymbolicError`` for a parameter that neither Lagrangian nor cost holds or that is an index array,
    for a system with dissipation, and for any other boundary condition.
    """

    def __init__(
        self,
        system: Lagrangian,
        cost: Cost,
        boundary: Boundary,
        steps: int,
        trainable: Sequence[Variable | str],
        nudging: Nudging | None = None,
    ) -> None:
        check_boundary(boundary)
        self.action = DiscreteAction(system, cost)
        self.system, self.cost, self.boundary, self.steps = system, cost, boundary, steps
        self.nudging = nudging if nudging is not None else Centered()
        self.trainable = tuple(name_of(p) for p in trainable)
        known = [name_of(p) for p in self.action.kernels.differentiable]
        for name in self.trainable:
            if name not in known:
                raise SymbolicError(
                    f"{name} is no parameter of Lagrangian or cost that has a gradient: {', '.join(sorted(known))}"
                )

    def free(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> Orbit:  # fmt: skip
        """The free phase: the extremal trajectory of S_0, with its cost."""
        for kind, given in (("inputs", inputs), ("targets", targets)):
            if given is not None and not isinstance(given, Mapping):
                raise TypeError(f"{kind} are given by name, as {{y: values}}, not as {type(given).__name__}")
        signals = {**(inputs or {}), **(targets or {})}
        return solve(self.action, self.boundary, self.steps, params, signals, guess=guess)

    def gradient(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None,
    ) -> tuple[float, dict[str, np.ndarray]]:  # fmt: skip
        """``(C, dC/dθ by name)``: one free phase, and a nudged one for every β of the scheme.

        All of it is finite: ``DivergenceError`` says what is not. Raises ``ConvergenceError`` and
        ``SingularMatrixError`` as ``extremize`` does, and the former for a nudge that is too large or too small,
        ``ValueError`` for a missing, misshapen or non-finite parameter, input or target.
        """
        free = self.free(params, inputs, targets, guess)
        return free.cost, self.response(free)

    def response(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by equilibrium propagation: Σ_m w_m ∂_θS(β_m), by name."""
        phases = [(weight, nudge(free, beta) if beta else free) for beta, weight in self.nudging.points]
        terms = [(weight, phase.gradient()) for weight, phase in phases]
        with np.errstate(over="ignore", invalid="ignore"):
            found = {name: np.asarray(sum(w * term[name] for w, term in terms)) for name in self.trainable}
        return finite_derivatives(found, free.q)

    @one_blas_thread()
    def adjoint(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by implicit differentiation: ∂_θC − λ·∂_θ∂_qS with (∂²S/∂q∂q) λ = ∂C/∂q."""
        action, numbers = free.action, free.numbers
        push = action.gradient(numbers, free.q, COST)
        if not np.isfinite(push).all():
            raise DivergenceError("the derivative of the cost by the path is not finite", partial=free.q)
        lam = free.factor.solve_transposed(push)
        explicit = action.parameter_gradient(numbers, free.q, COST)
        implicit = action.parameter_gradient(numbers, free.q, FREE, numbers.boundary.variation(lam))
        with np.errstate(over="ignore", invalid="ignore"):
            found = {name: explicit[name] - implicit[name] for name in self.trainable}
        return finite_derivatives(found, free.q)

    def check_gradient(
        self, params: Mapping[Any, Any], inputs: Signals | None = None, targets: Signals | None = None,
        guess: np.ndarray | None = None, *, step: float = 1e-5,
    ) -> GradientCheck:  # fmt: skip
        """The gradient by EP, by the adjoint and by central differences (relative ``step``), side by side. Errors as
        ``gradient``; ``ValueError`` for a ``step`` that is not positive or is lost in rounding."""
        if not (step := real(step, "step")) > 0:
            raise ValueError(f"step = {step} must be positive")
        free = self.free(params, inputs, targets, guess)
        given = {name_of(key): value for key, value in params.items()}

        def loss(name: str, value: np.ndarray) -> float:
            return self.free({**given, name: value}, inputs, targets, free.q).cost

        differences = {}
        for name in self.trainable:
            value = finite_reals(given[name], f"the parameter {name}")
            differences[name] = np.empty(value.shape)
            for index in np.ndindex(value.shape):
                shift = np.zeros(value.shape)
                shift[index] = step * max(1.0, abs(float(value[index])))
                with np.errstate(over="ignore"):
                    above, below = value + shift, value - shift
                width = float(above[index] - below[index])
                if width == 0:
                    raise ValueError(f"step = {step} is lost in the rounding of {name}, {value[index]}")
                change = loss(name, above) - loss(name, below)
                differences[name][index] = change / width
        finite_derivatives(differences, free.q)
        return GradientCheck(free.cost, self.response(free), self.adjoint(free), differences)
