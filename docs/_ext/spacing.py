"""Names of functions in MathML, set apart as TeX does: ``m g l cos θ``, not ``mglcosθ``."""

from __future__ import annotations

from xml.etree import ElementTree

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", NAMESPACE)


def spaced(formula: str) -> str:
    """The formula with a thin space between the name of a function and what it stands beside, as long as that is no
    operator and no opening bracket."""
    tree = ElementTree.fromstring(formula)
    for row in (row for name in ("math", "mrow", "mstyle", "mtd") for row in tree.iter(_tag(name))):
        parts: list[ElementTree.Element] = []
        for child in row:
            if parts and _apart(parts[-1], child):
                parts.append(ElementTree.Element(_tag("mspace"), {"width": "0.167em"}))
            parts.append(child)
        row[:] = parts
    # An operator's own space would be that of a plus sign.
    for name in tree.iter(_tag("mo")):
        if _is_word(name):
            name.tag = _tag("mi")
    return ElementTree.tostring(tree, encoding="unicode")


def _apart(left: ElementTree.Element, right: ElementTree.Element) -> bool:
    if _is_function(left):
        return not _is_operator(_first(right))
    closes = left.get("form") == "postfix" or left.text in (")", "]", "}")
    return _is_function(right) and (closes or not _is_operator(left))


def _is_function(element: ElementTree.Element) -> bool:
    scripted = element.tag in map(_tag, ("msub", "msup", "msubsup", "munder", "munderover"))
    return _is_word(element[0] if scripted else element)


def _is_word(element: ElementTree.Element) -> bool:
    text = element.text or ""
    return element.tag in (_tag("mi"), _tag("mo")) and len(text) > 1 and text.isascii() and text.isalpha()


def _is_operator(element: ElementTree.Element) -> bool:
    return element.tag == _tag("mspace") or (element.tag == _tag("mo") and not _is_word(element))


def _first(element: ElementTree.Element) -> ElementTree.Element:
    """What a row begins with."""
    while element.tag == _tag("mrow") and len(element):
        element = element[0]
    return element


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
