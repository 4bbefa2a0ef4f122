"""Sections of measured figures are replaced one by one."""

from tests.validation.results import publish, table


def test_a_section_is_replaced_and_the_others_stay(tmp_path):
    file = tmp_path / "RESULTS.md"
    publish("V10: breather", "old", file)
    publish("V2: waves", table(["method", "error"], [["DFI", 1.234e-5], ["DF", "fails"]]), file)
    publish("V10: breather", "new", file)
    text = file.read_text(encoding="utf-8")
    assert text.index("## V2: waves") < text.index("## V10: breather\n\nnew\n")
    assert "| DFI | 1.2e-05 |\n| DF | fails |" in text
    assert "old" not in text and text.startswith("# Measured\n")
    before = text
    publish("V10: breather", "new", file)
    assert file.read_text(encoding="utf-8") == before
