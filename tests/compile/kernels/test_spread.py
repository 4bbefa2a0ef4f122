"""A call of a large system by rows: the same numbers, to the last bit, however many threads share them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi import workers
from symdfi.compile.kernels import spread, threads

EPS = np.finfo(float).eps
n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k, e = sp.symbols("i j k e", integer=True)
c = sp.Symbol("c", positive=True)
x, y = (sp.IndexedBase(name, shape=(n,)) for name in "xy")
z = sp.IndexedBase("z", shape=(n, 3))
phi = sp.IndexedBase("phi", shape=(n, m))
p = sp.IndexedBase("p", shape=(n,))
start = sp.IndexedBase("start", shape=(n + 1,))
neighbour = sp.IndexedBase("neighbour", shape=(m,))


def ring(at: sp.Expr, step: int, size: sp.Expr) -> sp.Expr:
    return sp.Mod(at + step, size)


CHAIN = sp.Sum(sp.exp(x[i + 1] - x[i]) + c * sp.exp(x[i] - x[i + 1]) ** 2, (i, 0, n - 2))
LATTICE = sp.Sum(
    (phi[ring(i, 1, n), j] - phi[i, j]) ** 2 / 2 + (phi[i, j + 1] - phi[i, j]) ** 2 / 2 + c * phi[i, j] ** 4,
    (j, 0, m - 2), (i, 0, n - 1),
)  # fmt: skip
PAIRS = sp.Sum(1 / sp.sqrt(sp.Sum((z[i, k] - z[j, k]) ** 2, (k, 0, 2)) + c), (j, 0, i - 1), (i, 0, n - 1))
BONDS = sp.Sum((x[p[i]] - x[i]) ** 2, (i, 0, n - 1))
smooth = lambda at: 2 + sp.sin(x[at]) + sp.exp(-sp.Sum(c * x[ring(at, k, n)] ** 2, (k, 0, 7)))  # noqa: E731

#: Outputs of rows that need no others, ...
BY_ROWS = {
    "chain": ({"g": sd.gradient(CHAIN, x)}, [x, c]),
    "lattice": ({"g": sd.gradient(LATTICE, phi)}, [phi, c]),
    "pairs": ({"g": sd.gradient(PAIRS, z)}, [z, c]),
    "gathered": ({"y": (sp.cos(x[p[i]]) * x[i], (i, 0, n - 1))}, [x, p]),
    "neighbours": ({"y": (sp.Sum(x[neighbour[e]], (e, start[i], start[i + 1] - 1)), (i, 0, n - 1))},
                   [x, start, neighbour]),
    "backwards, strides, ends and two lengths": ({
        "w": (2 * x[n - 1 - i], (i, 0, n - 1)), "y": (x[i] ** 2, (i, 1, n - 2)), "z": (2 * phi[0, j], (j, 0, m - 1)),
        "s": (sp.Piecewise((2 * x[i], sp.Eq(sp.Mod(i, 2), 0)), (x[i], True)), (i, 0, n - 1)),
        "t": (sp.Piecewise((x[1], sp.Eq(i, 0)), (x[i - 1], True)), (i, 0, n - 1)),
    }, [x, phi]),
    "what is stored of others": ({"y": (sp.sqrt(smooth(i)) + sp.log(smooth(i + 1)), (i, 0, n - 2)),
                                  "z": (sp.cosh(smooth(i)), (i, 0, n - 1))}, [x, c]),
}  # fmt: skip
#: ... and of rows that do: added to from others, or that take a total of all.
WHOLE = {
    "energy": ({"E": CHAIN}, [x, c]),
    "scattered": ({"g": sd.gradient(BONDS, x)}, [x, p]),
    "mean field": ({"y": (x[i] * sp.Sum(sp.sin(x[j]), (j, 0, n - 1)), (i, 0, n - 1))}, [x]),
}


def arguments(f, size: int) -> dict[str, np.ndarray | float]:
    rng = np.random.default_rng(size)
    other = size // 2 + 2
    known = {
        "x": rng.normal(size=size), "z": rng.normal(size=(size, 3)), "phi": rng.normal(size=(size, other)),
        "p": rng.integers(0, size, size), "start": np.sort(rng.integers(0, other + 1, size + 1)),
        "neighbour": rng.integers(0, size, other), "c": 0.3,
    }  # fmt: skip
    return {name: known[name] for name in f.names}


@pytest.fixture
def always(monkeypatch) -> None:
    monkeypatch.setattr(spread, "STATEMENTS", 0)


@pytest.mark.parametrize("name", BY_ROWS)
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, always, name: str) -> None:
    f = sd.compile(*BY_ROWS[name])
    kernel = f.variant()[0]
    assert kernel.spread is not None and kernel.spread.rows is not None
    shared = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda *args, **more: (shared.append(args[1]), run(*args, **more)))
    for size in (3, 200, 1001):
        given = arguments(f, size)
        monkeypatch.setattr(spread, "STATEMENTS", 1 << 60)
        kernel.spread._found.clear()
        f._layouts.clear()
        whole = f(given)
        assert not shared
        expected: dict[str, np.ndarray] = {}
        monkeypatch.setattr(spread, "STATEMENTS", 0)
        for cores in (1, 2, 3, 5):
            monkeypatch.setattr(threads, "_cores", lambda cores=cores: cores)
            kernel.spread._found.clear()
            f._layouts.clear()
            got = f(given)
            assert shared.pop() == max(map(len, got.values()))
            expected = expected or got
            for output, values in expected.items():
                assert values.tobytes() == got[output].tobytes(), (size, cores)
                # LLVM may round the loops of the two kernels differently: a few units in sums of up to nine terms.
                np.testing.assert_allclose(values, whole[output], rtol=1e3 * EPS, atol=1e3 * EPS)


@pytest.mark.parametrize("name", WHOLE)
def test_rows_that_need_others_stay_whole(always, name: str) -> None:
    kernel = sd.compile(*WHOLE[name]).variant()[0]
    assert kernel.spread is not None and kernel.spread.rows is None
    assert kernel.at(np.array([1 << 20] * len(kernel.sizes))) is kernel.function


def test_small_systems_stay_on_their_thread() -> None:
    kernel = sd.compile(*BY_ROWS["chain"]).variant()[0]
    assert kernel.at(np.array([64])) is kernel.function
    assert kernel.at(np.array([1 << 22])) is not kernel.function


def test_calls_of_a_lagrangian_system(monkeypatch, always) -> None:
    q, v = sd.coordinates("q", n)
    chain = sp.Sum(sp.exp(q[i + 1] - q[i]), (i, 0, n - 2))
    system = sd.Lagrangian(sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - chain, q, v).compile()
    shared = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda *args, **more: (shared.append(args[1]), run(*args, **more)))
    at = np.linspace(0, 1, 500) ** 2
    force = np.exp(np.diff(at))
    expected = np.append(force, 0) - np.append(0, force)
    np.testing.assert_allclose(system.acceleration(at, 0 * at), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(system.bind(n_dof=500).acceleration(at, 0 * at), expected, rtol=1e-12, atol=1e-14)
    assert shared == [500, 500]


def test_workers_do_not_share_theirs(monkeypatch, always) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    f = sd.compile(*BY_ROWS["chain"])
    bound = f.bind(x=(1000,), c=())
    at = np.linspace(0, 1, 1000)
    expected = bound(at, 0.3)["g"]
    used = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda *args, **more: (used.append(threading.get_ident()), run(*args, **more)))
    with ThreadPoolExecutor(2) as pool:
        found = list(workers.run(lambda value: bound(at, value)["g"], [(0.3,)] * 4, pool))
    assert all((g == expected).all() for g in found)
    assert not used
    bound(at, 0.3)
    assert used == [threading.get_ident()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_child_shares_as_well(monkeypatch, always) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    f = sd.compile(*BY_ROWS["chain"])
    at = np.linspace(0, 1, 1000)
    expected = f(x=at, c=0.3)["g"]
    child = os.fork()
    if not child:
        os._exit(0 if (f(x=at, c=0.3)["g"] == expected).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
