"""What is listed by hand: the packages, and what the source distribution holds beside them."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = [path.parent.relative_to(ROOT) for path in (ROOT / "symdfi").rglob("__init__.py")]
    assert sorted(listed) == sorted([".".join(path.parts) for path in found] + ["symdfi.models"])


def test_the_source_distribution_holds_what_make_needs() -> None:
    lines = [line.split() for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines() if line]
    held = {name for verb, *names in lines for name in names if verb in ("include", "graft")}
    assert {name for name in held if not (ROOT / name).exists()} == set()
    assert {
        "Makefile",
        "models",
        "tests",
        "tutorials",
        "docs",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
    } <= held


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {project['version']}\n" in citation and f"license: {project['license']}\n" in citation
