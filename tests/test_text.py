"""Text in place of an expression is refused, whatever it holds and wherever it stands: it is never run."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

TEXT = "__import__('pathlib').Path('text_was_executed').touch()"
q, v = sd.coordinates("q")
n = sp.Symbol("n", integer=True, positive=True)
x, xd = sd.coordinates("x", n)
i = sp.Symbol("i", integer=True)
X, a = sp.symbols("X a", real=True)
u = sp.Function("u")(sd.t, X)
L = v**2 / 2 - q**2 / 2
SYSTEM = sd.Lagrangian(L, q, v)
ANSATZ = sd.Ansatz(a * X, [X], [a])
PDE = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u))


class Odd:
    """An object that SymPy would read by its text."""

    def __str__(self) -> str:
        return TEXT

    __repr__ = __str__


CASES = [
    ("L", lambda s: sd.Lagrangian(s, q, v)),
    ("q", lambda s: sd.Lagrangian(L, s, v)),
    ("q", lambda s: sd.Lagrangian(L, [q, s], [v, v])),
    ("v", lambda s: sd.Lagrangian(L, q, s)),
    ("v", lambda s: sd.Lagrangian(L, [q], [s])),
    ("parameters", lambda s: sd.Lagrangian(L, q, v, parameters=[s])),
    ("inputs", lambda s: sd.Lagrangian(L, q, v, inputs=[s])),
    ("dissipation", lambda s: sd.Lagrangian(L, q, v, dissipation=s)),
    ("force on q", lambda s: sd.Lagrangian(L, q, v, forces={q: s})),
    ("a force acts on", lambda s: sd.Lagrangian(L, q, v, forces={s: q})),
    ("coordinate 'q'", lambda s: sd.coordinates("q", s)),
    ("coordinate 'q'", lambda s: sd.coordinates("q", (n, s))),
    ("gradient", lambda s: sd.gradient(s, q)),
    ("gradient", lambda s: sd.gradient(L, s)),
    ("gradient", lambda s: sd.gradient(sp.Sum(x[i] ** 2, (i, 0, n - 1)), x)[s]),
    ("differentiated", lambda s: sd.derivative(s, q)),
    ("differentiated", lambda s: sd.derivative(L, s)),
    ("bound of i", lambda s: sd.derivative(x[i], x[i], {i: (0, s)})),
    ("differentiated", lambda s: sd.tangent(s, {q: v})),
    ("direction of q", lambda s: sd.tangent(L, {q: s})),
    ("output 'y'", lambda s: sd.compile({"y": s}, [q])),
    ("output 'y'", lambda s: sd.compile({"y": [q, s]}, [q])),
    ("output 'y'", lambda s: sd.compile({"y": (s, (i, 0, n - 1))}, [x])),
    ("output 'y'", lambda s: sd.compile({"y": (x[i], s)}, [x])),
    ("output 'y'", lambda s: sd.compile({"y": (x[i], (s, 0, n - 1))}, [x])),
    ("output 'y'", lambda s: sd.compile({"y": (x[i], (i, s, n - 1))}, [x])),
    ("output 'y'", lambda s: sd.compile({"y": (x[i], (i, 0, s))}, [x])),
    ("arguments", lambda s: sd.compile({"y": q}, [q, s])),
    ("arguments", lambda s: sd.compile({"y": q}, s)),
    ("ansatz", lambda s: sd.Ansatz(s, [X], [a])),
    ("variables", lambda s: sd.Ansatz(a * X, [s], [a])),
    ("parameters", lambda s: sd.Ansatz(a * X, [X], [a, s])),
    ("variables", lambda s: sd.gaussians(s, 3)),
    ("number of Gaussians", lambda s: sd.gaussians([X], s)),
    ("period", lambda s: sd.gaussians([X], 3, period=[s])),
    ("widths", lambda s: sd.mlp([X], [3, s])),
    ("period", lambda s: sd.mlp([X], [3], period=[s])),
    ("evolution equation", lambda s: sd.EvolutionEquation(s)),
    ("u0", lambda s: sd.fit(sd.Problem(PDE, ANSATZ, sd.Box([(0, 1)]), sd.Grid(4)), s)),
    ("running cost", lambda s: sd.Cost(s)),
    ("targets", lambda s: sd.Cost(q**2, targets=[s])),
    ("event", lambda s: sd.Event(s)),
    ("event", lambda s: sd.integrate(SYSTEM, 0.0, 1.0, (0, 1), method="dop853", events=[s])),
]  # fmt: skip


@pytest.mark.parametrize("what, call", CASES)
@pytest.mark.parametrize("text", [TEXT, TEXT.encode(), Odd(), np.str_(TEXT)], ids=["str", "bytes", "odd", "numpy"])
def test_refused_and_not_run(what, call, text, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    refusals = TypeError if isinstance(text, str) else (TypeError, sd.SymdfiError, ValueError)
    with pytest.raises(refusals) as caught:
        call(text)
    if isinstance(text, str):
        assert what in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", [TEXT, "q + 1"])
def test_keys_are_names(key, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda: SYSTEM.compile().energy(0.0, 1.0, {key: 1.0}),
        lambda: sd.Problem(PDE, ANSATZ, sd.Box([(0, 1)]), sd.Grid(4), params={key: 1.0}),
        lambda: ANSATZ.pack({key: 1.0}),
        lambda: sd.compile({"y": q}, [q]).python(**{key: 1.0}),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_every_kind() -> None:
    values = (2, 2.0, np.float64(2), np.int64(2), np.array(2.0), sp.Integer(2), sp.Float(2))
    for value in values:
        assert sd.compile({"y": value}, [q]).python(q=0.0)["y"] == 2
    assert sd.coordinates("x", np.int64(3))[0].shape == (3,)
