"""M2: extreme but finite inputs give finite numbers or a named error."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdfi as sd

q, v = sd.coordinates("q")
m, k = sp.symbols("m k", real=True)
SYSTEMS = (
    sd.Lagrangian(m * v**2 / 2 - k * q**2 / 2 - q**4 / 4, q, v, parameters=[m, k]),
    sd.Lagrangian((1 + sp.exp(m * q)) * v**2 / 2 - k * sp.exp(q), q, v, parameters=[m, k]),
)
NUMBERS = st.sampled_from([0.0, 1.0, -0.5, 3.0, 1e-8, 5e-324, 1e-160, -1e160, 1e160, 1e300, -1.7e308, 1.7e308])


def test_an_energy_that_overflows_is_no_result():
    with pytest.raises(sd.DivergenceError, match="the energy is not finite at t = 0, though the state is") as failed:
        sd.integrate(
            SYSTEMS[0], [0.0], [1.7e308], (0, 1e-300), dt=1e-300, params={m: -1e-160, k: 1e-8}, method="verlet"
        )
    assert failed.value.time == 0
    assert np.isfinite(failed.value.partial.q).all()


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(SYSTEMS), NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["verlet", "rk4", "dop853"]))
def test_integrate(system, q0, v0, mass, stiffness, method):
    steps = {} if method == "dop853" else {"dt": 0.1}
    try:
        found = sd.integrate(system, [q0], [v0], (0, 0.5), params={m: mass, k: stiffness}, method=method, **steps)
    except (sd.SymdfiError, ValueError):
        return
    for values in (found.q, found.v, found.energy):
        assert np.isfinite(values).all()
