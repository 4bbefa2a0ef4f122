"""Numbers that a user gives: real ones, and counts. Text, complex numbers and what is no number are refused by name."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

_FLOAT = np.dtype(np.float64)


def reals(value: Any, what: str) -> np.ndarray:
    """An array of float64, ``value`` itself if it is one: of numbers, of SymPy's as well.

    Raises ``ValueError`` naming ``what`` it is for text, complex numbers, what is no number or larger than a float64
    can be, and for lists of uneven lengths.
    """
    if type(value) is np.ndarray and value.dtype is _FLOAT:
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{what} is no array of numbers: its parts differ in length") from None
    if array.dtype.kind in "biuf":
        if array.dtype.itemsize <= 8:
            return array.astype(_FLOAT, copy=False)
        with np.errstate(over="ignore"):  # a long double: inf is refused where numbers must be finite
            return array.astype(_FLOAT)
    if array.dtype.kind != "O":
        kind = "text" if array.dtype.kind in "US" else array.dtype
        raise ValueError(f"{what} holds {kind}: give real numbers")
    # Integers beyond 64 bits and numbers of SymPy's among them.
    found = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        found[index] = _converted(array[index], what)
    return found


def complexes(value: Any, what: str) -> np.ndarray:
    """An array of complex numbers, or of float64 where all are real. ``ValueError`` as of ``reals``."""
    try:
        array = np.asarray(value)
    except ValueError:
        return reals(value, what)  # which says what is wrong
    return array.astype(np.complex128) if array.dtype.kind == "c" else reals(value, what)


def finite_reals(value: Any, what: str) -> np.ndarray:
    """``reals`` that are finite. ``ValueError`` naming the first that is not."""
    found = reals(value, what)
    if not np.isfinite(found).all():
        index = tuple(int(k) for k in np.argwhere(~np.isfinite(found))[0])
        where = f"[{', '.join(map(str, index))}]" if index else ""
        raise ValueError(f"{what}{where} is {found[index]}: it must be finite")
    return found


def interval(value: Any, what: str) -> tuple[float, float]:
    """Two ends of an interval, in any order, but not the same. ``ValueError`` naming ``what`` it is for anything else,
    a single number among it."""
    ends = finite_reals(value, what)
    if ends.ndim == 0:
        raise ValueError(f"{what} = {value} is one number: give both ends of the interval, (0, {value})")
    if ends.shape != (2,):
        raise ValueError(f"{what} = {value} is no interval of time: give its two ends, (t0, t1)")
    start, stop = map(float, ends)
    if start == stop or abs(0.5 * stop - 0.5 * start) > 0.5 * np.finfo(float).max:
        raise ValueError(f"{what} = {value} is no interval of time")
    return start, stop


def real(value: Any, what: str) -> float:
    """A finite number. ``ValueError`` naming ``what`` it is for anything else."""
    finite_reals(value, what)
    return one_real(value, what)


def one_real(value: Any, what: str) -> float:
    """A number, which need not be finite. ``ValueError`` naming ``what`` it is for anything else."""
    found = reals(value, what)
    if found.ndim:
        raise ValueError(f"{what} has the shape {found.shape}: give one number")
    return float(found)


def count(value: Any, what: str, least: int) -> int:
    """An integer of at least ``least``, and so small that it can count anything in memory. ``TypeError`` or
    ``ValueError`` naming ``what`` it is."""
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{what} is {value!r}: give an integer") from None
    if not least <= found < 2**62:
        raise ValueError(f"{what} = {found} must be at least {least}" + (" and below 2^62" if found > 0 else ""))
    return found


def _converted(value: Any, what: str) -> float:
    kind = type(value).__name__
    if value is None or isinstance(value, str | bytes | bytearray):
        raise ValueError(f"{what} holds {value!r}: give real numbers")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{what} holds a number that is too large for a float64") from None
    except (TypeError, ValueError):
        raise ValueError(f"{what} holds a {kind}: give real numbers") from None


def whole_steps(start: float, h: float, done: int, t_end: float) -> int:
    """How many steps of h lead from ``start`` to ``t_end``: more than are ``done``. ``ValueError`` where these are no
    whole number."""
    count = (t_end - start) / h
    steps = round(count) if np.isfinite(count) else 0
    now = start + done * h
    if steps <= done:
        raise ValueError(f"it has come to t = {now:g}: t_end = {t_end:g} is not beyond")
    if abs(count - steps) > 1e-9 * max(1.0, count):
        near = " or ".join(f"{start + k * h:.10g}" for k in (int(count), int(count) + 1))
        raise ValueError(f"steps of {abs(h):g} from t = {now:g} do not end at t_end = {t_end:g}: take {near}")
    return steps
