"""A kernel's source for reading: identifiers that remind of the user's names, and a legend that quotes these.

What is compiled holds numbers alone, so that models that differ in names share it; this is the same text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

#: How much of a name an identifier shows.
_LONGEST = 24


def readable(source: str, legend: Mapping[str, str]) -> str:
    """``source`` with each identifier of the legend transliterated, θ as theta_3 for v3, below a comment for each."""
    shown = {name: f"{_letters(own)}_{name.removeprefix('v')}" for name, own in legend.items()}
    used = [name for name in legend if re.search(rf"\b{name}\b", source)]
    # Quoted and escaped: whatever a name holds, it ends where its comment does.
    lines = [f"# {shown[name]}: {legend[name]!a}\n" for name in used]
    text = re.sub(r"[A-Za-z_]\w*", lambda word: shown.get(word[0], word[0]), source)
    return "".join(lines) + text


def _letters(name: str) -> str:
    """The Latin letters and digits of a name, Greek letters by their names."""
    parts = []
    for character in unicodedata.normalize("NFKD", name):
        full = unicodedata.name(character, "")
        if character.isascii():
            parts.append(character if character.isalnum() else "_")
        elif full.startswith(("GREEK SMALL LETTER ", "GREEK CAPITAL LETTER ")):
            letter = full.split()[3].lower()
            parts.append(letter if "SMALL" in full else letter.capitalize())
        elif not unicodedata.combining(character):
            parts.append("_")
    text = re.sub("_+", "_", "".join(parts)).strip("_")[:_LONGEST].strip("_")
    return text if text[:1].isalpha() else f"v{text}"
