"""Draws the pictures of the gallery, ``docs/gallery/MODEL.png``: ``make gallery``, or ``make gallery ARGS="kepler"``.

Every model is run as `symdfi run MODEL` runs it, some with the shorter settings below, and its picture reduced to what
a page needs: a click on it shows it as it is.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from PIL import Image

from symdfi import models

FOLDER = Path(__file__).parent / "gallery"
#: What keeps a run below half a minute or so.
SHORTER: dict[str, dict[str, Any]] = {
    "burgers": {"T": 1.0, "widths": "9,9"},
    "allen_cahn": {"T": 2.0, "widths": "9,9", "dt": 2e-2},
    "rotating_detonation": {"T": 2.0, "points": 256},
    "vlasov": {"T": 1.5, "points": 40},
    "transport_2d": {"T": 0.5, "points": 40},
    "harmonic_trap": {"d": 4, "T": 3.0},
    "kdv": {"T": 2.0},
    "gunpoint": {"epochs": 20},
    "spring_graph": {"n": 500, "springs": 1000},
}
#: Dots an inch, by which letters are of one size in all pictures, and the most bytes that one may take.
DPI, MOST = 80, 80_000


def reduced(data: bytes) -> bytes:
    """A PNG of half its size, with as many colours as fit. ``ValueError`` where it is still too large."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32):
        made = io.BytesIO()
        # The ends of a scale of colours are few, and kept.
        few = picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(made, "PNG", optimize=True)
        if len(made.getvalue()) <= MOST:
            return made.getvalue()
    raise ValueError(f"{len(made.getvalue())} bytes, more than {MOST}")


def command(name: str) -> str:
    """The command that makes a picture, at its full size."""
    return " ".join([f"symdfi run {name}", *(f"--set {key}={value}" for key, value in SHORTER.get(name, {}).items())])


def draw(name: str) -> None:
    """Run a model and write its picture."""
    model, changed = models.load(name), SHORTER.get(name, {})
    result = model.run({**model.settings, **changed})
    raw = io.BytesIO()
    result.figure().savefig(raw, format="png", dpi=2 * DPI)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(reduced(raw.getvalue()))


def main() -> None:
    for name in sys.argv[1:] or models.names():
        draw(name)
        print(name, (FOLDER / f"{name}.png").stat().st_size, flush=True)


if __name__ == "__main__":
    main()
