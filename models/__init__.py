"""The model library: one module a model, each with its ``MODEL``.

Imports among the models are relative: type checkers see this folder as ``models``, Python as ``symdfi.models``.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from symdfi.running import Model, RunResult

__all__ = ["Model", "RunResult", "load", "names"]

#: What a module with a model has; the others hold what models share.
_MODEL = re.compile(r"^MODEL\b", re.MULTILINE)


def names() -> list[str]:
    """The models' names, which are the names of their modules."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [file.stem for file in files if _MODEL.search(file.read_text(encoding="utf-8"))]


def load(name: str) -> Model:
    """A model by name. ``KeyError`` if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return importlib.import_module(f"{__name__}.{name}").MODEL
