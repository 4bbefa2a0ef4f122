"""Formulas as MathML, which browsers set by themselves: no script, no font and no network is needed to read them."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from spacing import spaced
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def formula(node: nodes.Element, display: str) -> str:
    tex = node.astext().strip()
    if display == "block" and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        made = convert(tex, display=display)
    except Exception as error:  # whatever the converter stumbles over, the page is named
        logger.warning("formula %r: %r", tex, error, location=node)
        return ""
    text = re.sub(r"<[^>]*>", "", made)
    if "\\" in text or "&#x0005C;" in text:
        logger.warning("formula %r: a command is not understood", tex, location=node)
    return spaced(made)


def inline(writer: Any, node: nodes.Element) -> None:
    writer.body.append(f'<span class="math">{formula(node, "inline")}</span>')
    raise nodes.SkipNode


def block(writer: Any, node: nodes.Element) -> None:
    number = ""
    if node.get("number"):
        number = f'<span class="eqno">({node["number"]})</span>'
    anchor = "".join(f' id="{name}"' for name in node["ids"][:1])
    writer.body.append(f'<div class="math"{anchor}>{formula(node, "block")}{number}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
