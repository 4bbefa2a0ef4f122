"""What a user waits for: import, derivation, compilation; cold and from the cache."""

from __future__ import annotations

import statistics

IMPORT = """
import time
begin = time.perf_counter()
import symdfi
print(time.perf_counter() - begin)
"""

FPUT = """
import time
import numpy as np, sympy as sp, symdfi as sd
sd.Lagrangian  # loaded when first used
begin = time.perf_counter()
n, i, alpha = sp.Symbol("n"), sp.Symbol("i", integer=True), sp.Symbol("alpha")
x, v = sd.coordinates("x", n)
stretch = x[i + 1] - x[i]
L = sp.Sum(v[i]**2/2, (i, 0, n - 1)) - sp.Sum(stretch**2/2 + alpha*stretch**3/3, (i, 0, n - 2))
kernel = sd.Lagrangian(L, x, v).compile().acceleration_kernel
function = kernel.function
elapsed = time.perf_counter() - begin
q, out = np.linspace(0, 1, {n})**2, np.empty({n})
function(np.array([{n}]), np.empty(0, np.int64), q, 0*q, np.array([0.25]), np.empty(0), 0.0, out)
assert np.isfinite(out).all()
print(elapsed)
"""

PENDULUM = """
import time
import sympy as sp, symdfi as sd
sd.Lagrangian, sd.mlp  # loaded when first used
from sympy.physics.mechanics import dynamicsymbols
begin = time.perf_counter()
q = dynamicsymbols("q1:7")
m, l, g = sp.symbols("m1:7"), sp.symbols("l1:7"), sp.Symbol("g")
t, x, y, L = sd.t, 0, 0, 0
for qi, mi, li in zip(q, m, l):
    x, y = x + li*sp.sin(qi), y - li*sp.cos(qi)
    L += mi*(x.diff(t)**2 + y.diff(t)**2)/2 - mi*g*y
sd.Lagrangian(L, list(q)).compile().acceleration_kernel.function
print(time.perf_counter() - begin)
"""

MLP = """
import time
import sympy as sp, symdfi as sd
sd.Lagrangian, sd.mlp  # loaded when first used
x = sp.Symbol("x")
u = sp.Function("u")(sd.t, x)
begin = time.perf_counter()
ansatz = sd.mlp([x], [32]*{depth})
problem = sd.Problem(sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(x, 2) - u*u.diff(x))), ansatz,
                     sd.Box([(-1, 1)]), sd.Grid(16), boundary="in the ansatz")
problem.kernels.rows.function
print(time.perf_counter() - begin)
"""

NINE_LEVELS = """
import time
import sympy as sp, symdfi as sd
sd.compile, sd.gradient  # loaded when first used
begin = time.process_time()
x = r = sp.Symbol("x", real=True)
for _ in range(9):
    r = sp.sin(r)*sp.cos(r) + r**2
sd.compile({"slope": sd.gradient(r, x)}, [x])(x=0.3)
print(time.process_time() - begin)
"""

EIGHT_CONDITIONS = """
import time
import numpy as np, sympy as sp, symdfi as sd
sd.compile, sd.gradient  # loaded when first used
begin = time.process_time()
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
tests = {{k: {test} for k in range(2, 10)}}
E = sp.Sum(sp.Mul(*(sp.Piecewise((x[i] + k, test), (x[i]**2, True)) for k, test in tests.items())), (i, 0, n - 1))
sd.compile({{"E": E, "slope": sd.gradient(E, x)}}, [x])(x=np.ones(20))
print(time.process_time() - begin)
"""

HELP = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "symdfi.cli", "--help"], check=True, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def _median(table, code: str, tmp_path, tag: str, *, cold: bool, runs: int = 3) -> float:
    if not cold:
        table.fresh_process(code, tmp_path / tag)
    return statistics.median(table.fresh_process(code, tmp_path / (f"{tag}{k}" if cold else tag)) for k in range(runs))


def _cold_pair(table, one: str, other: str, tmp_path, runs: int = 7) -> tuple[float, float, float]:
    """The medians of two scripts run cold in turn, and the median of their ratios, run by run."""
    times = [
        [table.fresh_process(code, tmp_path / f"{tag}{k}") for tag, code in (("one", one), ("other", other))]
        for k in range(runs)
    ]
    first, second = (statistics.median(column) for column in zip(*times, strict=True))
    return first, second, statistics.median(a / b for a, b in times)


def test_import(table, tmp_path) -> None:
    table.figure("import symdfi", f"{_median(table, IMPORT, tmp_path, 'import', cold=True, runs=5):.2f} s", "< 1.5 s")
    table.benchmark.pedantic(lambda: table.fresh_process(IMPORT, tmp_path), rounds=1)


def test_fput_derivation_and_compilation(table, tmp_path) -> None:
    large, small, ratio = _cold_pair(table, FPUT.format(n=1_000_000), FPUT.format(n=16), tmp_path, runs=11)
    cached = _median(table, FPUT.format(n=1_000_000), tmp_path, "cached", cold=False, runs=5)
    note = f"{large:.2f} s / {small:.2f} s"
    table.figure("FPUT derive + compile, n = 1e6 / n = 16", f"{ratio:.3f}", "0.8 … 1.2", note)
    table.figure("FPUT derive + compile, cold", f"{large:.2f} s", "< 3 s")
    table.figure("FPUT derive + load from the cache", f"{cached:.2f} s", "< 0.3 s")
    table.benchmark.pedantic(lambda: table.fresh_process(FPUT.format(n=16), tmp_path / "cached"), rounds=1)


def test_six_link_pendulum(table, tmp_path) -> None:
    seconds = _median(table, PENDULUM, tmp_path, "p", cold=True)
    table.figure("6-link pendulum derive + compile, cold", f"{seconds:.2f} s", "< 10 s")
    table.benchmark.pedantic(lambda: table.fresh_process(PENDULUM, tmp_path / "p0"), rounds=1)


def test_mlp_depth(table, tmp_path) -> None:
    six, three, ratio = _cold_pair(table, MLP.format(depth=6), MLP.format(depth=3), tmp_path, runs=5)
    table.figure("mlp compile time, depth 6 / depth 3", f"{ratio:.2f}", "< 2", f"{six:.2f} s / {three:.2f} s")
    table.benchmark.pedantic(lambda: table.fresh_process(MLP.format(depth=3), tmp_path / "again"), rounds=1)


def test_nine_levels(table, tmp_path) -> None:
    seconds = _median(table, NINE_LEVELS, tmp_path, "nine", cold=True)
    table.figure("gradient of r = sin r cos r + r², nine levels, cold", f"{seconds:.2f} s of CPU", "< 5 s")
    table.benchmark.pedantic(lambda: None, rounds=1)


def test_eight_conditions(table, tmp_path) -> None:
    tests = {"indices": "sp.Eq(sp.Mod(i, k), 0) if k % 2 else i > k", "values": "x[i] > sp.Rational(k, 10)"}
    for name, test in tests.items():
        seconds = _median(table, EIGHT_CONDITIONS.format(test=test), tmp_path, name, cold=True)
        table.figure(f"value and gradient under eight conditions on {name}, cold", f"{seconds:.2f} s of CPU", "< 10 s")
    table.benchmark.pedantic(lambda: None, rounds=1)


def test_help(table, tmp_path) -> None:
    seconds = _median(table, HELP, tmp_path, "help", cold=False)
    table.figure("symdfi --help", f"{seconds:.2f} s of CPU", "< 0.5 s")
    table.benchmark.pedantic(lambda: None, rounds=1)
