"""Orbits as results: dataset, file, figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sympy as sp

import symdfi as sd

i = sp.Symbol("i", integer=True)
n = sp.Symbol("n", integer=True, positive=True)
time, speed = sd.coordinates("time")
x, u = sd.coordinates("x", n)
k = sp.IndexedBase("k", shape=(n,))
a = sp.Symbol("a")

system = sd.Lagrangian(
    speed**2 / 2 - a * time**2 / 2 + sp.Sum(u[i] ** 2 / 2 - k[i] * (x[i] - time) ** 2 / 2, (i, 0, n - 1)),
    [time, x], [speed, u],
)  # fmt: skip


def test_dataset_file_and_figure(tmp_path: Path) -> None:
    """A coordinate may be called what an axis is; a long array is drawn as a map with a bar of colours."""
    for count, panels in ((2, 1), (8, 3)):
        springs = 1 + np.arange(count) / 9
        start = 0.1 * np.arange(count + 1)
        orbit = sd.extremize(system, sd.InitialState(start, 0 * start, 1.0), 6, {k: springs, a: 0.3})
        dataset = orbit.dataset
        assert np.array_equal(dataset["time"], orbit.t) and np.array_equal(dataset["x"], orbit[x])
        assert np.array_equal(dataset["time_"], orbit[time]) and dataset["time_"].attrs["long_name"] == "time"
        assert (
            np.array_equal(dataset["k"], springs) and dataset["a"] == 0.3 and dataset["k"].dims == dataset["x"].dims[1:]
        )
        assert dataset.attrs["action"] == orbit.value and dataset.attrs["boundary"] == "InitialState"
        assert sd.results.load(orbit.save(tmp_path / "orbit.nc")).identical(dataset)
        assert len(orbit.plot().axes) == panels


def test_an_equilibrium() -> None:
    still = sd.extremize(system, sd.Static(np.full(3, 0.2)), None, {k: np.ones(2), a: 0.3})
    assert still.dataset["x"].shape == (1, 2) and len(still.plot().axes) == 1
