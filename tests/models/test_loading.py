"""What a run of a model writes is taken by ``symdfi.load``: the object that was computed."""

from __future__ import annotations

import pytest
import xarray as xr

import symdfi as sd
from symdfi import models
from symdfi.running import EvolutionModel, MechanicsModel

#: Each a few steps of each kind; the rest differ in their equations alone.
FEW = {"T": 0.02, "dt": 0.01, "saves": 2, "fit_iterations": 5, "points": 64}
EVOLUTION = {"advection": FEW, "schrodinger": FEW, "colliding_waves": FEW}


def shortened(name: str) -> dict:
    """The settings of a run of a model that takes a moment."""
    s = dict(models.load(name).settings)
    if "t_end" in s:
        s["t_end"] = min(s["t_end"], 40 * s["dt"])
    return {**s, **EVOLUTION.get(name, {}), **({"epochs": 2} if "epochs" in s else {})}


def is_quick(name: str) -> bool:
    return name in EVOLUTION if isinstance(models.load(name), EvolutionModel) else name not in SLOW


SLOW = ("gunpoint", "spring_graph")


@pytest.mark.parametrize("name", [name for name in models.names() if is_quick(name)])
def test_the_object_comes_back(name, tmp_path):
    model = models.load(name)
    result = model.run(shortened(name))
    path, *others = result.save(tmp_path)
    found = sd.load(path)
    assert found == result.result and found.dataset.equals(xr.load_dataset(path))
    assert found.dataset.attrs["model"] == found.made["model"] == name
    with xr.open_dataset(path) as plain:
        assert set(plain.data_vars) == set(result.dataset.data_vars)
    for other in others:
        assert sd.load(other) == result.others[other.stem]
    if isinstance(model, MechanicsModel):
        assert found.resume(2 * found.t[-1] - found.t[0]).t[-1] > found.t[-1]
