"""Work shared out over threads, processes and a cluster: the same numbers, and errors that say where."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi import workers
from symdfi.dynamics import runs

q, v = sd.coordinates("q")
k = sp.Symbol("k", positive=True)
a = sp.Symbol("a")
theta = dynamicsymbols("theta")
PENDULUM = sd.Lagrangian(theta.diff(sd.t) ** 2 / 2 + k * sp.cos(theta) + a * theta, theta, inputs=[a])
RUNAWAY = sd.Lagrangian(v**2 / 2 + k * q**4, q, v)
STARTS = np.linspace(0.1, 3.0, 40)[:, None]


def pendula(executor: Executor | None, method: str = "dop853", **options) -> sd.Trajectory:
    return sd.integrate(
        PENDULUM, STARTS, 0.0, (0, 1), dt=0.25, params={k: np.linspace(1, 2, 40)}, method=method, executor=executor,
        inputs={a: 0.5}, **options,
    )  # fmt: skip


def assert_same(one: sd.Trajectory, other: sd.Trajectory) -> None:
    for name in ("t", "q", "v", "energy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for here, there in zip(one.events, other.events, strict=True):
        for name in ("t", "q", "v", "member"):
            np.testing.assert_array_equal(getattr(here, name), getattr(there, name))


def check(executor: Executor) -> None:
    """What any executor must do."""
    options = {"events": [theta - sp.Rational(1, 2)], "dense": True}
    one = pendula(executor, **options)
    assert_same(one, pendula(None, **options))
    np.testing.assert_array_equal(one.member(7)(0.3)[0], pendula(None, **options).member(7)(0.3)[0])
    assert_same(pendula(executor, "rk4"), pendula(None, "rk4"))
    driven = {"t_eval": [1.0], "method": "dop853", "params": {k: 1.0}, "inputs": {a: np.cos}}
    assert_same(
        sd.integrate(PENDULUM, STARTS[:3], 0.0, (0, 1), executor=executor, **driven),
        sd.integrate(PENDULUM, STARTS[:3], 0.0, (0, 1), **driven),
    )
    pulls = np.zeros(40)
    pulls[[23, 31]] = 1.0
    with pytest.raises(sd.DivergenceError, match=r"^member \(23,\): DOP853 stopped at t = 0.927") as caught:
        sd.integrate(RUNAWAY, 1.0, 0.0, (0, 2), dt=0.5, params={k: pulls}, method="dop853", executor=executor)
    assert caught.value.member == (23,)
    part = caught.value.partial
    np.testing.assert_array_equal(part.q[:20], 1.0)
    assert part.member(23).t[-1] == 0.5
    # A single motion goes there too.
    alone = {"method": "verlet", "params": {k: 1.0}, "inputs": {a: 0.0}}
    assert_same(
        sd.integrate(PENDULUM, 1.0, 0.0, (0, 1), 0.1, executor=executor, **alone),
        sd.integrate(PENDULUM, 1.0, 0.0, (0, 1), 0.1, **alone),
    )


@pytest.mark.parametrize("count", [1, 3])
def test_threads(count):
    with ThreadPoolExecutor(count) as pool:
        check(pool)


def test_processes():
    """Started anew, so that nothing is inherited: systems are rebuilt from their symbols."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        check(pool)


def test_dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        check(client.get_executor())


def test_blocks():
    """As many for any number of workers, every member in one of them."""
    for count in (1, 2, 255, 256, 257, 1000, 12345):
        found = workers.blocks(count)
        assert len(found) <= 256
        assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
        assert found[-1][1] == count
        assert len({stop - start for start, stop in found[:-1]}) <= 1
    assert workers.blocks(10, 4) == [(0, 4), (4, 8), (8, 10)]


class _Queue(Executor):
    """Runs nothing until it is asked for a result."""

    def __init__(self) -> None:
        self.futures: list[Future] = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        if len(self.futures) < 2:
            try:
                future.set_result(fn(*args, **kwargs))
            except ZeroDivisionError as error:
                future.set_exception(error)
        self.futures.append(future)
        return future


def test_an_error_cancels_the_rest_and_says_where():
    pool = _Queue()
    with pytest.raises(ZeroDivisionError) as caught:
        list(workers.run(lambda x: 1 / x, [(1,), (0,), (2,), (3,)], pool))
    assert caught.value.__notes__ == ["in block 1 of 4, by _Queue"]
    assert [future.cancelled() for future in pool.futures] == [False, False, True, True]


def test_what_is_no_executor_is_refused():
    with pytest.raises(TypeError, match=r"an executor is a concurrent.futures.Executor, such as .* not 3"):
        pendula(3)


def test_interrupted(monkeypatch):
    """Ctrl-C while blocks are on their way: those that have come are kept."""
    original = workers.run

    def interrupted(*args):
        for number, outcome in enumerate(original(*args)):
            if number == 2:
                raise KeyboardInterrupt
            yield outcome

    monkeypatch.setattr(runs, "run", interrupted)
    with ThreadPoolExecutor(1) as pool, pytest.raises(sd.Interrupted) as caught:
        pendula(pool)
    part, whole = caught.value.partial, pendula(None)
    np.testing.assert_array_equal(part.q[:2], whole.q[:2])
    assert np.isnan(part.q[3:]).all()
