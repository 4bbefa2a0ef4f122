"""Many processes and threads on one kernel, killed and forked at bad moments: right values, and no one waits forever.

``make stress`` starts more of them, and kills 200 times.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS, COLD = (int(os.environ.get(f"SYMDFI_{name}", number)) for name, number in (("KILLS", "2"), ("COLD", "3")))
PROGRAM = """
import numpy as np, sympy as sp, symdfi as sd
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
f = sd.compile({"y": sp.Sum(i * x[i] ** 2, (i, 0, n - 1))}, [x])
print("ready", flush=True)
print(float(f(x=[1.0, 2.0, 3.0])["y"]))
"""
VALUE = 22.0  # 0*1 + 1*4 + 2*9


def start(cache: Path, program: str = PROGRAM) -> subprocess.Popen[str]:
    env = {**os.environ, "SYMDFI_CACHE_DIR": str(cache)}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True, env=env)


def value(process: subprocess.Popen[str]) -> float:
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return float(out.split()[-1])


def test_cold_processes(tmp_path):
    processes = [start(tmp_path) for _ in range(COLD)]
    assert [value(process) for process in processes] == [VALUE] * COLD
    entries = list((tmp_path / "kernels").iterdir())
    assert len(entries) == 2  # the kernel, and what Python enters it by
    assert all((entry / "manifest.json").exists() for entry in entries)


def test_killed_at_random_moments(tmp_path):
    """Whenever it is while the kernel is compiled, stored or loaded; what is there afterwards is whole or not used."""
    random.seed(6)
    for _ in range(KILLS):
        process = start(tmp_path)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.communicate(timeout=900)
    assert value(start(tmp_path)) == VALUE
    for entry in (tmp_path / "kernels").glob("k_*"):
        sums = json.loads((entry / "manifest.json").read_text())
        assert sorted(sums) == sorted(
            path.relative_to(entry).as_posix()
            for path in entry.rglob("*") if path.is_file() and path.name != "manifest.json"
        )  # fmt: skip


FORKS = """
import os, threading, time, warnings
import numpy as np, sympy as sp, symdfi as sd
warnings.simplefilter("ignore")
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
values = np.linspace(-1, 1, 4096).reshape(2048, 2)

def check(k):
    f = sd.compile({"y": sp.Sum(sp.exp(k * x[i]), (i, 0, n - 1))}, [x])
    for _ in range(3):
        np.testing.assert_allclose(f(x=values)["y"], np.exp(float(k) * values).sum(axis=1), rtol=1e-13)

def compiling(k):
    while True:
        k += 2
        check(sp.Rational(k, 1000))

def calling():
    while True:
        check(sp.Integer(1))

check(sp.Integer(1))
for target, arguments in ((compiling, (0,)), (compiling, (1,)), (calling, ())):
    threading.Thread(target=target, args=arguments, daemon=True).start()
for k in range(4):
    time.sleep(0.1 * k)
    child = os.fork()
    if child == 0:
        check(sp.Integer(1))  # known before the fork
        check(sp.Rational(k, 7))  # to be compiled
        os._exit(0)
    deadline = time.monotonic() + 600
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            print("the child of fork", k, "waits forever", flush=True)
            os._exit(1)
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
print(22.0, flush=True)
os._exit(0)  # the threads would go on
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on Windows")
def test_forks_while_threads_compile_and_call(tmp_path):
    """The child can compile and call: no lock of the compiler was left locked by a thread that it does not have."""
    assert value(start(tmp_path, FORKS)) == VALUE


EVOLVE = """
import threading
import numpy as np, sympy as sp, symdfi as sd
X = sp.Symbol("x", real=True)
u = sp.Function("u")(sd.t, X)
pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2) / 10 - u.diff(X)))
problem = sd.Problem(pde, sd.mlp([X], [4, 4], period=[2]), sd.Box([(-1, 1)], periodic=True), sd.Grid(600))
theta = np.random.default_rng(0).normal(size=problem.ansatz.count) / 2
found, together = {}, threading.Barrier(2)

def work(key):
    together.wait(600)
    found[key] = sd.evolve(problem, theta, (0, 0.1), 0.01, sd.DFI(gamma=1e-8)).theta

workers = [threading.Thread(target=work, args=(key,)) for key in (1, 2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join(600)
alone = sd.evolve(problem, theta, (0, 0.1), 0.01, sd.DFI(gamma=1e-8)).theta
assert np.isfinite(alone).all() and (found[1] == alone).all() and (found[2] == alone).all()
print(22.0)
"""


def test_two_threads_in_evolve(tmp_path):
    """Cold and at once, they give what one of them gives alone, to the last bit."""
    assert value(start(tmp_path, EVOLVE)) == VALUE
