"""What results of all kinds share: files, equality, and how their variables are called."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from symdfi.archive.files import write
from symdfi.archive.values import Alike
from symdfi.pickling import Bare
from symdfi.results import labelled, unit
from symdfi.showing import table


class Result(Alike, Bare):
    """A result: a dataclass with a ``dataset``, the ``labels`` of its variables, and what it was ``made`` by."""

    def save(self, path: str | Path) -> Path:
        """Write the result as netCDF 4: the dataset, for any reader, and all that it takes to make the result again,
        by ``symdfi.load``. What stood there is replaced once all is on the disk.

        Raises ``OSError`` with the path and the cause.
        """
        own: Any = self
        return write(own, own.dataset, path)

    def _repr_html_(self) -> str:
        own: Any = self
        text = repr(self)
        kind, _, rest = text.partition("(")
        return table(kind, [("", rest.removesuffix(")")), *self._rows(), *own.made.items()])

    def _rows(self) -> list[tuple[str, Any]]:
        """What the table of a result says besides its line."""
        return []

    def described(self, units: Mapping[Any, str] | None = None, long_names: Mapping[Any, str] | None = None) -> Self:
        """The same result with units and long names of its variables, by symbol or name, in the dataset, in files and
        in figures: ``traj.described(units={x: "m", sd.t: "s"}, long_names={x: "displacement"})``.

        Raises ``ValueError`` for what is no variable of the result.
        """
        own: Any = self
        names = {values.attrs.get("symbol", name) for name, values in own.dataset.variables.items()}
        found = {name: dict(texts) for name, texts in own.labels.items()}
        for key, given in (("units", units), ("long_name", long_names)):
            for variable, text in (given or {}).items():
                name = _name(variable)
                if name not in names:
                    raise ValueError(f"{name} is no variable of this result: {', '.join(sorted(map(str, names)))}")
                if not isinstance(text, str):
                    raise TypeError(f"the {key} of {name} is {text!r}: give a text")
                found.setdefault(name, {})[key] = unit(text) if key == "units" else text
        made: Any = dataclasses.replace(own, labels=found)
        vars(made)["dataset"] = labelled(own.dataset.copy(), found)
        return made


def _name(key: Any) -> str:
    """Of a symbol, an array or a function of time."""
    key = getattr(key, "label", key)
    return str(key.func.__name__ if hasattr(key, "args") and key.args else key)
