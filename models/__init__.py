"""The model library: one module a model, each with its ``MODEL``.

Imports among the models are relative: type checkers see this folder as ``models``, Python as ``symdfi.models``. What
models there are, and what they are about, is read off their sources: to import them takes seconds.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdfi.running import Model, RunResult

__all__ = ["Model", "RunResult", "load", "names", "titles"]


def names() -> list[str]:
    """The models' names, which are the names of their modules."""
    return list(titles())


def titles() -> dict[str, str]:
    """The title of every model, by name."""
    sources = {file.stem: file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))}
    # Modules without a model hold what models share.
    found = {name: _model(source) for name, source in sources.items() if "\nMODEL" in source}
    return {name: _title(name, value) for name, value in found.items() if value is not None}


def load(name: str) -> Model:
    """A model by name. ``KeyError`` if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return _imported(name)


def _imported(name: str) -> Model:
    return importlib.import_module(f"{__name__}.{name}").MODEL


def _model(source: str) -> ast.expr | None:
    """What a module assigns to ``MODEL``."""
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "MODEL" for target in targets):
            return getattr(statement, "value", None)
    return None


def _title(name: str, value: ast.expr) -> str:
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        if keyword.arg == "title" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return _imported(name).title


def __getattr__(name: str) -> Any:
    if name in ("Model", "RunResult"):
        return getattr(importlib.import_module("symdfi.running"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
