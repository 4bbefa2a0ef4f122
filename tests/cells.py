"""The code of the README and the tutorials as Python files, for type checkers: ``python -m tests.cells DIRECTORY``.

One file a block of the README's examples taken together, and one a notebook, its magics left out.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def sources() -> Iterator[tuple[str, str]]:
    """A name and the code of each."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    yield "readme", "\n".join(re.findall(r"```python\n(.*?)```", readme, re.DOTALL))
    for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        plain = (line for block in code for line in block.splitlines() if not line.startswith(("%", "!")))
        yield f"tutorial_{notebook.stem}", "\n".join(plain)


def write(directory: Path) -> list[Path]:
    """The files written into a directory."""
    paths = []
    for name, code in sources():
        paths.append(directory / f"{name}.py")
        paths[-1].write_text(code + "\n", encoding="utf-8")
    return paths


if __name__ == "__main__":
    write(Path(sys.argv[1]))
