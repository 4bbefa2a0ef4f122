"""Runs to their end, and on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from symdfi import progress
from symdfi.archive import Missing
from symdfi.archive.values import missing_in
from symdfi.dfi.checkpoint import Checkpoint, identity
from symdfi.dfi.problem import Problem
from symdfi.dfi.record import Mark, Record, SoFar
from symdfi.dfi.run import Run
from symdfi.dfi.schemes import Motion
from symdfi.dfi.small import SmallSteps
from symdfi.dfi.solution import Solution
from symdfi.dfi.steppers import Solves, Stepper, stepper_of
from symdfi.errors import CheckpointError, ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.linalg.blas import one_blas_thread
from symdfi.numbers import count, real, whole_steps

#: Called after every step.
OnStep = Callable[[int, float, Any], Any]


@dataclass(frozen=True)
class Resumption:
    """How a solution goes on: its stepper, the run's ``span``, start, stop and number of steps, of which ``step`` are
    made, what is saved and measured, and how much of the solution a longer run would have recorded (``mark``)."""

    stepper: Stepper | Missing
    span: tuple[float, float, int]
    step: int
    save_every: int
    every: int
    mark: Mark

    @property
    def settings(self) -> dict[str, Any]:
        """For a dataset."""
        start, stop, steps = self.span
        return {"t_start": start, "t_end": stop, "steps": steps, "save_every": self.save_every,
                "measure_every": self.every}  # fmt: skip

    def resume(
        self, solution: Solution, t_end: float | None, problem: Problem | None, stepper: Stepper | str | None,
        kept: tuple[Path | None, int], on_step: OnStep | None,
    ) -> Solution:  # fmt: skip
        """See ``Solution.resume``."""
        own, problem = self._stepper(stepper), self._problem(solution, problem)
        for lost in missing_in(solution.last.own):
            raise CheckpointError(f"the stepper keeps {lost} from step to step, which no file can hold")
        start, stop, steps = self.span
        h = (stop - start) / steps
        if t_end is not None:
            stop = float(real(t_end, "t_end"))
            steps = whole_steps(start, h, self.step, stop)
        elif self.step >= steps:
            raise ValueError(f"the run has come to its end, t = {stop:g}: say how far it goes on, resume(t_end)")
        solution = replace(solution, problem=problem)
        record = Record.of_solution(solution, own, (stop - start) / steps, self.every, self.mark)
        run = Run(problem, own, start, stop, steps, self.save_every, record, solution.last, self.step)
        path, every = kept[0], count(kept[1], "checkpoint_every", 1)
        keeper = None if path is None else Checkpoint(path, every)
        return replace(advance(run, keeper, on_step), labels=solution.labels)

    def after(self, rows: int, steps: int) -> Resumption:
        """Of a solution with so many saves and steps before this one."""
        return replace(self, mark=replace(self.mark, rows=self.mark.rows + rows, steps=self.mark.steps + steps))

    def _stepper(self, given: Stepper | str | None) -> Stepper:
        if not isinstance(self.stepper, Missing):
            return self.stepper
        if given is None:
            raise CheckpointError(f"the stepper was {self.stepper}, which no file can hold: give stepper= as it was")
        found = stepper_of(given)
        if (own := Missing.of(found)) != self.stepper:
            raise CheckpointError(f"the stepper was {self.stepper}, not {own}")
        return found

    @staticmethod
    def _problem(solution: Solution, given: Problem | None) -> Problem:
        if not isinstance(solution.problem, Missing):
            return solution.problem
        if given is None:
            raise CheckpointError(f"a file could not hold the {solution.problem.kind}, {solution.problem.shown}: give "
                                  "problem= as it was")  # fmt: skip
        if identity(given) != solution.identity:
            raise CheckpointError(f"the problem was {solution.identity}, not {identity(given)}")
        return given


def sampled_for(problem: Problem, motion: Motion) -> Problem:
    """The problem at the samples of a motion."""
    return problem if motion.samples is None else problem.sampled(motion.samples)


def advance(run: Run, kept: Checkpoint | None, on_step: Callable[[int, float, Any], Any] | None) -> Solution:
    """The run to its end."""
    problem, stepper, record, h, steps = run.problem, run.stepper, run.record, run.h, run.steps
    motion, step, time = run.motion, run.step, run.time(run.step)
    sampled = sampled_for(problem, motion)
    solves, small = Solves(sampled), None
    if on_step is None and sampled is problem and record.every == 1 and not record.spectrum:
        small = SmallSteps.of(problem, stepper, motion.theta.size, h, run.save_every)
    done = (step, motion, record.mark())

    def going_on(solution: Any, step: int, mark: Mark) -> Any:
        """A solution that knows how to go on."""
        if solution is None:
            return None
        span = (run.start, run.stop, steps)
        return replace(solution, resumption=Resumption(stepper, span, step, run.save_every, record.every, mark))

    def keep() -> None:
        """Write what was done last."""
        if kept is not None and not np.isnan(done[1].velocity).any():
            kept.write(replace(run, step=done[0], motion=done[1], record=record.copy().restore(done[2])))

    # What overflows on the way to a divergence is reported by the exception, not by NumPy's warnings.
    with (
        one_blas_thread(),
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        progress.bar(total=steps, initial=step, desc="evolve") as bar,
    ):
        try:
            if np.isnan(motion.velocity).any():
                motion = replace(motion, velocity=stepper.begin(solves, motion.theta, time, h))
                done = (step, motion, record.mark())
            keep()
            due = steps + 1 if kept is None else kept.next(step)
            while step < steps:
                if step >= due:
                    keep()
                    due = kept.next(step) if kept is not None else due
                if small is not None:
                    taken = small.run(motion, run.start, step, min(steps, due) - step, h)
                    record.ran(taken, step, run.start, h, run.save_every)
                    motion, step = taken.motion, step + taken.done
                    done = (step, motion, record.mark())
                    bar.update(taken.done)
                    if not taken.done:
                        small = None  # this problem wants another solver
                    elif taken.whole:
                        continue
                time = run.start + step * h
                step += 1
                if problem.quadrature.changes:
                    sampled = solves.problem = sampled.resample(motion.steps, motion.theta)
                taken = stepper.step(solves, motion, time, h)
                moved, used = replace(taken.motion, steps=motion.steps + 1), taken.velocity
                if sampled is not problem:
                    moved = replace(moved, samples=(sampled.points, sampled.weights))
                if not (np.isfinite(moved.theta).all() and np.isfinite(moved.velocity).all()):
                    raise DivergenceError("theta is not finite after the step")
                strayed = record.took(motion, used, moved, time, run.start + step * h, h, solves)
                if (step - 1) % run.save_every == 0:
                    record.add(step - 1, time, motion, used, solves)
                if strayed is not None and strayed.fault:
                    raise DivergenceError(strayed.fault)
                motion = moved
                done = (step, moved, record.mark())  # in one: an interrupt may come between any two statements
                bar.update()
                now = run.time(step)
                if on_step is not None and on_step(step, now, SoFar(record, solves, step, now, moved)):
                    break
            keep()
            time = run.time(step)
            final = stepper.velocity(solves, motion, time, h)
        except (ConvergenceError, DivergenceError, SingularMatrixError, ValueError) as error:
            fault = solves.fault()
            if isinstance(error, ValueError) and fault is None:
                raise
            keep()
            kind = DivergenceError if isinstance(error, ValueError) else type(error)
            advice = "" if kind is SingularMatrixError else f"; reduce dt = {h:.3g}"
            raise kind(
                f"step {step} (from t = {time:.6g}): {fault or error}{advice}",
                partial=record.failed(step, time, motion, solves),
                step=step,
                time=time,
            ) from error
        except KeyboardInterrupt as error:
            keep()
            step, motion, mark = done
            raise Interrupted(
                f"interrupted after step {step} of {steps} (t = {run.time(step):.6g})",
                partial=going_on(record.restore(mark).stopped(step, run.time(step), motion, solves), step, mark),
            ) from error
        return going_on(record.finished(step, time, motion, final, solves), step, done[2])
