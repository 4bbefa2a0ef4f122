"""``python -m tests.fuzz expressions 0 10000``: run the cases of these seeds, print what failed in its smallest form.

    python -m tests.fuzz expressions|conditions|lagrangians FIRST LAST
        [--workers 2] [--report FILE] [--compiled-every 40]

Every case is reproduced by its seed alone. The exit status is 1 if any case is wrong, crashes, reads out of range,
is refused at call time although all is in range, or is refused without naming its term.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
import time
import traceback
from collections import Counter

from tests.fuzz import compare, conditions, expressions, lagrangians


def expression(case: expressions.Case, compiled_every: int) -> tuple[str, str]:
    """Kind and report of one case."""
    seed = case.seed
    outcome = compare.judge(case, compiled=compiled_every > 0 and seed % compiled_every == 0)
    if outcome.kind in compare.FAILURES:
        case, outcome = compare.shrunk(case, outcome)
    text = compare.reproduction(case, outcome) if outcome.kind not in ("right", "meaningless") else ""
    return outcome.kind, text


def lagrangian(seed: int, compiled_every: int) -> tuple[str, str]:
    """Kind and report of one seed."""
    system = lagrangians.system(seed)
    outcome = lagrangians.judge(system, compiled=compiled_every > 0 and seed % compiled_every == 0)
    if outcome.kind in compare.FAILURES:
        system, outcome = lagrangians.shrunk(system, outcome)
    text = lagrangians.reproduction(system, outcome) if outcome.kind not in ("right", "meaningless") else ""
    return outcome.kind, text


def run(what: str, seed: int, compiled_every: int) -> tuple[str, str]:
    """Kind and report of one seed, a crash of the fuzz itself among them."""
    try:
        if what == "lagrangians":
            return lagrangian(seed, compiled_every)
        return expression((conditions if what == "conditions" else expressions).case(seed), compiled_every)
    except Exception:
        return "crash", f"seed {seed}: crash of the fuzz\n{traceback.format_exc()}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("expressions", "conditions", "lagrangians"))
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--report", help="append failures to this file")
    parser.add_argument("--refused", action="store_true", help="print what is refused, too")
    parser.add_argument("--compiled-every", type=int, default=40, help="every so many cases through Numba")
    options = parser.parse_args(arguments)
    counts: Counter = Counter()
    start = time.perf_counter()
    seeds = range(options.first, options.last)
    with concurrent.futures.ProcessPoolExecutor(options.workers) as pool:
        futures = {pool.submit(run, options.what, seed, options.compiled_every): seed for seed in seeds}
        for done in concurrent.futures.as_completed(futures):
            kind, text = done.result()
            counts[kind] += 1
            if kind in compare.FAILURES or (options.refused and text):
                print(text, flush=True)
                if options.report and kind in compare.FAILURES:
                    with open(options.report, "a", encoding="utf-8") as file:
                        file.write(text + "\n")
    took = time.perf_counter() - start
    print(f"{len(seeds)} {options.what} in {took:.0f} s: " + ", ".join(f"{k} {counts[k]}" for k in compare.KINDS))
    return int(any(counts[kind] for kind in compare.FAILURES))


if __name__ == "__main__":
    sys.exit(main())
