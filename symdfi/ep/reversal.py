"""A system at given numbers run backward by itself, through a mirror (see ``symdfi.ep.mirror``)."""

from __future__ import annotations

from typing import Any

from symdfi.ep.mirror import SEARCHED, TOLERANCE, Mirror
from symdfi.ep.orbit import Orbit
from symdfi.ep.probe import Probe, Reversal
from symdfi.errors import SymbolicError


def reversal(free: Orbit, mirror: Any) -> Reversal:
    """The one that is given, or with ``"find"`` the first that is found. ``SymbolicError`` where there is none."""
    probe, d = Probe.near(free), free.q.shape[1]
    if not (rule := free.setting.rule).is_symmetric:
        raise SymbolicError(f"the rule {rule} is not symmetric in time: no motion runs backward by it")
    if not isinstance(mirror, str):
        found = probe.reversal(Mirror.read(mirror, d))
        if (left := probe.broken(found)) > TOLERANCE:
            raise SymbolicError(
                f"the system does not run backward through this mirror: it changes forces or momenta by {left:.1e} of "
                "their size. L is to be even in the velocities up to the mirror, L(Πq, −Πq̇) = L(q, q̇); use another "
                "one, or Echo() without a mirror, which marches any discrete action backward"
            )
        return found
    if mirror != "find":
        raise ValueError(f"mirror = {mirror!r} is to be a matrix, signs, 'find' or None")
    if d > SEARCHED:
        raise ValueError(f"a mirror of {d} coordinates is to be given: it is sought for up to {SEARCHED}")
    if (found := probe.found()) is not None:
        return found
    raise SymbolicError(
        f"no signed permutation of the {d} coordinates lets the system run backward. Use Echo() without a mirror, "
        "which marches any discrete action backward"
    )
