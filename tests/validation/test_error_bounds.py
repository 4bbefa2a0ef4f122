"""The error bound of `sd.DFI()`, growth estimated, on the cases of `cases` and on V9: never below the true error, which
is on points of its own. Those of V5, V7, V8, V11 and V12 at their own settings are in the tests of these."""

import numpy as np
import pytest

import symdfi as sd
from symdfi.models import heat
from tests.validation import bounds
from tests.validation.cases import CASES, SAVES
from tests.validation.results import publish, table

#: What the references by spectral methods are known to; also more than rounding, for errors where there are none else.
KNOWN = 1e-6


def of(case):
    """Errors in L² and the bound."""
    problem, each = case.problem(), round(case.T / SAVES / case.dt)
    solution = sd.evolve(problem, case.theta, (0, case.T), case.T / SAVES / each, save_every=each)
    off = np.abs(solution.evaluate(case.points, solution.t) - case.exact) ** 2
    spacing = case.points[1] - case.points[0]
    return np.sqrt(spacing * off.sum(axis=tuple(range(1, off.ndim)))), solution.error_bound


def of_heat():
    data = heat.MODEL.run(heat.MODEL.settings).dataset
    return data["error"].values, data["error_bound"].values


@pytest.mark.slow
def test_the_bound_is_never_below_the_error():
    runs = {**{name: (lambda case=case: of(case)) for name, case in CASES.items()}, "V9 heat": of_heat}
    rows, missed = [], []
    for name, run in runs.items():
        errors, bound = run()
        rows.append([name, *bounds.row(errors, bound, "ℓ = -0.5" if run is of_heat else "estimated growth")])
        if not (errors <= bound + KNOWN).all():
            missed.append(name)
    text = (
        "`pytest -m slow tests/validation/test_error_bounds.py`: `sd.DFI()` with its default settings. Absolute in L²; "
        "where there is no error but rounding the ratio says nothing.\n\n"
    )
    publish("Error bounds", text + table(["case", *bounds.COLUMNS], rows))
    assert not missed, missed
