"""What is given to a trainer, read at keys and shapes that it has met before: nothing is derived anew.

Whatever is not as it was is left to ``Reader``, which reads everything, and says what is wrong.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.setting import Setting, Signals
from symdfi.numbers import reals
from symdfi.symbolic.given import name_of

_FLOAT = np.dtype(float)
#: Where numbers lie in a row of them, and their shape.
Place = tuple[slice, tuple[int, ...]]


@dataclass(frozen=True)
class Bound:
    """The keys, shapes, sizes and index arrays of one call.

    Of each parameter its place among all, its value if that is to stay as it is, None for one that is not used. Of each
    signal its place in a row, its shape, and whether that is over the times.
    """

    keys: tuple[tuple[Any, ...], ...]
    params: tuple[Place | np.ndarray | None, ...]
    signals: tuple[tuple[slice | int, tuple[int, ...], bool], ...]
    #: Which of the signals are inputs, and no targets.
    inputs: frozenset[str]

    @classmethod
    def of(
        cls, system: DiscreteSystem, setting: Setting, params: Mapping[Any, Any], inputs: Signals | None,
        targets: Signals | None,
    ) -> Bound | None:  # fmt: skip
        """From what has been read as a setting. None where a signal is a function."""
        given, kernels = {**(inputs or {}), **(targets or {})}, system.kernels
        if any(map(callable, given.values())):
            return None
        places, columns = dict(places_of(system.shapes(setting))), dict(places_of(system.signal_shapes(setting)))
        fixed = {name_of(p) for p in kernels.nudged.parameters} | {s.name for s in kernels.nudged.sizes}
        named = {key: name_of(kernels.compiled.lookup.find(key) or key) for key in params}
        kept = (places.get(name) or (np.array(params[key]) if name in fixed else None) for key, name in named.items())
        read = []
        for key, value in given.items():
            column, shape = columns[name_of(key)]
            # A number a row is written as such.
            read.append((column if shape else column.start, np.shape(value), np.shape(value) != shape))
        return cls(
            _keys(params, inputs, targets), tuple(kept), tuple(read), frozenset(map(name_of, system.system.inputs))
        )

    @functools.cached_property
    def drives(self) -> list[tuple[str, slice | int]]:
        """The inputs that are given over the times, each with its place in a row."""
        _, *signals = self.keys
        places = zip(map(name_of, itertools.chain(*signals)), self.signals, strict=True)
        return [(name, column) for name, (column, _, varies) in places if varies and name in self.inputs]

    def read(
        self, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None, packed: np.ndarray,
        rows: np.ndarray,
    ) -> bool:  # fmt: skip
        """Writes the parameters into ``packed`` and the signals into ``rows``, whether they are finite or not. False
        where anything is not as it was."""
        if _keys(params, inputs, targets) != self.keys or not self._read_params(params, packed):
            return False
        values = itertools.chain((inputs or {}).values(), (targets or {}).values())
        for value, (column, shape, varies) in zip(values, self.signals, strict=True):
            array = value if type(value) is np.ndarray and value.dtype == _FLOAT else reals(value, "a signal")
            if array.shape != shape:
                return False
            if varies and len(shape) > 2:
                array = array.reshape(len(rows), -1)
            rows[:, column] = array if varies or len(shape) < 2 else array.reshape(-1)
        return True

    def _read_params(self, params: Mapping[Any, Any], packed: np.ndarray) -> bool:
        for value, place in zip(params.values(), self.params, strict=True):
            if isinstance(place, tuple):
                own, shape = place
                array = value if type(value) is np.ndarray else np.asarray(value)
                if array.dtype != _FLOAT:
                    array = reals(value, "a parameter")
                if array.shape != shape:
                    return False
                packed[own] = array.reshape(-1) if len(shape) > 1 else array
            elif place is not None and not (np.array_equal(value, place) and np.asarray(value).dtype == place.dtype):
                return False
        return True

    def reads_each(
        self, params: Mapping[Any, Any], samples: Sequence[tuple[Signals | None, Signals | None]], packed: np.ndarray,
        rows: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """As ``reads`` for samples, the signals of each into one of ``rows`` (samples, times, width): of which."""
        if not self._reads_alike(params, samples, packed, rows):
            return np.array([self.reads(params, *each, packed, own) for each, own in zip(samples, rows, strict=True)])
        return np.ones(len(samples), bool)

    def reads_rows(
        self, params: Mapping[Any, Any], inputs: Mapping[str, np.ndarray], packed: np.ndarray, rows: np.ndarray
    ) -> bool:
        """As ``reads_each`` for samples whose signals are all given as inputs, in arrays of doubles (samples, ...):
        whether all are."""
        if _keys(params, inputs, None) != self.keys:
            return False
        for array, (_, shape, varies) in zip(inputs.values(), self.signals, strict=True):
            if not varies or array.shape[1:] != shape:
                return False
        try:
            if not self._read_params(params, packed):
                return False
        except (TypeError, ValueError):
            return False
        for array, (column, shape, _) in zip(inputs.values(), self.signals, strict=True):
            rows[:, :, column] = array if len(shape) < 3 else array.reshape(*rows.shape[:2], -1)
        return True

    def _reads_alike(
        self, params: Mapping[Any, Any], samples: Sequence[tuple[Signals | None, Signals | None]], packed: np.ndarray,
        rows: np.ndarray,
    ) -> bool:  # fmt: skip
        """All at once, if all are rows of numbers, one for each time, given by the same keys."""
        inputs, targets = samples[0]
        if not self.reads(params, inputs, targets, packed, rows[0]):
            return False
        columns = iter(self.signals)
        for own, first in enumerate((inputs, targets)):
            each = [sample[own] or {} for sample in samples]
            if set(map(len, each)) != {len(first or {})}:
                return False
            for key in first or {}:
                column, shape, varies = next(columns)
                if not varies or len(shape) > 2:
                    return False
                try:
                    values = [given[key] for given in each]
                    if set(map(len, values)) != {rows.shape[1]}:
                        return False
                    together = np.concatenate(values)
                except (KeyError, TypeError, ValueError):
                    return False
                if together.dtype is not _FLOAT or together.shape[1:] != shape[1:]:
                    return False
                rows[:, :, column] = together.reshape(len(values), *shape)
        return True

    def reads(
        self, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None, packed: np.ndarray,
        rows: np.ndarray,
    ) -> bool:  # fmt: skip
        """As ``read``; False also for what has no keys, or no numbers."""
        try:
            return self.read(params, inputs, targets, packed, rows)
        except (AttributeError, TypeError, ValueError):
            return False

    def setting(
        self, like: Setting, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None
    ) -> Setting | None:
        """A setting of other values, ``like`` the one that this is of. None where anything is not as it was, or not
        finite."""
        rows = len(like.rule_times)
        packed, signals = like.params.copy(), np.zeros((rows + 1, like.signals.shape[1]))
        try:
            if not self.read(params, inputs, targets, packed, signals[:-1]):
                return None
            for name, column in self.drives:
                like.boundary.check_signal(name, signals[:-1, column], None, like.rule_times)
        except (AttributeError, TypeError, ValueError):
            return None
        if not (np.isfinite(packed).all() and np.isfinite(signals).all()):
            return None
        signals[-1] = signals[-2]
        return replace(like, params=packed, signals=signals[like.sampled])


class Slots:
    """What is given to a ``Bound``, written again and again into the same ``packed`` and ``rows``."""

    def __init__(self, bound: Bound, packed: np.ndarray, rows: np.ndarray) -> None:
        self.bound, self.packed, self.rows, self._keys = bound, packed, rows, bound.keys
        # In the order in which all is given, a place and the shape of what fits it as it is: none if anything does not.
        places = [(packed[place[0]].reshape(place[1]), place[1]) for place in bound.params if isinstance(place, tuple)]
        places += [(rows[:, column], shape) for column, shape, varies in bound.signals if varies and len(shape) <= 2]
        self._places = places if len(places) == len(bound.params) + len(bound.signals) else None

    def read(self, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None) -> bool:
        """As ``Bound.reads``."""
        given = params, {} if inputs is None else inputs, {} if targets is None else targets
        return self._are_written(*given) or self.bound.reads(params, inputs, targets, self.packed, self.rows)

    def _are_written(self, *groups: Any) -> bool:
        """Whether all are floats and arrays of floats in dictionaries, as they were."""
        places = self._places
        if (
            places is None
            or any(type(group) is not dict for group in groups)
            or tuple(map(tuple, groups)) != self._keys
        ):
            return False
        given = [value for group in groups for value in group.values()]
        for value, (place, shape) in zip(given, places, strict=True):
            if type(value) is np.ndarray:
                if value.dtype is not _FLOAT or value.shape != shape:
                    return False
            elif type(value) is not float or shape:
                return False
            place[...] = value
        return True


def _keys(*given: Mapping[Any, Any] | None) -> tuple[tuple[Any, ...], ...]:
    return tuple([tuple(own) if own else () for own in given])


def places_of(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Place]]:
    """Where the numbers of each name lie, one after the other, and their shape."""
    start = 0
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        yield name, (slice(start, stop), shape)
        start = stop
