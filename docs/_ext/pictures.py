"""The gallery, from the README's table of models, the models' own words, and what ``docs/draw.py`` has drawn."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from draw import command
from sphinx.application import Sphinx

from symdfi import models

INTRODUCTION = """\
# Gallery

The models of the library, each with the picture that its run leaves, and the command that makes it. The pictures are
drawn by `make gallery`; their figures are those of that run.
"""


def groups(readme: str) -> list[tuple[str, list[str]]]:
    """The rows of the table of models."""
    table = readme.split("| models |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| ([^|-][^|]*) \| (.*) \|$", table, re.MULTILINE)
    return [(title, re.findall(r"`(\w+)`", names)) for title, names in rows]


def entry(name: str, title: str, folder: Path) -> list[str]:
    source = Path(models.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    words = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")
    lines = [f"### {title}", "", re.sub(r"([*_`$\[\]<])", r"\\\1", words), ""]
    if (folder / f"{name}.png").exists():
        # Where pictures lie in the site that is built.
        options = f":alt: {title}\n:target: ../_images/{name}.png"
        lines += [f"```sh\n{command(name)}\n```", "", f"```{{image}} {name}.png\n{options}\n```", ""]
    return lines


def generate(root: Path, folder: Path) -> None:
    lines = [INTRODUCTION]
    titles = models.titles()
    for group, names in groups((root / "README.md").read_text(encoding="utf-8")):
        lines += [f"## {group[0].upper() + group[1:]}", ""]
        for name in names:
            lines += entry(name, titles[name], folder)
    page, text = folder / "index.md", "\n".join(lines)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    source = Path(app.srcdir)
    generate(source.parent, source / "gallery")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
