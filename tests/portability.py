"""The numeric tests on other machines than this one, as far as one machine can play them.

    python tests/portability.py [--workers N] [pytest arguments]

OpenBLAS chooses its kernels by the processor, and rounding differs between them. Each set that this processor can run
is tried with one thread and with two, on N pytest workers; every run in another order of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("linalg", "dfi", "dynamics", "ep", "models", "running", "validation")
#: x86-64 by age: SSE3, SSE4.2, AVX, AVX2 with FMA (twice), AVX-512. What OpenBLAS does not know it takes for nothing.
CORES = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")
THREADS = (1, 2)
#: NumPy and SciPy bring a BLAS each. The products come first: kernels the processor lacks instructions for end here.
PROBE = """
import json
import numpy as np, scipy.linalg
from threadpoolctl import threadpool_info
a = np.random.default_rng(0).normal(size=(300, 300))
gram = a @ a.T
np.linalg.solve(gram, a), np.linalg.svd(a)
scipy.linalg.cho_factor(gram), scipy.linalg.qr(a), scipy.linalg.blas.dgemm(1.0, a, a), scipy.linalg.blas.dsyrk(1.0, a)
found = [library for library in threadpool_info() if library["user_api"] == "blas"]
print(json.dumps([[library["internal_api"], library.get("architecture")] for library in found]))
"""


def environment(core: str | None, threads: int) -> dict[str, str]:
    """The environment of a run; no core leaves the choice to OpenBLAS."""
    chosen = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    if core is not None:
        chosen["OPENBLAS_CORETYPE"] = core
    return chosen | {"OPENBLAS_NUM_THREADS": str(threads)}


def kernels(core: str | None) -> list[tuple[str, str]] | None:
    """(library, kernels) of each BLAS that is loaded, or None where the processor cannot run them."""
    found = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment(core, 2), capture_output=True, text=True, check=False
    )
    if found.returncode:
        return None
    return sorted((library, str(architecture)) for library, architecture in json.loads(found.stdout))


def runnable() -> list[tuple[str, str]]:
    """The cores whose kernels run here and are used when asked for, each set of kernels once, with their names.

    OpenBLAS says what it runs: what a build leaves out it takes from an older core, and an unknown name is ignored.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return _nothing(f"the kernels tried are those of x86-64, and this is {platform.machine()}")
    default = kernels(None)
    if default is None:
        sys.exit("NumPy or SciPy does not work here")
    others = {library for library, _ in default} - {"openblas"}
    if others or not default:
        return _nothing(f"the BLAS here is {', '.join(sorted(others)) or 'unknown'}, not OpenBLAS")
    seen: dict[str, str] = {}
    for core in CORES:
        found = kernels(core)
        used = "" if found is None else ", ".join(sorted({architecture for _, architecture in found}))
        same = next((other for other, name in seen.items() if name == used), None)
        if found is not None and same is None:
            seen[core] = used
        print(f"{core:<12} {'does not run here' if found is None else used}{f', as {same}' if same else ''}")
    return list(seen.items())


def _nothing(why: str) -> list[tuple[str, str]]:
    print(f"nothing to do: {why}")
    return []


def run(core: str, threads: int, seed: int, workers: int, arguments: list[str]) -> tuple[bool, str]:
    """Whether the tests pass, and pytest's last line."""
    order = ["--random-order-bucket=global", f"--random-order-seed={seed}"]
    shared = ["-n", str(workers)] if workers > 1 else []
    folders = [str(Path("tests") / folder) for folder in FOLDERS]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", *order, *shared, *folders, *arguments]
    print(f"\n{core}, {threads} threads: {' '.join(command[1:])}", flush=True)
    last = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(core, threads), stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return tests.returncode == 0, last


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    options, arguments = parser.parse_known_args()
    rows = []
    for core, name in runnable():
        for threads in THREADS:
            began = time.monotonic()
            passed, last = run(core, threads, len(rows) + 1, options.workers, arguments)
            rows.append((f"{core} ({name})", threads, passed, f"{last} [{time.monotonic() - began:.0f} s]"))
    if rows:
        print("\nkernels asked for (used), threads")
    for core, threads, passed, last in rows:
        print(f"{core:<28} {threads}  {'passed' if passed else 'FAILED'}  {last}")
    sys.exit(not all(passed for _, _, passed, _ in rows))


if __name__ == "__main__":
    main()
