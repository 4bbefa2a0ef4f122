"""Rules by name."""

from __future__ import annotations

from collections.abc import Callable

from symdfi.choices import chosen
from symdfi.ep.rules.base import Rule
from symdfi.ep.rules.fourier import Fourier
from symdfi.ep.rules.galerkin import Galerkin
from symdfi.ep.rules.midpoint import Midpoint
from symdfi.ep.rules.trapezoidal import Trapezoidal

RULES: dict[str, Callable[[], Rule]] = {
    "midpoint": Midpoint,
    "trapezoidal": Trapezoidal,
    "galerkin": Galerkin,
    "fourier": Fourier,
}


def rule_of(rule: Rule | str | None) -> Rule:
    """A rule, the one of that name, or ``Midpoint()`` for None. ``ValueError`` for another name, ``TypeError`` for what
    is none."""
    return Midpoint() if rule is None else chosen(rule, Rule, RULES, "rule", "sd.Trapezoidal()")
