"""Saddle-point systems [[M, Gᵀ], [G, 0]] [x, λ] = [f, g]: of motions under constraints, in compiled code.

M and G are given by their entries, those at one place to be added up. ``plan`` finds an order of the unknowns in which
all of them lie in a narrow band, once for a pattern; ``elimination`` is a module of the kernel cache: it fills the band
that ``structured.pivoted`` eliminates. M may be singular where the whole is not.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from types import ModuleType

from symdfi.compile.kernels import cache
from symdfi.linalg import structured
from symdfi.linalg.saddle.ordering import matrices, plan


def load() -> ModuleType:
    """The compiled elimination."""
    # The version, because it holds the code of others that it calls.
    return cache.load_module("symdfi.linalg.saddle.elimination", f"# {version()}\n")


@functools.cache
def version() -> str:
    """A hash of the sources: kernels that call it hold it, and so are built again with it."""
    own = (Path(__file__).parent / "elimination.py").read_bytes()
    return hashlib.sha256(own + structured.version().encode()).hexdigest()[:16]


__all__ = ["load", "matrices", "plan", "version"]
