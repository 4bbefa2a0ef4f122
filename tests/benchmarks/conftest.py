"""Benchmarks: ratios of two things measured in turn in one run. `make bench` prints the table."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

_ROWS: list[tuple[str, str, str, str]] = []


class Table:
    """Collects what is measured, for the summary at the end of the run."""

    def __init__(self, benchmark) -> None:
        self.benchmark = benchmark

    def ratio(
        self, label: str, one: Callable, other: Callable, target: str, rounds: int = 15, scale: int = 1,
        clock: Callable[[], float] = time.perf_counter, apart: bool = False,
    ) -> float:  # fmt: skip
        """The median over ``rounds`` of time(one)/time(other), the two run in turn; ``scale`` calls a round. What runs
        in one thread may be timed by its ``clock``, ``time.thread_time``, which stands still while others run.
        ``apart`` is for threads that spin after a call, on the cores that the other one wants: they are waited for, and
        what is timed follows a call of its own kind."""
        for call in (one, other):
            call()
        times = np.empty((rounds, 2))
        for row in times:
            for column, call in enumerate((one, other)):
                if apart:
                    _idle()
                    call()
                begin = clock()
                for _ in range(scale):
                    call()
                row[column] = (clock() - begin) / scale
        # Also seen by pytest-benchmark, so that runs can be stored and compared.
        self.benchmark.pedantic(one, rounds=3, iterations=1)
        value = float(np.median(times[:, 0] / times[:, 1]))
        first, second = np.median(times, axis=0)
        self.benchmark.extra_info.update(ratio=value, ours=first, other=second)
        _ROWS.append((label, f"{value:.3f}", target, f"{_time(first)} / {_time(second)}"))
        return value

    def figure(self, label: str, value: str, target: str, note: str = "") -> None:
        self.benchmark.extra_info[label] = value
        _ROWS.append((label, value, target, note))

    @staticmethod
    def fresh_process(code: str, cache: Path) -> float:
        """The seconds that a script prints, run in a process of its own with the given kernel cache."""
        environment = {**os.environ, "SYMDFI_CACHE_DIR": str(cache)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])


def _idle() -> None:
    """Wait until no thread of this process runs. OpenBLAS's spin for some hundredths of a second."""
    for _ in range(50):
        before = time.process_time()
        time.sleep(0.02)
        if time.process_time() - before < 1e-3:
            return


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    return ""


@pytest.fixture
def table(benchmark) -> Table:
    return Table(benchmark)


def pytest_terminal_summary(terminalreporter) -> None:
    if not _ROWS:
        return
    widths = [max(len(row[k]) for row in _ROWS) for k in range(4)]
    terminalreporter.section("measured in this run")
    for row in _ROWS:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
