"""E10: the advisor, of thirteen systems the row of theory of EP, "Which scheme is exact", and the condition that
decided it. The systems are those of tests/ep/test_advisor.py."""

from __future__ import annotations

import pytest

import symdfi as sd
from tests.ep.test_advisor import CASES

#: What each system admits beside the default.
EXPECTED = {
    "nonlinear, even": "Echo()", "gyroscopic": "Echo(mirror=...)", "linear": "Reciprocal()", "periodic": "Centered()",
    "held": "Centered()", "linear, damped": "Reciprocal()", "twisted": "Reciprocal(mirror=...)",
    "nonlinear, damped": None, "damped like its mass": "GainFlippedEcho()", "damped strongly": None,
    "damped otherwise": None, "equilibrium": "Centered()", "overdamped": "Reciprocal()",
}  # fmt: skip


def rows() -> list[list[str]]:
    found = []
    for name, (system, boundary, params, _, decided, _) in CASES.items():
        advice = sd.schemes(system, boundary, params)
        row = advice[EXPECTED[name] or decided]
        found.append([name, type(boundary).__name__, "yes" if row.admitted else "no", row.name, row.condition])
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_the_row_that_applies(name: str) -> None:
    system, boundary, params, *_ = CASES[name]
    admitted = sd.schemes(system, boundary, params).admitted
    assert admitted[0] == "Infinitesimal()"
    if EXPECTED[name] is None:
        assert len(admitted) == 1
    else:
        assert EXPECTED[name] in admitted
