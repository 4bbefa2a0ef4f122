"""The exceptions of symdfi: each says what failed and keeps what was computed so far."""

from __future__ import annotations

from typing import Any


class SymdfiError(Exception):
    """Base class of every error that symdfi raises on purpose, bad arguments (`ValueError`) apart."""


class SymbolicError(SymdfiError):
    """An expression lies outside what the symbolic layer can derive; the message names the term."""


class CompileError(SymdfiError):
    """An expression or loop program cannot be lowered or compiled; the message names the statement."""


class _NumericalError(SymdfiError):
    """A numerical failure: a message, the partial result, and further facts as attributes.

    Parameters
    ----------
    message
        What failed, where (step, time, point), and what to try.
    partial
        What had been computed when the failure occurred, None if nothing.
    **details
        Facts about the failure, e.g. ``gamma=1e-12``; each becomes an attribute of the exception.
    """

    def __init__(self, message: str, *, partial: Any = None, **details: Any) -> None:
        super().__init__(message)
        self.partial = partial
        self.details = details

    def __getattr__(self, name: str) -> Any:
        # Through __dict__, because unpickling and copying look up attributes before `details` exists.
        details = self.__dict__.get("details", {})
        if name in details:
            return details[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


class ConvergenceError(_NumericalError):
    """An iteration (Newton, shooting, fit) stopped short of its tolerance."""


class DivergenceError(_NumericalError):
    """A computation left the finite numbers or its stated bounds."""


class SingularMatrixError(_NumericalError):
    """A matrix is singular, or so close to it that its solves would carry no correct digit."""


class CheckpointError(SymdfiError):
    """A file is no checkpoint, is damaged, or is of another problem or method than the one it is read for."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a long computation: ``partial`` is what had been computed (None if nothing)."""

    def __init__(self, message: str = "interrupted", *, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class PrecisionWarning(UserWarning):
    """A number is right to a few digits only; the message says how many, and what would do better."""
