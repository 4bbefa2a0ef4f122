"""From a model's settings to steps in time: the stepper, and a solution saved at equal intervals."""

from __future__ import annotations

import numpy as np

from symdfi.dfi import DFI, Problem, Solution, evolve
from symdfi.dfi.schemes import Motion
from symdfi.dfi.steppers import Stepper
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.running.settings import Settings, positive

#: Settings that may be a word in place of a number: what is then left to the stepper.
WORDS = {"gamma": "budget", "mu": "memory"}


def stepper(s: Settings) -> DFI:
    """The stepper of the settings: ``gamma`` is a number, or "budget", ``mu`` a number, or "memory"; with both words,
    and the scheme "rk4", it is ``DFI()``. With ``epsilon`` in their place it is the equation of inertia itself.
    ``ValueError`` for another word."""
    if "epsilon" in s:
        positive(s, "epsilon")
        return DFI(epsilon=float(s["epsilon"]), scheme=str(s["scheme"]))
    gamma, mu = _number(s, "gamma", np.finfo(float).max), _number(s, "mu", 1.0)
    return DFI(gamma=gamma, mu=mu, scheme=str(s["scheme"]))


def _number(s: Settings, name: str, highest: float) -> float | None:
    """A setting's number, None for its word."""
    if s[name] == WORDS[name]:
        return None
    try:
        number = float(s[name])
    except ValueError:
        number = np.nan
    if not 0 <= number <= highest:
        up = "from 0 to 1" if highest == 1 else "0 or more"
        raise ValueError(f"the setting {name} = {s[name]} must be a number {up}, or {WORDS[name]}")
    return number


def evolved(problem: Problem, theta: np.ndarray, s: Settings, stepper: Stepper) -> tuple[Solution, int]:
    """The solution, saved at equal intervals, and how many steps it took: of ``dt_start`` until ``t_start``, then of
    ``dt``, and shorter so that they divide the intervals."""
    saves, end = int(s["saves"]), float(s["T"])
    interval = end / saves
    early = min(saves, max(0, int(np.ceil(float(s["t_start"]) / interval - 1e-9))))
    motion: np.ndarray | Motion = theta
    solution, steps = None, 0
    for first, last, dt in ((0, early, float(s["dt_start"])), (early, saves, float(s["dt"]))):
        if first == last:
            continue
        each = max(1, int(np.ceil(interval / dt - 1e-9)))
        span = (first * interval, last * interval)
        try:
            part = evolve(problem, motion, span, interval / each, stepper, save_every=each)
        except (ConvergenceError, DivergenceError, SingularMatrixError, Interrupted) as error:
            if solution is not None:
                error.partial = solution if error.partial is None else solution.then(error.partial)
            raise
        solution = part if solution is None else solution.then(part)
        motion, steps = part.last, steps + (last - first) * each
    assert solution is not None
    return solution, steps
