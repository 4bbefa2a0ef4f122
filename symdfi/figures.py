"""Figures made with matplotlib's object interface (no global state, no window), which a notebook shows nevertheless."""

from __future__ import annotations

import io

from matplotlib.figure import Figure as _Figure


class Figure(_Figure):
    """A figure that is its own picture: without it notebooks show those alone that are made after pyplot's first."""

    def _repr_png_(self) -> bytes:
        written = io.BytesIO()
        self.savefig(written, format="png", bbox_inches="tight")
        return written.getvalue()
