"""Discretisations, nudgings and optimisers by name."""

from __future__ import annotations

from collections.abc import Callable

from symdfi.choices import chosen
from symdfi.ep.convolution import Convolution
from symdfi.ep.echo import Echo
from symdfi.ep.gain import GainFlippedEcho
from symdfi.ep.nudging import Centered, Holomorphic, Infinitesimal, Nudging, OneSided
from symdfi.ep.optimizers import LBFGS, Adam, Optimizer
from symdfi.ep.reciprocal import Reciprocal

NUDGINGS: dict[str, Callable[[], Nudging]] = {
    "infinitesimal": Infinitesimal,
    "one-sided": OneSided,
    "centered": Centered,
    "holomorphic": Holomorphic,
    "echo": Echo,
    "gain-flipped-echo": GainFlippedEcho,
    "reciprocal": Reciprocal,
    "convolution": Convolution,
}
OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"adam": Adam, "lbfgs": LBFGS}


def nudging_of(nudging: Nudging | str | None) -> Nudging:
    """A nudging, the one of that name, or the infinitesimal one for None. ``ValueError`` for another name,
    ``TypeError`` for what is none."""
    return Infinitesimal() if nudging is None else chosen(nudging, Nudging, NUDGINGS, "nudging", "sd.Centered(1e-3)")


def optimizer_of(optimizer: Optimizer | str | None) -> Optimizer:
    """An optimiser, the one of that name, or ``Adam()`` for None. ``ValueError`` for another name, ``TypeError`` for
    what is none."""
    if isinstance(optimizer, str) and optimizer.lower() == "sgd":
        raise ValueError("optimizer = 'sgd' has no usual rate: give sd.SGD(rate=...)")
    return Adam() if optimizer is None else chosen(optimizer, Optimizer, OPTIMIZERS, "optimizer", "sd.Adam(1e-2)")
