"""The bar of long work: by widgets in notebooks that have them, text in a terminal, nothing in a pipe."""

from __future__ import annotations

import warnings
from typing import Any


def bar(**settings: Any) -> Any:
    """A ``tqdm`` bar, which leaves nothing behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook without widgets: the text then, in silence
        from tqdm.auto import tqdm  # slow to import
    return tqdm(disable=None, leave=False, **settings)
