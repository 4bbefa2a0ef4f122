"""V0: `sd.DFI()` with its default settings against every rival at its best of nine settings, on the cases of `cases`.

All take the same steps of RK4 from the same start. A run that breaks off has failed. The quick tests hold the default
to what it reaches on the cases that take seconds; the whole table is slow, and writes itself into RESULTS.md.
"""

import numpy as np
import pytest

import symdfi as sd
from tests.validation.cases import CASES
from tests.validation.results import publish, table

#: Nine settings, so that the best of every rival is none of the largest: γ in units of σ₁², and truncation at √γ σ₁.
GAMMAS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-14)
RIVALS = {
    "Tikhonov": lambda gamma: sd.DiracFrenkel(gamma=gamma, relative=True),
    "truncated SVD": lambda gamma: sd.DiracFrenkel(rtol=gamma**0.5),
    "SPRING": lambda gamma: sd.DFI(gamma=gamma, mu=0.99, trust=False),
    "DFO": lambda gamma: sd.DFO(rtol=gamma**0.5),
}

ABOUT = """Mean relative L² error over twenty saved times; of each rival the best of nine settings, all at the same
steps of RK4. One run a cell: solutions of the Korteweg-de Vries equation, and less so the breather and the double well,
are chaotic in θ, and a start that differs by 1e-8, or another setting, gives another error."""


def shown(error):
    return f"{error:.1e}" if np.isfinite(error) else "fails"


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("V1 Gaussians alike", 1e-5),
        ("V2 collision, rho = 0", 1e-12),
        ("V2 collision, rho = 4.635e-06", 1e-12),
        ("V10 squeezed state", 1e-6),
        ("Fisher's front", 1e-4),
        ("double well", 5e-3),
    ],
)
def test_the_default(name, bound):
    """Several times what is reached, for errors of redundant parameters vary with rounding."""
    assert CASES[name].error() <= bound


@pytest.mark.parametrize("steps", [200, 260, 540])
@pytest.mark.parametrize("name", ["V2 collision, rho = 0", "V3 singular points"])
def test_the_default_by_euler(name, steps):
    """The error of Euler's steps, far above the residuals, is none for more regularisation to cure."""
    case = CASES[name]
    assert case.error(sd.DFI(scheme="euler"), dt=case.T / steps) <= 1e-11


@pytest.mark.slow
def test_the_default_against_its_rivals():
    summary, scans, missed = [], [], []
    for name, case in CASES.items():
        default = case.error()
        # Plain Dirac-Frenkel has nothing to scan: the pseudo-inverse, to rounding.
        plain = case.error(sd.DiracFrenkel(rtol=1e-13))
        found = {rival: [case.error(make(gamma)) for gamma in GAMMAS] for rival, make in RIVALS.items()}
        best = min(plain, *(min(errors) for errors in found.values()))
        # Errors at rounding level are equal.
        ratio = max(default, 1e-12) / max(best, 1e-12)
        if not (np.isfinite(default) and ratio <= 1.5):
            missed.append(f"{name}: {shown(default)} for {shown(best)}")
        least = [shown(min(errors)) for errors in found.values()]
        of_best = f"{ratio:.2g}" if np.isfinite(default) else "–"
        summary.append(
            [name, len(case.theta), shown(case.initial_error), shown(default), shown(plain), *least, of_best]
        )
        scans += [[name, rival, *map(shown, scan)] for rival, scan in found.items()]
        head = ["case", "p", "start", "DFI()", "DF", *RIVALS, "DFI() / best"]
        text = ABOUT + "\n\n"
        text += table(head, summary) + "\n\nAll settings: γ/σ₁², truncation at its root.\n\n"
        text += table(["case", "method", *(f"{gamma:.0e}" for gamma in GAMMAS)], scans)
        publish("V0: the default against its rivals", text)
    assert not missed, missed
