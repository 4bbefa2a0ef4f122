"""V11: particles that attract each other in a harmonic trap, as a mixture of redundant Gaussians on ℝᵈ. Equation and
exact moments are those of the model `harmonic_trap`.

The height of the density grows by three to five orders of magnitude while it contracts, so that units are normalized. γ
is smaller than by default: what γ leaves out of a velocity sets units apart that began alike, and a broad unit with a
small share moves the covariance by more than û in L².

ρ is the mean of its units. Were it their sum, with a small amplitude each, what sets units apart that are alike would
grow at a rate of the order of their number: 30 of them would come apart before t = 1, whatever γ, samples and steps
are, and their covariance be off by 4e-2 and more.
"""

import time

import pytest

from symdfi.models.harmonic_trap import MODEL
from tests.validation import bounds
from tests.validation.results import publish, table


def run(**settings):
    data = MODEL.run({**MODEL.settings, **settings}).dataset
    bounds.holds(data["error"].values, data["error_bound"].values, known=1e-9)  # rounding at the start
    return data


@pytest.mark.parametrize(
    ("units", "settings"), [(4, {"d": 3, "saves": 16}), (30, {"d": 2, "saves": 6, "points": 256, "T": 3.0})]
)
def test_redundant_gaussians_in_few_dimensions(units, settings):
    data = run(units=units, **settings)
    assert data["mean_error"].values.max() <= 1e-5
    assert data["covariance_error"].values.max() <= 1e-4
    assert data["theta"].values[-1, :units].mean() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_redundant_gaussians_in_many_dimensions():
    rows, held = [], []
    for d, units, points in ((8, 4, 512), (10, 4, 512), (8, 30, 2048), (10, 30, 3072)):
        began = time.process_time()
        data = run(d=d, saves=20, units=units, points=points)
        mean, covariance = (float(data[f"{name}_error"].max()) for name in ("mean", "covariance"))
        rows.append([d, units, data.sizes["parameter"], points, mean, covariance, round(time.process_time() - began)])
        held.append([d, units, *bounds.row(data["error"].values, data["error_bound"].values, bounds.by(data))])
        assert mean <= 1e-3
        assert covariance <= 1e-2
    columns = ["d", "units", "parameters", "samples", "mean", "covariance", "CPU s"]
    text = (
        "`pytest -m slow tests/validation/test_v11_harmonic_trap.py`: the model `harmonic_trap`, "
        "`sd.DFI(gamma=1e-12, mu=0.9)` with steps of 0.05 to T = 8, units that are all alike; largest relative errors "
        "at 21 times. CPU seconds of all, derivation and compilation included.\n\n"
    )
    text += table(columns, rows) + "\n\nThe error bound of the density, absolute in L²:\n\n"
    publish("V11: particles in a harmonic trap", text + table(["d", "units", *bounds.COLUMNS], held))
