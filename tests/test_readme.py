"""The README's Python runs as printed, each block of it alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from symdfi import models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"## ([^\n]+)\n\n```python\n(.*?)```", README, re.DOTALL)


def test_every_model_is_listed() -> None:
    table = README.split("| models |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == models.names()


def test_its_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert "://" in target or (ROOT / target).exists(), target


def mechanics(names: dict) -> None:
    assert names["path"].q.shape == (1001, 1000)
    assert names["path"].energy_drift < 1e-5


def evolution(names: dict) -> None:
    assert names["solution"].relative_residual[-1] < 1e-2


def fields(names: dict) -> None:
    assert names["motion"].energy_drift < 1e-3


def propagation(names: dict) -> None:
    assert abs(names["loss"] - 0.19521) < 1e-5


def expression(names: dict) -> None:
    assert names["f"](w=[0.0, 1.0])["energy"].shape == ()


CHECKS = {
    "Mechanics": mechanics,
    "Evolution of an ansatz": evolution,
    "Fields from their Lagrangian density": fields,
    "Equilibrium propagation": propagation,
    "Any expression": expression,
}


def test_every_block_is_checked() -> None:
    assert README.count("```python") == len(BLOCKS)
    assert [title for title, _ in BLOCKS] == list(CHECKS)


@pytest.mark.parametrize("title, block", BLOCKS, ids=[title for title, _ in BLOCKS])
def test_a_block_runs_alone(title, block) -> None:
    names: dict = {"__name__": "__main__"}
    exec(compile(block, f"README.md, {title}", "exec"), names)
    CHECKS[title](names)
