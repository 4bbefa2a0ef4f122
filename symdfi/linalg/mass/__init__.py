"""Solves with a mass matrix inside compiled code: dense, banded and periodic, in place, without raising.

Each file is a module of the kernel cache, compiled once for all systems: ``load(kind)``. A singular matrix
gives NaN: code that runs inside a compiled loop cannot raise through a function pointer, so the callers in
Python test their result.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from types import ModuleType

from symdfi.compile.kernels import cache


def load(kind: str) -> ModuleType:
    """The module with ``solve_dense``, ``solve_banded`` or ``solve_periodic``, by kind."""
    return cache.load_module(f"symdfi.linalg.mass.{kind}")


@functools.cache
def version() -> str:
    """A hash of the solvers' sources: kernels that call them hold it, and so are built again with them."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
