"""Steppers by name."""

from __future__ import annotations

import functools
from collections.abc import Callable

from symdfi.choices import chosen
from symdfi.dfi.schemes import SCHEMES
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.dirac_frenkel import DiracFrenkel
from symdfi.dfi.steppers.inertia import DFI
from symdfi.dfi.steppers.onsager import DFO

STEPPERS: dict[str, Callable[[], Stepper]] = {
    "dfi": DFI,
    "dfo": DFO,
    "tikhonov": functools.partial(DiracFrenkel, gamma=1e-8, relative=True),
    "dirac-frenkel": functools.partial(DiracFrenkel, rtol=1e-8),
}


def stepper_of(stepper: Stepper | str | None) -> Stepper:
    """A stepper, the one of that name, or ``DFI()`` for None. ``ValueError`` for another name, ``TypeError`` for what
    is no stepper."""
    if stepper is None:
        return DFI()
    if isinstance(stepper, str) and stepper.lower() in SCHEMES:
        raise ValueError(f"stepper = {stepper!r} is a scheme of one: give sd.DFI(scheme={stepper.lower()!r})")
    return chosen(stepper, Stepper, STEPPERS, "stepper", "sd.DFI()")
