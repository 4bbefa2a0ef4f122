"""The settings of a run as TOML."""

from __future__ import annotations

import pytest

from symdfi.running import chosen
from symdfi.running.config import read, written

SETTINGS = {
    "n": 3, "dt": 1e-9, "big": 1e22, "method": 'ver"let\\\n\x7fé', "wet": True, "lambda": -0.5, "a b": [1, 2.5],
    "none": None,
}  # fmt: skip


def test_what_is_written_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "own"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text(written(folder, "own.py:soft", SETTINGS, tmp_path / "u0.csv"), "utf-8")
    found = read(folder / "settings.toml")
    assert found.settings == {name: value for name, value in SETTINGS.items() if name != "none"}
    assert found.initial is not None and found.initial.resolve() == tmp_path / "u0.csv"
    assert found.model.endswith("own.py:soft") and (tmp_path / found.model[:-5]).parent.resolve() == tmp_path
    (tmp_path / "plain.toml").write_text(written(tmp_path, "pendulum", {"dt": 0.1}), "utf-8")
    assert read(tmp_path / "plain.toml").model == "pendulum"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dt = ", "is no TOML"),
        ("dt = 0.1", "dt is none of symdfi, model, initial, settings: settings stand under"),
        ("settings = 3", "settings is a table"),
        ("model = 3", "model is a text, not 3"),
    ],
)
def test_what_is_none(text, message, tmp_path):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "own.toml")


def test_kinds():
    known = {"n": 3, "dt": 0.1, "gamma": "budget", "wet": False}
    assert chosen("own", known, {"dt": 2, "gamma": 1e-9}) == {"n": 3, "dt": 2.0, "gamma": "1e-09", "wet": False}
    for given, message in (
        ({"n": 2.5}, "the setting n is an integer, not 2.5"),
        ({"dt": True}, "the setting dt is a number, not True"),
        ({"wet": 1}, "the setting wet is true or false, not 1"),
        ({"m": 1}, "the model own has no setting 'm': one of n, dt"),
    ):
        with pytest.raises(ValueError, match=message):
            chosen("own", known, given)
