"""Initial data from files: what is read, and what is refused by file and row."""

import numpy as np
import pytest

from symdfi.running import samples

GOOD = [f"{x:.3f},{np.sin(np.pi * x):.6f}" for x in np.linspace(-1, 1, 21)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,u0", *GOOD[:3], "0.5,abc", *GOOD[3:]], "row 5: '0.5,abc' is not two numbers"),
        ([*GOOD[:3], "0.5,nan", *GOOD[3:]], "row 4: 0.5, nan is not finite"),
        ([*GOOD[:3], "0.5", *GOOD[3:]], "row 4: 1 columns, expected two"),
        ([line + ",1" for line in GOOD], "row 1: 3 columns, expected two"),
        (["x,u0", "again,a header", *GOOD], "row 2: 'again,a header' is not two numbers"),
        (GOOD[:5], "holds 5 samples: at least 8"),
        ([], "holds 0 samples"),
        ([*GOOD, "1.5,0"], "x = 1.5 lies outside the domain, -1 to 1"),
        ([*GOOD, GOOD[4]], "x = -0.6 is given twice"),
        (GOOD[5:], "no samples between x = 1 and 1.5"),
        ([*GOOD[:-1], "1.0,0.7"], r"u0\(-1\) = -0 and u0\(1\) = 0.7, but the domain is periodic"),
    ],
)
def test_bad_data_names_file_and_row(tmp_path, lines, message):
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message) as raised:
        samples.periodic(path, samples.read(path), -1.0, 1.0)
    assert str(path) in str(raised.value)


def test_files_that_hold_no_samples(tmp_path):
    for name, values, message in (
        ("a.npy", np.zeros((9, 3)), r"shape \(9, 3\)"), ("b.npy", np.array([["a", "b"]] * 9), "expected"),
    ):  # fmt: skip
        np.save(tmp_path / name, values)
        with pytest.raises(ValueError, match=message):
            samples.read(tmp_path / name)
    (tmp_path / "c.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match="c.npy is no array of numbers"):
        samples.read(tmp_path / "c.npy")
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="d.csv is no text file"):
        samples.read(tmp_path / "d.csv")
    with pytest.raises(OSError, match="missing.csv"):
        samples.read(tmp_path / "missing.csv")


def test_a_periodic_spline_goes_through_the_samples(tmp_path):
    x = np.linspace(-1, 1, 40, endpoint=False)
    u0 = samples.periodic(tmp_path / "a", np.stack([x, np.exp(np.sin(np.pi * x))], axis=1), -1.0, 1.0)
    np.testing.assert_allclose(u0(x), np.exp(np.sin(np.pi * x)), rtol=1e-12)
    fine = np.linspace(-3, 3, 1000)
    np.testing.assert_allclose(u0(fine), np.exp(np.sin(np.pi * fine)), rtol=1e-4)
