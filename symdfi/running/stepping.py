"""From a model's settings to steps in time: the stepper, and a solution saved at equal intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdfi import progress
from symdfi.dfi import DFI, Problem, Solution, evolve, resume
from symdfi.dfi.schemes import Motion
from symdfi.dfi.steppers import Stepper
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.running.keeping import Kept
from symdfi.running.settings import Settings, positive

#: Settings that may be a word in place of a number: what is then left to the stepper.
WORDS = {"gamma": "budget", "mu": "memory"}
#: Steps after which a run is kept, at most.
_KEPT_EVERY = 1000


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


def evolved(
    problem: Problem, theta: np.ndarray | None, s: Settings, stepper: Stepper, kept: Kept | None = None
) -> tuple[Solution, int]:
    """The solution, saved at equal intervals, and how many steps it took: of ``dt``, where there are these settings of
    ``dt_start`` until ``t_start``, and shorter so that they divide the intervals. Where a part of it is ``kept`` it is
    gone on with, from no ``theta``."""
    parts = list(_parts(s))
    steps = sum(count for _, count, _ in parts)
    motion: np.ndarray | Motion | None = theta
    solution: Solution | None = None
    with progress.together(steps):
        for number, (span, count, each) in enumerate(parts, 1):
            name = f"evolve-{number}"
            file = None if kept is None else kept.checkpoint(name)
            try:
                if kept is not None and file is not None and kept.has(name):
                    part = resume(file, problem, stepper)
                else:
                    assert motion is not None
                    part = evolve(
                        problem, motion, span, (span[1] - span[0]) / count, stepper, save_every=each,
                        checkpoint=file, checkpoint_every=min(_KEPT_EVERY, max(1, count // 10)),
                    )  # fmt: skip
            except (ConvergenceError, DivergenceError, SingularMatrixError, Interrupted) as error:
                if solution is not None:
                    error.partial = solution if error.partial is None else solution.then(error.partial)
                raise
            solution = part if solution is None else solution.then(part)
            motion = part.last
    assert solution is not None
    return solution, steps


def _parts(s: Settings) -> Iterator[tuple[tuple[float, float], int, int]]:
    """The spans of equal steps: their ends, how many steps, and how many of them to a save."""
    saves, end = int(s["saves"]), float(s["T"])
    interval = end / saves
    early = min(saves, max(0, int(np.ceil(float(s["t_start"]) / interval - 1e-9)))) if "t_start" in s else 0
    for first, last, name in ((0, early, "dt_start"), (early, saves, "dt")):
        if first < last:
            each = max(1, int(np.ceil(interval / float(s[name]) - 1e-9)))
            yield (first * interval, last * interval), (last - first) * each, each
