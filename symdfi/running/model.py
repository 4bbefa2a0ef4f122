"""What the command line expects of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import sympy as sp

from symdfi.running.report import RunResult
from symdfi.running.settings import Settings


class Model(Protocol):
    """A model as the command line sees it: a ``MechanicsModel``, an ``EvolutionModel``, a ``PropagationModel``, or a
    class of one's own, which `symdfi run FILE.py` takes as well:

        import numpy as np
        import xarray as xr
        from matplotlib.figure import Figure
        from symdfi.running import RunResult

        class Decay:
            name, title, settings = "decay", "Exponential decay", {"rate": 0.5}

            def show(self, latex=False, source=False):
                return "u' = -rate u"

            def run(self, settings, initial=None):
                t = np.linspace(0, 10)
                u = np.exp(-settings["rate"] * t)
                return RunResult([("u at the end", f"{u[-1]:.3g}")], xr.Dataset({"u": ("t", u)}, {"t": t}), Figure)

        MODEL = Decay()
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def settings(self) -> Settings:
        """The settings with their defaults."""
        ...

    def show(self, latex: bool = False, source: bool = False) -> str:
        """The equations, for reading, or the source of the compiled kernel."""
        ...

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Run with all settings given. ``ValueError`` for a bad one. With a third argument, ``kept``, it is told where
        to keep the run while it is unfinished (``running.Kept``), and goes on with what it finds there."""
        ...


def at(given: Any, settings: Settings) -> Any:
    """A part of a model at these settings: it is a function of them, or the thing itself where it depends on none."""
    return given(settings) if callable(given) and not isinstance(given, sp.Basic) else given


def expected(model: str, part: str, value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """``value``, a part of a model. ``TypeError`` where it is of another kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{part} of the model {model or 'without a name'} is to be {what}, not {value!r:.80}")
    return value
