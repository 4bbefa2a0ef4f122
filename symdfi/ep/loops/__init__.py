"""Loops that are run from the kernel cache, not imported."""
