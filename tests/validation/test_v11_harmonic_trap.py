"""V11: particles that attract each other in a harmonic trap, as a mixture of redundant Gaussians on ℝᵈ. Equation and
exact moments are those of the model `harmonic_trap`.

The height of the density grows by three to five orders of magnitude while it contracts, so that units are normalized. γ
is smaller than by default: what γ leaves out of a velocity sets units apart that began alike, and a broad unit with a
small share moves the covariance by more than û in L² (by default, 4 units in 8 dimensions: 1.8e-1 instead of 1.3e-4).
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


def test_redundant_gaussians_in_three_dimensions():
    data = run(d=3, saves=16)
    assert data["mean_error"].values.max() <= 1e-5
    assert data["covariance_error"].values.max() <= 1e-3
    assert data["theta"].values[-1, :4].sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_redundant_gaussians_in_many_dimensions():
    """4 units. With 512 samples for 264 parameters, in 10 dimensions, some runs lose the covariance (0.07) by rounding.

    30 units in 8 dimensions, 1350 parameters, come apart: what sets units apart that are alike grows tenfold over every
    0.05, whatever γ is, for a velocity of least norm differs between them as their own J do. From t = 0.8 on there are
    hundreds of directions to tell apart, and the covariance, which û in L² hardly knows, is off by 0.9 with 2048
    samples and steps of 0.1, and by 0.04 (the mean by 3e-4) until t = 3 with 4096 and steps of 0.05.
    """
    rows, held = [], []
    for d in (8, 10):
        began = time.process_time()
        data = run(d=d, saves=20, points=1024)
        mean, covariance = (float(data[f"{name}_error"].max()) for name in ("mean", "covariance"))
        rows.append([d, data.sizes["parameter"], 1024, mean, covariance, round(time.process_time() - began)])
        held.append([d, *bounds.row(data["error"].values, data["error_bound"].values, bounds.by(data))])
        assert mean <= 1e-3
        assert covariance <= 1e-2
    columns = ["d", "parameters", "samples", "mean", "covariance", "CPU s"]
    text = (
        "`pytest -m slow tests/validation/test_v11_harmonic_trap.py`: the model `harmonic_trap`, `sd.DFI(gamma=1e-12)` "
        "with steps of 0.05 to T = 8, 4 units that are all alike; largest relative errors at 21 times. CPU seconds of "
        "all, derivation and compilation included.\n\n"
    )
    text += table(columns, rows) + "\n\nThe error bound of the density, absolute in L²:\n\n"
    publish("V11: particles in a harmonic trap", text + table(["d", *bounds.COLUMNS], held))
