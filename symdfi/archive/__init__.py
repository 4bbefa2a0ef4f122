"""Objects as checked data: expressions, numbers, arrays, and calls of the project's own classes. No pickle, no code."""

from symdfi.archive.classes import keep, keep_as_data, keep_by
from symdfi.archive.reading import Reader
from symdfi.archive.values import Missing, alike
from symdfi.archive.writing import Writer

__all__ = ["Missing", "Reader", "Writer", "alike", "keep", "keep_as_data", "keep_by"]
