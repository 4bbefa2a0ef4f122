"""The on-disk kernel cache: shared by processes, trusted only if intact, private; and sources that hit it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from symdfi.compile.kernels import cache as kernel_cache

#: Compiles one kernel, prints its value, and how Numba came by it: cache hits and misses.
PROGRAM = """
import json, sympy as sp, symdfi as sd
n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
f = sd.compile({"y": sp.Sum(i * x[i] ** 2, (i, 0, n - 1))}, [x])
value = float(f(x=[1.0, 2.0, 3.0])["y"])
stats = f.njit.stats
print(json.dumps([value, sum(stats.cache_hits.values()), sum(stats.cache_misses.values())]))
"""
VALUE = 22.0  # 0*1 + 1*4 + 2*9


def start(cache: Path, program: str = PROGRAM, **environment: str) -> subprocess.Popen:
    env = {**os.environ, "SYMDFI_CACHE_DIR": str(cache), **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True, env=env)


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return out


def run(cache: Path) -> tuple[float, int, int]:
    return tuple(json.loads(finish(start(cache))))


def entry(cache: Path) -> Path:
    """The one kernel; beside it lies what Python enters it by."""
    sources = {path: (path / f"{path.name}.py").read_text() for path in (cache / "kernels").iterdir()}
    (found,) = (path for path, source in sources.items() if "def kernel(" in source)
    assert len(sources) == 2
    return found


def manifest(path: Path) -> dict:
    return json.loads((path / "manifest.json").read_text())


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A cache filled by two processes at once."""
    cache = tmp_path_factory.mktemp("cache")
    processes = [start(cache), start(cache)]
    for process in processes:
        value, hits, misses = json.loads(finish(process))
        assert value == VALUE and hits + misses == 1
    return cache


def test_two_cold_processes_leave_one_kernel(filled):
    path = entry(filled)
    assert path.name.startswith("k_")
    assert {".py", ".nbi", ".nbc"} == {Path(file).suffix for file in manifest(path)}


def test_another_process_does_not_compile(filled):
    assert run(filled) == (VALUE, 1, 0)


def test_bytecode_setting_does_not_matter(filled):
    before = sorted(p.name for p in entry(filled).rglob("*"))
    for flag in ("1", ""):
        finish(start(filled, PYTHONDONTWRITEBYTECODE=flag))
    assert sorted(p.name for p in entry(filled).rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_private(filled):
    assert stat.S_IMODE((filled / "kernels").stat().st_mode) == 0o700


MARK = "import pathlib, os\npathlib.Path(os.environ['SYMDFI_CACHE_DIR'], 'executed').touch()\n"


def truncate(suffix: str):
    def harm(path: Path) -> None:
        for file in path.rglob(f"*{suffix}"):
            file.write_bytes(file.read_bytes()[:100])

    return harm


def foreign_source(path: Path) -> None:
    source = path / f"{path.name}.py"
    source.write_text(MARK + source.read_text())


def foreign_index(path: Path) -> None:
    """A pickle that runs code when Numba loads it."""

    class Payload:
        def __reduce__(self):
            return exec, (MARK,)

    import pickle

    for file in (*path.rglob("*.nbi"), *path.rglob("*.nbc")):
        file.write_bytes(pickle.dumps(Payload()))


def extra_file(path: Path) -> None:
    (path / "sitecustomize.py").write_text(MARK)


def no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def forged_manifest(path: Path) -> None:
    foreign_source(path)
    import hashlib

    sums = {file: hashlib.sha256((path / file).read_bytes()).hexdigest() for file in manifest(path)}
    (path / "manifest.json").write_text(json.dumps(sums))


HARMS = {
    "truncated source": truncate(".py"),
    "truncated index": truncate(".nbi"),
    "truncated code": truncate(".nbc"),
    "foreign source": foreign_source,
    "foreign index": foreign_index,
    "extra file": extra_file,
    "no manifest": no_manifest,
    "forged manifest": forged_manifest,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_what_is_not_intact_is_rebuilt_and_not_executed(filled, harm):
    harm(entry(filled))
    assert run(filled) == (VALUE, 0, 1)
    assert not (filled / "executed").exists()
    sums = manifest(entry(filled))
    assert not any("sitecustomize" in file for file in sums) and len(sums) == 3


def test_entries_and_clear(filled, monkeypatch):
    from symdfi.compile.kernels import cache

    monkeypatch.setenv("SYMDFI_CACHE_DIR", str(filled))
    assert entry(filled) in cache.entries() and len(cache.entries()) == 2
    assert cache.size(entry(filled)) > 1000
    assert cache.clear() == 2
    assert cache.entries() == []
    assert run(filled) == (VALUE, 0, 1)


SOURCES = """
import hashlib, sympy as sp, symdfi as sd
from symdfi.symbolic import indexed
n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x, y, z = (sp.IndexedBase(name, shape=(n,)) for name in "xyz")
w = sp.IndexedBase("w", shape=(m, n))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
many = sp.symbols("a b c d e f g h q r s t u v", real=True)
network = sp.Sum(sp.tanh(sp.Sum(w[j, i] * x[i], (i, 0, n - 1))) ** 2, (j, 0, m - 1))
chain = sp.Sum((x[sp.Mod(i + 1, n)] - x[i]) ** 4 + sp.cos(x[i] + y[i]) * z[p[i]], (i, 0, n - 1))
ends = sp.Sum(sp.Piecewise((x[i + 1] * y[i], sp.Or(sp.And(i < n - 1, x[i] > 0), sp.And(i < n - 2, y[i] > 0))),
                           (sp.Max(x[i], y[i], z[i]), True)), (i, 0, n - 1))
scalar = sum(sp.sin(a * b) * sp.exp(c - a) for a, b, c in zip(many, many[1:], many[2:])) ** 2
dx = sp.IndexedBase("dx", shape=(n,))
for outputs, arguments in [
    ({"e": network, "w": sd.gradient(network, w), "x": sd.gradient(network, x)}, [x, w]),
    ({"e": chain, "h": sd.gradient(indexed.tangent(chain, {x: dx}), x), "z": sd.gradient(chain, z)},
     [x, y, z, p, dx]),
    ({"e": ends, "g": sd.gradient(ends, x), "f": (sd.derivative(ends, y[k]), (k, 0, n - 1))}, [x, y, z]),
    ({"e": scalar, **{f"g_{a}": sd.gradient(scalar, a) for a in many},
      "H": sp.Matrix(2, 2, lambda r, s: scalar.diff(many[r], many[s]))}, list(many)),
]:
    print(sd.compile(outputs, arguments).source)
"""


def test_the_source_is_the_same_in_every_process(tmp_path):
    processes = [start(tmp_path, SOURCES, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    first, second = (finish(process) for process in processes)
    assert first.count("def kernel") == 4
    assert first == second


def test_loops_are_built_again_with_those_they_are_built_on():
    own, other = (kernel_cache.text(f"symdfi.dfi.loops.{name}") for name in ("wide", "normal"))
    assert hashlib.sha256(other.encode()).hexdigest() in own
