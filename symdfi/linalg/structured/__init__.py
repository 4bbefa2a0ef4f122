"""Solves with matrices of known structure inside compiled code, in place and without raising.

Each file is a module of the kernel cache, compiled once for all systems (``load``), with ``factor`` and solves apart.
A singular matrix gives NaN: code that runs inside a compiled loop cannot raise through a function pointer, so the
callers in Python test their result.

``dense`` and, by LAPACK, ``full``; ``blocks`` (on the diagonal) and ``banded``, both with a border, without pivots,
``bordered`` (rings); ``narrow``, bands and rings of few offsets in local scalars; ``pivoted``, bands with a border and
pivots; ``sparse``.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from types import ModuleType

from symdfi.compile.kernels import cache

#: Up to so many unknowns LAPACK's calls cost more than its blocks save.
AT_ONCE = 64


def load(kind: str, **constants: int) -> ModuleType:
    """The module of a kind of matrix. ``constants`` are those at its head, compiled into its innermost loops."""
    text = (Path(__file__).parent / f"{kind}.py").read_text(encoding="utf-8")
    for name, value in constants.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {int(value)}", text)
    # The version, because a module holds the code of others that it calls.
    return cache.load(f"# {version()}\n{text}")


@functools.cache
def version() -> str:
    """A hash of the solvers' sources: kernels that call them hold it, and so are built again with them."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
