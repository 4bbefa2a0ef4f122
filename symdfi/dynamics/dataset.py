"""Trajectories as datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.compile.kernels.groups import shape_of
from symdfi.results import Families, distinct, labelled, shown
from symdfi.symbolic.families import families
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    import xarray as xr


def dataset_of(motion: Any) -> xr.Dataset:
    """A ``Trajectory``, see its ``dataset``. Names that are taken, "time", "energy", "work" and "member", get an
    underscore where a coordinate has them; the attribute ``symbol`` has its own."""
    import xarray as xr  # slow to import

    system, batch = motion.system, motion.batch
    members = tuple(f"member_{k}" if len(batch) > 1 else "member" for k in range(len(batch)))
    pairs = zip(system.coordinates, system.velocities, strict=True)
    states = [(x, role) for pair in pairs for x, role in zip(pair, ("coordinate", "velocity"), strict=True)]
    numbers = {name_of(p): value for p, value in motion.params.items()}
    # Extents are the sizes of dimensions.
    others = [p for p in (*system.parameters, *sorted(system.counts, key=str)) if name_of(p) in numbers]
    variables = [x for x, _ in states] + others
    names = distinct(map(name_of, variables), ["time", "energy", "work", *members])
    axes = Families(["time", "energy", "work", *members, *names], families(system))
    labels = dict(zip(map(name_of, variables), names, strict=True))
    data: dict[str, Any] = {}
    for x, role in states:
        own = {"role": role, "symbol": name_of(x), "long_name": name_of(x)}
        data[labels[name_of(x)]] = (*members, "time", *axes.of(name_of(x), shape_of(x))), motion[x], own
    data["energy"] = (*members, "time"), motion.energy, {
        "role": "energy", "long_name": "energy", "conserved": system.conserves_energy,
    }  # fmt: skip
    if not system.conserves_energy and motion.work is not None:
        own = {"role": "work", "long_name": "work done by dissipation, forces and drives"}
        data["work"] = (*members, "time"), motion.work, own
    for p in others:
        value = np.asarray(numbers[name_of(p)])
        value = value if value.dtype.kind in "fiu" else value.astype(float)
        # Of an ensemble some vary: as many leading axes as they have, which broadcast.
        extra = value.ndim - len(shape_of(p))
        if extra > 0:
            value = np.broadcast_to(value, (*batch, *value.shape[extra:]))
        own = {"role": "parameter", "symbol": name_of(p), "long_name": name_of(p)}
        data[labels[name_of(p)]] = (*(members if extra > 0 else ()), *axes.of(name_of(p), shape_of(p))), value, own
    sizes = [f"{s} = {numbers[name_of(s)]}" for s in sorted(system.sizes, key=str) if name_of(s) in numbers]
    attributes: dict[str, Any] = {"kind": "Trajectory", "method": motion.method}
    if motion.resumption is not None:
        attributes |= motion.resumption.settings
        attributes["inputs"] = _inputs(motion.resumption.inputs)
    attributes["sizes"] = ", ".join(sizes)
    attributes |= {"lagrangian": str(system.lagrangian), "dissipation": shown(system.dissipation)}
    attributes["forces"] = ", ".join(map(str, system.external_forces))
    attributes["constraints"] = "; ".join(constraint.shown for constraint in system.constraints)
    attributes["generalized_coordinates"] = ", ".join(name_of(q) for q in system.coordinates)
    attributes["generalized_velocities"] = ", ".join(name_of(v) for v in system.velocities)
    time = ("time", motion.t, {"symbol": "t", "long_name": "time"})
    return labelled(xr.Dataset(data, {"time": time}, {**attributes, **motion.made}), motion.labels)


def _inputs(inputs: Any) -> str:
    if inputs is None:
        return "none"
    if callable(inputs):
        return f"a function of time, {shown(inputs)}"
    return ", ".join(f"{name_of(key)} = {shown(value)}" for key, value in inputs.items())
