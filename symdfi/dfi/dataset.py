"""Solutions as datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.results import distinct, labelled, shown

if TYPE_CHECKING:
    import xarray as xr

#: What the variables are.
_NAMES = {
    "theta": "parameters of the ansatz",
    "velocity": "rates of the parameters",
    "gamma": "regularisation of the last solve",
    "velocity_change": "change of the velocity in a solve",
    "residual": "residual |J v - f| on independent points",
    "residual_solved": "residual |J v - f| on the points solved on",
    "rate": "|f| on independent points",
    "effective_rank": "effective rank of J",
    "null_share": "share of the velocity that is left to the anchor",
    "step_restriction": "h |J v - f| / gamma",
    "step_t": "beginning of a step",
    "step_dt": "length of a step",
    "step_residual": "integral of the residual over a step",
    "step_defect": "defect of a step",
    "error_bound": "bound of the error in L2",
    "spectrum": "singular values of J",
}
_SCALARS = ("gamma", "velocity_change", "residual", "residual_solved", "rate", "effective_rank", "null_share",
            "step_restriction")  # fmt: skip


def dataset_of(solution: Any, bound: tuple[np.ndarray, dict[str, Any]]) -> xr.Dataset:
    """A ``Solution``, see ``as_dataset``: û on a uniform grid in one and two dimensions, where the domain is finite."""
    import xarray as xr  # slow to import

    problem = solution.problem
    data: dict[str, Any] = {
        "theta": (("time", "parameter"), solution.theta),
        "velocity": (("time", "parameter"), solution.velocity),
        **{name: ("time", getattr(solution, name)) for name in _SCALARS},
        **{name: ("step", getattr(solution, name)) for name in ("step_t", "step_dt", "step_residual", "step_defect")},
        "error_bound": ("time", *bound),
    }
    if solution.spectrum is not None:
        data["spectrum"] = (("time", "direction"), solution.spectrum)
    data = {name: (*values[:2], {"long_name": _NAMES[name], **(values[2] if len(values) > 2 else {})})
            for name, values in data.items()}  # fmt: skip
    coordinates: dict[str, Any] = {"time": ("time", solution.t, {"symbol": "t", "long_name": "time"})}
    taken = [*data, "time", "step", "parameter", "direction"]
    fields = distinct(problem.field_names, taken)
    given = {str(p): value for p, value in problem.param_values.items()}
    labels = distinct(given, [*taken, *fields])
    names = distinct(map(str, problem.ansatz.variables), [*taken, *fields, *labels])
    for label, (name, value) in zip(labels, given.items(), strict=True):
        data[label] = ((), value, {"role": "parameter", "symbol": name, "long_name": name})
    bounds = problem.domain.bounds
    if len(bounds) <= 2 and problem.domain.finite:
        axes = [np.linspace(a, b, 401 if len(bounds) == 1 else 101) for a, b in bounds]
        points = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
        shape = tuple(len(axis) for axis in axes)
        values = np.stack([problem.values(theta, points) for theta in solution.theta])
        for component, (name, own) in enumerate(zip(fields, problem.field_names, strict=True)):
            of = values[..., component].reshape(len(solution.theta), *shape)
            data[name] = (("time", *names), of, {"role": "field", "symbol": own, "long_name": own})
        for name, x, axis in zip(names, problem.ansatz.variables, axes, strict=True):
            coordinates[name] = (name, axis, {"symbol": str(x), "long_name": str(x)})
    attributes = {
        "kind": "Solution",
        "equation": str(problem.equation),
        "ansatz": ", ".join(map(str, problem.ansatz.exprs)),
        "parameters_of_ansatz": ", ".join(problem.ansatz.names),
        "domain": ", ".join(f"[{a:g}, {b:g}]" for a, b in bounds),
        "periodic": ", ".join(map(str, problem.domain.periodic)),
        "quadrature": shown(problem.quadrature),
        "seed": shown(getattr(problem.quadrature, "seed", None)),
        "boundary": "; ".join(map(str, problem.boundary.conditions)) or "none",
        "boundary_in_ansatz": ", ".join(f"{problem.ansatz.variables[k]} = {end:g}" for k, end in problem.boundary.said),
        "stepper": solution.stepper,
        "dt": solution.dt,
        "initial_error": solution.initial_error,
        **({} if solution.resumption is None else solution.resumption.settings),
    }
    return labelled(xr.Dataset(data, coordinates, {**attributes, **solution.made}), solution.labels)
