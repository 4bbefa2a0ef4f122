"""Random expressions and Lagrangians against brute force; `python -m tests.fuzz --help` runs as many as wanted."""
