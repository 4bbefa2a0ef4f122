"""The figures of the cases of equilibrium propagation, written into RESULTS.md."""

from __future__ import annotations

import numpy as np
import pytest

import symdfi as sd
from tests.validation import (
    test_e1_fixed_end_oscillator as e1,
)
from tests.validation import (
    test_e2_duffing_chain as e2,
)
from tests.validation import (
    test_e3_six_oscillators as e3,
)
from tests.validation import (
    test_e4_reciprocal_network as e4,
)
from tests.validation import (
    test_e5_naive_estimate as e5,
)
from tests.validation import (
    test_e6_teacher_student as e6,
)
from tests.validation import (
    test_e8_doubled_action as e8,
)
from tests.validation import (
    test_e9_magnetic_lattice as e9,
)
from tests.validation import (
    test_e10_advisor as e10,
)
from tests.validation import (
    test_e11_fixed_action as e11,
)
from tests.validation.propagation import Figure, apart, record
from tests.validation.results import publish, table


def oscillator() -> list[Figure]:
    coarse, fine = (float(e1.trainer(steps).gradient({e1.w: e1.OMEGA})[1]["omega"]) for steps in (100, 200))
    return [
        Figure("dC/dω less 0.2891924, on 200 steps", abs(fine - e1.PUBLISHED), 5e-5),
        Figure("the same extrapolated from 100 and 200", abs((4 * fine - coarse) / 3 - e1.PUBLISHED), 1e-7),
    ]


def duffing() -> list[Figure]:
    free = e2.trainer().free(e2.parameters(3), e2.INPUTS, e2.TARGETS)
    exact, found = e2.flat(e2.trainer().adjoint(free)), []
    for name, scheme, betas, order in (
        ("one-sided", sd.OneSided, e2.BETAS, 1), ("centred", sd.Centered, e2.BETAS, 2),
        ("holomorphic, 4 points", lambda b: sd.Holomorphic(4, b), e2.WIDE, 4),
    ):  # fmt: skip
        errors = [apart(e2.flat(e2.trainer(scheme(b)).response(free)), exact) for b in betas]
        slope = np.polyfit(np.log(betas), np.log(errors), 1)[0]
        found.append(Figure(f"{name}: slope less {order}", abs(float(slope) - order), 0.03))
    return found


def doubled() -> list[Figure]:
    trainer = sd.EPTrainer(e8.damped, e8.cost(e8.q), e8.start, e8.STEPS, e8.parameters)
    exact, found = e8.vector(trainer.response(trainer.free(e8.VALUES))), []
    for beta, at_most in ((1e-1, 1e-2), (1e-2, 1e-4), (1e-3, 1e-6)):
        both = sd.EPTrainer(e8.doubled, e8.cost(e8.plus), e8.between, e8.STEPS, e8.parameters, sd.Centered(beta))
        found.append(Figure(f"centred, β = {beta:g}", apart(e8.vector(both.gradient(e8.VALUES)[1]), exact), at_most))
    return found


def action() -> list[Figure]:
    coarse, fine = e11.derivative(128), e11.derivative(256)
    exact = -e11.ACTION / e11.OMEGA**2
    return [
        Figure("d⟨q²⟩/dω less −J/ω², on 256 steps", abs(fine - exact), 3e-5),
        Figure("the same extrapolated from 128 and 256", abs((4 * fine - coarse) / 3 - exact), 5e-8),
    ]


@pytest.mark.slow
def test_written() -> None:
    cases = {
        "E1": oscillator, "E2": duffing, "E3": e3.figures, "E4": e4.figures, "E5": e5.figures, "E6": e6.figures,
        "E8": doubled, "E9": e9.figures, "E11": action,
    }  # fmt: skip
    missed = []
    for case, figures in cases.items():
        found = figures()
        record(case, found)
        missed += [(case, figure) for figure in found if not figure.holds]
    text = "`pytest -m slow tests/validation/test_e_results.py`: the row that applies, and what decided it.\n\n"
    publish("E10: the advisor", text + table(["system", "boundary", "admitted", "scheme", "condition"], e10.rows()))
    assert not missed, missed
