"""Data for training: of each sample the inputs and targets, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdfi.checkpoints import lasting
from symdfi.ep.setting import Signals
from symdfi.numbers import finite_reals
from symdfi.symbolic.given import by_name

#: Arrays by symbol or name whose first axis counts the samples, or a sequence of what is given of each sample.
Data = Signals | Sequence[Signals]
#: Inputs and targets of a sample, and the path from which its orbit is sought.
Sample = tuple[Signals | None, Signals | None, np.ndarray | None]


class Samples:
    """The samples of ``Data``. In a mapping, numbers and functions of time are common to all samples.

    Raises ``TypeError`` for what is neither a mapping nor a sequence of them, ``ValueError`` where there is no sample,
    for arrays of different lengths, and for what is not finite.
    """

    def __init__(self, data: Data) -> None:
        #: As they were given.
        self.given = data
        #: By name, a row a sample, where all are given so.
        self._rows: dict[str, np.ndarray] | None = None
        if isinstance(data, Mapping):
            self._each, self._rows = _taken_apart(by_name(data, "the data", "{f: (samples, times)}"))
        elif isinstance(data, Sequence) and not isinstance(data, str) and all(isinstance(x, Mapping) for x in data):
            self._each = [by_name(sample, "a sample of the data", "{f: values}") for sample in data]
        else:
            raise TypeError(
                "data are arrays by name, {f: (samples, times), ...}, or a sequence of such mappings, one a sample, "
                f"not {type(data).__name__}"
            )
        if not self._each:
            raise ValueError("the data hold no sample")

    def __len__(self) -> int:
        return len(self._each)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self._each[number]

    def chosen(self, numbers: Sequence[int], paths: Mapping[int, np.ndarray]) -> Chosen:
        """Some of them, with those paths that are known of them."""
        known = [paths.get(k) for k in numbers] if paths else [None] * len(numbers)
        if self._rows is None:
            return Chosen([self._each[k] for k in numbers], known)
        return Chosen({name: array[numbers] for name, array in self._rows.items()}, known)

    @property
    def digest(self) -> str:
        """What the data are, in short."""
        found = hashlib.sha256()
        for sample in self._each:
            for name, value in sorted(sample.items()):
                found.update(name.encode() + b"=")
                found.update(lasting(repr(value)).encode() if callable(value) else np.asarray(value, float).tobytes())
        return f"{len(self)} samples ({found.hexdigest()[:16]})"


class Chosen(Sequence[Sample]):
    """Samples to be solved, their signals given as inputs, one by one or as ``rows`` of arrays by name, and the paths
    from which their orbits are sought."""

    def __init__(
        self, signals: Sequence[dict[str, Any]] | dict[str, np.ndarray], paths: Sequence[np.ndarray | None]
    ) -> None:
        self.rows = signals if isinstance(signals, dict) else None
        self._each = () if isinstance(signals, dict) else signals
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: Any) -> Any:
        path = self.paths[place]  # IndexError beyond the last
        if self.rows is None:
            return self._each[place], None, path
        return {name: array[place] for name, array in self.rows.items()}, None, path

    def begun(self, guess: np.ndarray | None) -> Chosen:
        """The same, with a guess for the paths that are not known."""
        paths = [guess if path is None else path for path in self.paths]
        return Chosen(self._each if self.rows is None else self.rows, paths)


def _taken_apart(data: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray] | None]:
    """Each sample, and all in rows, where none of the data are common to them."""
    common, stacked = {}, {}
    for name, value in data.items():
        array = None if callable(value) else finite_reals(value, f"the data of {name}")
        if array is None or array.ndim == 0:
            common[name] = value
        else:
            stacked[name] = array
    counts = {name: len(array) for name, array in stacked.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ValueError(f"the first axis of the data counts the samples: there are {shown}")
    total = next(iter(counts.values()), 1)
    each = [{**common, **{name: array[k] for name, array in stacked.items()}} for k in range(total)]
    return each, None if common else stacked
