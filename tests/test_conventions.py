"""The page of conventions: its examples run, and the names that it lists are all there are."""

import re
from pathlib import Path

from symdfi.dfi.schemes import SCHEMES
from symdfi.dfi.steppers.named import STEPPERS
from symdfi.ep.named import NUDGINGS, OPTIMIZERS
from symdfi.ep.rules.named import RULES

PAGE = (Path(__file__).parents[1] / "docs" / "conventions.md").read_text(encoding="utf-8")


def test_the_examples_run() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(code, "conventions.md", "exec"), {})


def test_the_names_are_those_there_are() -> None:
    rows = {
        row[0]: re.findall(r"`([\w:-]+)`", row[1])
        for row in re.findall(r"^\| `(\w+\(\w+=)\)`.*? \| (.*?) \|", PAGE, re.M)
    }
    assert rows["evolve(stepper="] == list(STEPPERS)
    assert rows["train(optimizer="] == list(OPTIMIZERS)
    assert rows["EPTrainer(rule="] == list(RULES)
    assert set(rows["EPTrainer(nudging="]) <= set(NUDGINGS)
    (schemes,) = re.findall(r"^\| `sd.DFI\(scheme=\)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([\w-]+)`", schemes)) <= set(SCHEMES)
