"""Figures of the long cases, in RESULTS.md, a section a case, each written by the run that measured it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symdfi.running import EvolutionModel
from tests.validation import bounds

FILE = Path(__file__).with_name("RESULTS.md")
_HEAD = """# Measured

Every section is written by a run: `make validation`, or `pytest -m slow` with the test that the section names.
Errors are relative L² errors on points of their own. CPU seconds are of one run on two shared cores.
"""


def publish(title: str, body: str, file: Path = FILE) -> None:
    """Put ``body`` under the heading ``title``, in place of what stood there; sections are in the order of titles."""
    head, *sections = (file.read_text(encoding="utf-8") if file.exists() else _HEAD).split("\n## ")
    found = dict(section.split("\n", 1) for section in sections)
    found[title] = "\n" + body.strip() + "\n"
    ordered = sorted(found.items(), key=lambda item: [int(s) if s.isdigit() else s for s in _parts(item[0])])
    text = "\n## ".join([head.rstrip() + "\n", *(f"{name}\n\n{text.strip()}\n" for name, text in ordered)])
    file.write_text(text, encoding="utf-8", newline="\n")


def tables(title: str, file: Path = FILE) -> list[list[list[str]]]:
    """The tables under ``title``, each its lines of cells, the head first; none where there is no such section."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    section = next((part for part in text.split("\n## ") if part.split("\n", 1)[0] == title), "")
    found: list[list[list[str]]] = []
    inside = False
    for line in section.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        if not line.startswith("| ---"):
            found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return found


def merged(
    columns: Sequence[str], rows: Sequence[Sequence[str]], known: Sequence[Sequence[str]], order: Sequence[str]
) -> list[list[str]]:
    """``rows`` and those of the ``known`` table that have the same columns and belong to other cases, the first cell,
    in the ``order`` of cases."""
    fresh = {row[0] for row in rows}
    kept = [row for row in known[1:] if row[0] in order and row[0] not in fresh] if known[:1] == [list(columns)] else []
    return sorted([list(row) for row in [*rows, *kept]], key=lambda row: order.index(row[0]))


def _parts(title: str) -> list[str]:
    """A title's first word in letters and number, so that V2 comes before V10."""
    name = title.split(":")[0]
    letters = name.rstrip("0123456789")
    return [letters, name[len(letters) :] or "0", title]


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; numbers in two digits."""
    lines = [list(columns), ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run_of(model: EvolutionModel, **settings: float | str) -> tuple[np.ndarray, str]:
    """The relative errors of a run at its saved times, which the error bound holds, and tables of it."""
    began = time.process_time()
    result = model.run({**model.settings, **settings})
    errors, rows = result.dataset["relative_error"].values, dict(result.summary)
    columns = ["parameters", "points", "fit", "average", "at T", "CPU s"]
    spent = round(time.process_time() - began)
    cells = [rows["parameters"], rows["points"], errors[0], errors[1:].mean(), errors[-1], spent]
    return errors, table(columns, [cells]) + "\n\nThe error bound, absolute in L²:\n\n" + bound_of(result.dataset)


def bound_of(dataset: Any) -> str:
    """A table of the error bound of a run, which must hold its errors."""
    errors, bound = dataset["error"].values, dataset["error_bound"].values
    bounds.holds(errors, bound)
    return table(bounds.COLUMNS, [bounds.row(errors, bound, bounds.by(dataset))])


def _cell(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
