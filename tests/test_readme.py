"""The README's Python runs as printed, from top to bottom."""

import re
from pathlib import Path

from symdfi import models

README = Path(__file__).parents[1] / "README.md"


def test_every_model_is_listed() -> None:
    table = README.read_text(encoding="utf-8").split("| models |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == models.names()


def test_the_code_blocks_run(capsys) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    namespace: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["path"].q.shape == (1001, 1000)
    assert namespace["path"].energy_drift < 1e-5
    assert namespace["many"].q.shape == (100, 2, 1)
    assert namespace["many"].energy_drift.max() < 1e-9
    assert namespace["fall"].energy_drift < 1e-3
    for residual in namespace["rope"].compile().constraint_residual(namespace["fall"].q[-1], namespace["fall"].v[-1]):
        assert abs(residual).max() < 1e-12
    assert namespace["solution"].relative_residual[-1] < 1e-2
    assert namespace["motion"].energy_drift < 1e-3
    assert abs(namespace["loss"] - 0.19521) < 1e-5
    assert "finite diff" in capsys.readouterr().out
