"""What files may hold of this room (``symdfi.archive``): symbols of our own, sums as they stand, ansätze, equations."""

from __future__ import annotations

from symdfi.archive import keep
from symdfi.archive.trees import Kind, as_it_stands, know, unhexed
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.joint import JointAnsatz, JointStart
from symdfi.symbolic.mixtures import GaussianUnits
from symdfi.symbolic.networks import NetworkStart, Phases
from symdfi.symbolic.private import Private, beyond
from symdfi.symbolic.sums import PlainSum


def _private(role: object, number: object, name: object, given: dict[str, bool | None]) -> Private:
    if not (isinstance(role, str) and isinstance(name, str)):
        raise TypeError(f"{role!r} and {name!r} are no names")
    found = Private(role, unhexed(number), name, **given)
    beyond(found)
    return found


know(
    Private,
    Kind(lambda s: ((), [s.role, s.number, s.name, dict(s._assumptions_orig)]), _private),
    "Private",
)
know(PlainSum, as_it_stands(PlainSum))
# A fit begins elsewhere without a proposal of the user's own.
keep(Ansatz, spare={"start": None})
keep(EvolutionEquation, JointAnsatz, JointStart, GaussianUnits, NetworkStart, Phases)
