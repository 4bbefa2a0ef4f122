"""Sections of measured figures are replaced one by one."""

from tests.validation.results import merged, publish, table, tables


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


def test_rows_of_other_cases_stay(tmp_path):
    file, head = tmp_path / "RESULTS.md", ["case", "error"]
    publish("V0: all", "About.\n\n" + table(head, [["a", "1"], ["c", "3"]]) + "\n\nMore.\n\n" + table(["x"], []), file)
    known = tables("V0: all", file)
    assert known == [[head, ["a", "1"], ["c", "3"]], [["x"]]]
    assert merged(head, [["b", "2"], ["a", "0"]], known[0], "abc") == [["a", "0"], ["b", "2"], ["c", "3"]]
    # Those of other columns were measured otherwise, and those of no case any more are none.
    assert merged(["case", "median"], [["b", "2"]], known[0], "abc") == [["b", "2"]]
    assert merged(head, [["a", "0"]], known[0], "ab") == [["a", "0"]]
    assert tables("V1: none", file) == [] and tables("V0: all", tmp_path / "none.md") == []
