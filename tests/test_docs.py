"""The documentation without building it: what it refers to exists, and what refers to it finds it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import symdfi as sd
from symdfi import models

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: Made when the documentation is built.
MADE = {"_build", "api", "tutorials", "gallery"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if not MADE & set(path.relative_to(DOCS).parts))
SOURCES = [path for folder in ("symdfi", "models", "tests") for path in (ROOT / folder).rglob("*.py")]


def script(path: Path) -> Any:
    """A file of the documentation's own, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def headings(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("theory", ["DFI", "EP"])
def test_the_sections_of_the_theory_that_docstrings_name_exist(theory) -> None:
    titles = headings(DOCS / "theory" / f"{theory.lower()}.md")
    named = set()
    for path in SOURCES:
        text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        named |= {match for match in re.findall(rf'theory of {theory}, "([^"]+)"', text)}
    assert len(named) > 5
    assert named <= set(titles)


def test_nothing_cites_what_users_do_not_have() -> None:
    missing = "THEORY" + "-"
    assert [path for path in SOURCES if missing in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_links_between_the_pages_lead_somewhere(page) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        # The reference and the tutorials are made when the documentation is built.
        if path.is_relative_to(DOCS / "api") or path == DOCS / "gallery" / "index.md":
            continue
        if path.is_relative_to(DOCS / "tutorials"):
            path = ROOT / "tutorials" / path.name
            if path.name == "index.md":
                continue
        assert path.exists(), target
        if place:
            assert place in [anchor(h) for h in headings(path)], target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_names_that_the_pages_speak_of_exist(page) -> None:
    for name in re.findall(r"`sd\.([\w.]+)", page.read_text(encoding="utf-8")):
        thing = sd
        for part in name.rstrip(".").split("."):
            thing = getattr(thing, part)


@pytest.mark.parametrize("page", [DOCS / "start.md", DOCS / "recipes.md"], ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page) -> None:
    """From top to bottom, each page from nothing. (The conventions' is run by tests/test_conventions.py.)"""
    names: dict = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page.name, "exec"), names)
    if page.name == "recipes.md":
        assert names["many"].energy_drift.max() < 1e-9
        assert names["swing"].energy_drift < 1e-3
        residuals = names["rope"].compile().constraint_residual(names["fall"].q[-1], names["fall"].v[-1])
        assert max(abs(residual).max() for residual in residuals) < 1e-12


def test_no_page_has_code_that_is_not_run() -> None:
    run = {"start.md", "recipes.md", "conventions.md"}
    assert {page.name for page in PAGES if "```python" in page.read_text(encoding="utf-8")} <= run


def test_dead_links_and_what_comes_from_elsewhere_are_found(tmp_path) -> None:
    """By ``docs/links.py``, which ends `make docs`."""
    links = script(DOCS / "links.py")
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there">b</a> <a href="#here">a</a>', encoding="utf-8"
    )
    (tmp_path / "b.html").write_text('<p id="there"><a href="https://example.org/">out</a>', encoding="utf-8")
    assert links.dead(tmp_path) == []
    (tmp_path / "c.html").write_text(
        '<a href="b.html#gone">b</a> <img src="gone.png"> <script src="https://example.org/x.js"></script>',
        encoding="utf-8",
    )
    assert links.dead(tmp_path) == [
        "c.html: https://example.org/x.js is loaded from elsewhere", "c.html: b.html#gone", "c.html: gone.png",
    ]  # fmt: skip


def test_every_model_has_a_picture_in_the_gallery() -> None:
    """Small ones: `make gallery` draws what is missing."""
    pictures = {path.stem: path.stat().st_size for path in (DOCS / "gallery").glob("*.png")}
    assert set(models.names()) == set(pictures)
    assert max(pictures.values()) <= 80_000


def test_names_of_functions_stand_apart_in_formulas() -> None:
    """A thin space on each side that has no operator and no bracket of its own."""
    spaced, space = script(DOCS / "_ext" / "spacing.py").spaced, '<mspace width="0.167em" />'
    head, tail = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>', "</mrow></math>"
    opening = '<mrow><mo form="prefix">(</mo><mi>x</mi><mo form="postfix">)</mo></mrow>'
    for given, expected in [
        ("<mi>m</mi><mi>cos</mi><mi>x</mi>", f"<mi>m</mi>{space}<mi>cos</mi>{space}<mi>x</mi>"),
        (f"<mn>4</mn><mo>atan</mo>{opening}", f"<mn>4</mn>{space}<mi>atan</mi>{opening}"),
        ("<mi>m</mi><mo>+</mo><msup><mi>sin</mi><mn>2</mn></msup><mo>(</mo>", None),
        (f"{opening}<mi>log</mi><mo>=</mo>", f"{opening}{space}<mi>log</mi><mo>=</mo>"),
        ("<mo>)</mo><mi>cos</mi><mo>(</mo>", f"<mo>)</mo>{space}<mi>cos</mi><mo>(</mo>"),
        ("<mi>m</mi><mi>x</mi>", None),
    ]:
        assert spaced(head + given + tail) == head + (given if expected is None else expected) + tail
