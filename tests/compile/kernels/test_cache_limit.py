"""The cache keeps to its limit: what was used last the longest ago goes first."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels import cache

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
KERNEL = '@jit("float64(float64)")\ndef f(x):\n    return x + {}\n'


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SYMDFI_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("SYMDFI_CACHE_SIZE", raising=False)
    return tmp_path / "kernels"


def entry(root: Path, name: str, size: int, age: float) -> Path:
    (root / name).mkdir(parents=True)
    (root / name / "file").write_bytes(bytes(size))
    os.utime(root / name, (time.time() - age,) * 2)
    return root / name


def test_the_last_used_stay(root):
    for age in range(5):
        entry(root, f"k_{age}", 100, age)
    assert cache.prune(root, 250) == 3
    assert sorted(path.name for path in root.iterdir()) == ["k_0", "k_1"]
    assert cache.prune(root, 0) == 1  # the last stays: it is in use


def test_what_killed_processes_left(root):
    entry(root, ".build-dead", 10, 3 * 24 * 3600)
    entry(root, ".trash-dead", 10, 3 * 24 * 3600)
    alive = entry(root, ".build-alive", 10, 60)
    assert cache.prune(root, 10**9) == 2
    assert list(root.iterdir()) == [alive]


@pytest.mark.parametrize(
    ("given", "bytes"),
    [(None, 2**30), ("1000", 1000), ("2k", 2048), ("1.5 GiB", 3 * 2**29), ("0", 0), ("3MB", 3 * 2**20)],
)
def test_limit(monkeypatch, given, bytes):
    if given is None:
        monkeypatch.delenv("SYMDFI_CACHE_SIZE", raising=False)
    else:
        monkeypatch.setenv("SYMDFI_CACHE_SIZE", given)
    assert cache.limit() == bytes


@pytest.mark.parametrize("given", ["", "much", "-1", "1X", "1 2"])
def test_a_limit_that_is_none(monkeypatch, given):
    monkeypatch.setenv("SYMDFI_CACHE_SIZE", given)
    with pytest.raises(ValueError, match="SYMDFI_CACHE_SIZE"):
        cache.limit()


def test_a_kernel_read_again_is_the_last_used(root, monkeypatch):
    cache.load(KERNEL.format(1.0))
    (first,) = root.iterdir()
    cache.load(KERNEL.format(2.0))
    (second,) = set(root.iterdir()) - {first}
    for path in (first, second):
        os.utime(path, (time.time() - 100,) * 2)
    cache._loaded.clear()  # as a new process
    assert cache.load(KERNEL.format(1.0)).f(1.0) == 2.0
    monkeypatch.setenv("SYMDFI_CACHE_SIZE", "1")
    cache.load(KERNEL.format(3.0))
    assert first not in root.iterdir() and second not in root.iterdir() and len(list(root.iterdir())) == 1
    assert cache.load(KERNEL.format(2.0)).f(1.0) == 3.0  # loaded is loaded


def test_a_process_looks_through_the_cache_for_every_sixteenth_of_the_limit(root, monkeypatch):
    looks = []
    prune = cache.prune
    monkeypatch.setattr(cache, "prune", lambda root, limit: looks.append(limit) or prune(root, limit))
    cache.load(KERNEL.format(10.0))
    assert looks == [15 * 2**26]  # its first kernel
    monkeypatch.setenv("SYMDFI_CACHE_SIZE", str(72 * cache.size(next(root.iterdir()))))  # all have this size, nearly
    counts = []
    for k in range(9):
        cache.load(KERNEL.format(11.0 + k))
        counts.append(len(looks))
    assert counts[3] == 1 and counts[-1] == 2


def test_a_process_leaves_the_cache_within_its_limit(root, monkeypatch):
    for age in range(8):
        entry(root, f"k_{age}", 10_000, 10.0 + age)
    monkeypatch.setenv("SYMDFI_CACHE_SIZE", "100k")
    for k in range(9):
        cache.load(KERNEL.format(20.0 + k))
        assert sum(map(cache.size, root.iterdir())) <= 100 * 2**10
    assert not (root / "k_7").exists()


def test_gone_while_it_is_loaded(root, monkeypatch):
    """Another process prunes between the check of a kernel and its execution: it is compiled again."""
    cache.load(KERNEL.format(4.0))
    (path,) = root.iterdir()
    cache._loaded.clear()
    execute = cache._execute

    def late(file: Path, name: str, text: str):
        if file.parent == path and path.exists():
            cache._remove(path)
        return execute(file, name, text)

    monkeypatch.setattr(cache, "_execute", late)
    assert cache.load(KERNEL.format(4.0)).f(1.0) == 5.0
    monkeypatch.undo()


def test_four_threads_want_one_cold_kernel(root):
    E = sp.Sum(sp.exp(x[i] / 7), (i, 0, n - 1))
    values, found = np.linspace(-1, 1, 3000).reshape(1000, 3), []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait(30)
        found.append(sd.compile({"e": E}, [x])(x=values)["e"])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert len(found) == 4 and len(list(root.iterdir())) == 2  # with what Python enters it by
    for e in found:
        np.testing.assert_allclose(e, np.exp(values / 7).sum(axis=1), rtol=1e-14)


def test_nothing_is_written_for_what_is_there(root):
    cache.load(KERNEL.format(5.0))
    (path,) = root.iterdir()
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()}
    cache._loaded.clear()
    cache.load(KERNEL.format(5.0))
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()} == before
