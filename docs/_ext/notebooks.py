"""The notebooks of ``tutorials/``, copied to where Sphinx reads them: all there are, with the outputs they hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

INDEX = """\
# Tutorials

Notebooks, shown with the outputs that they were stored with; the tests execute them. Each begins from nothing.

```{{toctree}}
:maxdepth: 1

{names}
```
"""


def generate(source: Path, folder: Path) -> None:
    """Copy what has changed, and write the index."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(source.glob("*.ipynb"))
    for old in folder.glob("*.ipynb"):
        if old.name not in {notebook.name for notebook in found}:
            old.unlink()
    for notebook in found:
        copy = folder / notebook.name
        if not copy.exists() or copy.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, copy)
    index = INDEX.format(names="\n".join(notebook.stem for notebook in found))
    page = folder / "index.md"
    if not page.exists() or page.read_text(encoding="utf-8") != index:
        page.write_text(index, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    source = Path(app.srcdir)
    generate(source.parent / "tutorials", source / "tutorials")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
