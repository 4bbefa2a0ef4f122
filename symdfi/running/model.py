"""What the command line expects of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from symdfi.running.report import RunResult
from symdfi.running.settings import Settings


class Model(Protocol):
    """A model as the command line sees it."""

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
        """Run with all settings given. ``ValueError`` for a bad one."""
        ...
