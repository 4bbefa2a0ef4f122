"""The tutorials as they are stored: executed, with their outputs, and nothing of the machine in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: An absolute path of a machine, a bar of progress, a warning.
UNWANTED = re.compile(r"(?<![\w./)])/(?:[\w.-]+/)+|[A-Z]:\\|it/s\]|Warning|Traceback")


def texts(output: dict) -> list[str]:
    """What an output shows as text."""
    parts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if not k.startswith("image/"))]
    return ["".join(part) for part in parts]


def test_they_are_a_series():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{k:02d}" for k in range(1, len(NOTEBOOKS) + 1)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_stored_as_it_ran(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert path.stat().st_size < 300_000
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error" and output.get("name") != "stderr"
        assert not any(UNWANTED.search(text) for text in texts(output)), texts(output)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_tutorials_lead_somewhere(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\(([^)#:]+)\)", prose):
        assert (FOLDER / target).exists(), target
