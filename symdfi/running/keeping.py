"""A run on the disk while it is unfinished, so that it can be gone on with."""

from __future__ import annotations

from pathlib import Path

#: The folder of an unfinished run within that of its results, and the file of settings in both.
UNFINISHED, SETTINGS = "unfinished", "settings.toml"


class Kept:
    """The folder of a run that is not finished: its settings, as TOML, and the checkpoints of its parts.

    Nothing is written before a model begins what takes long, and all is removed where it has come to its end.
    """

    def __init__(self, results: Path, settings: str, keep: bool = True) -> None:
        self.folder, self._settings, self._keep = results / UNFINISHED, settings, keep
        self._made: list[Path] = []

    @property
    def begun(self) -> bool:
        """Whether there is a part of which something is kept."""
        return any(self.folder.glob("*.nc"))

    def begin(self) -> None:
        """Write down what run this is. ``OSError`` where that cannot be."""
        if not self.folder.is_dir():
            self._made = [place for place in (self.folder, *self.folder.parents) if not place.exists()]
            self.folder.mkdir(parents=True)
        (self.folder / SETTINGS).write_text(self._settings, encoding="utf-8")

    def checkpoint(self, part: str) -> Path | None:
        """The file for a part of the run, None where it is not to be kept."""
        self.begin()
        return self.folder / f"{part}.nc" if self._keep else None

    def has(self, part: str) -> bool:
        """Whether a part is there to be gone on with."""
        return (self.folder / f"{part}.nc").exists()

    def end(self) -> None:
        """Remove what is kept, and the folders that were made for it and hold nothing."""
        if not self.folder.is_dir():
            return
        for file in (self.folder / SETTINGS, *self.folder.glob("*.nc")):
            file.unlink(missing_ok=True)
        for place in self._made or [self.folder]:
            if not any(place.iterdir()):
                place.rmdir()
