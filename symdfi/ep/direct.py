"""The exact gradients of what is given like in one call: arrays in, arrays out, by compiled loops over samples.

Where an answer is not found directly, for whatever reason, None stands for it: who solves step by step says why.
"""

from __future__ import annotations

import abc
import functools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from symdfi.ep.bound import Bound, Place, Slots, places_of
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.leaps import Alone, Apart, Leaps
from symdfi.ep.newton_gradients import Alone as NewtonAlone
from symdfi.ep.newton_gradients import NewtonGradients
from symdfi.ep.samples import Chosen, Sample
from symdfi.ep.setting import Setting, Signals


class Found(NamedTuple):
    """The cost, its gradient by all parameters, where they are in it, and the path, None of one that follows from its
    beginning."""

    cost: float
    theta: np.ndarray
    places: Mapping[str, Place]
    path: np.ndarray | None

    def by_name(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The gradient by some of the parameters."""
        found, theta, places = {}, self.theta, self.places
        for name in names:
            own, shape = places[name]
            found[name] = theta[own] if len(shape) == 1 else theta[own].reshape(shape)
        return found


def columns_of(places: Mapping[str, Place], names: Iterable[str]) -> np.ndarray:
    """Where these parameters are among all, one after the other."""
    return np.concatenate([np.arange(own.start, own.stop) for own, _ in (places[name] for name in names)])


@dataclass(frozen=True)
class Several:
    """The same of samples, of which some are ``told``, in rows: C, and dC/dθ."""

    told: np.ndarray
    costs: np.ndarray
    thetas: np.ndarray
    places: Mapping[str, Place]

    def __getitem__(self, number: int) -> Found | None:
        if not self.told[number]:  # IndexError beyond the last: that makes it a sequence
            return None
        return Found(self.costs[number].item(), self.thetas[number], self.places, None)


@dataclass(frozen=True)
class Direct(abc.ABC):
    """Gradients of samples by the parameters at ``places``."""

    bound: Bound
    places: Mapping[str, Place]

    @abc.abstractmethod
    def gradients(
        self, params: Mapping[Any, Any], samples: Sequence[Sample]
    ) -> tuple[np.ndarray, list[Found | None] | Several]:
        """Which samples are given as was known, parameters as well, and what is found of them."""

    def gradient(self, params: Mapping[Any, Any], sample: Sample) -> tuple[bool, Found | None]:
        """The same of one sample."""
        (fits,), found = self.gradients(params, [sample])
        return bool(fits), found[0]


def direct(
    system: DiscreteSystem, setting: Setting, params: Mapping[Any, Any], inputs: Signals | None,
    targets: Signals | None,
) -> Direct | None:  # fmt: skip
    """None where there is no loop for a system, costs hold integrals, or a signal is a function."""
    by_leaps = ByLeaps.solver(system, setting)
    by_newton = NewtonGradients.of(system, setting) if by_leaps is None else None
    if by_leaps is None and by_newton is None:
        return None
    if (bound := Bound.of(system, setting, params, inputs, targets)) is None:
        return None
    places = dict(places_of(system.shapes(setting)))
    if by_leaps is not None:
        return ByLeaps(bound, places, by_leaps)
    assert by_newton is not None
    return ByNewton(bound, places, by_newton)


@dataclass(frozen=True)
class ByLeaps(Direct):
    """By explicit leapfrog from the initial state."""

    leaps: Leaps

    @staticmethod
    def solver(system: DiscreteSystem, setting: Setting) -> Leaps | None:
        """None where steps are not explicit, and where costs hold velocities or integrals."""
        leaps = Leaps.of(system, setting)
        if leaps is None or not leaps.system.has_costs_of_states or system.integral_count(setting):
            return None
        return leaps

    @property
    def _alone(self) -> tuple[Slots, Alone | Apart]:
        """Where this thread writes what is given for a sample, and what finds its gradient then."""
        try:
            return self._threads.alone
        except AttributeError:
            own = Apart(self.leaps) if self.leaps.system.has_massive_parameters else Alone(self.leaps)
            self._threads.alone = Slots(self.bound, own.params, own.signals), own
            return self._threads.alone

    @functools.cached_property
    def _threads(self) -> threading.local:
        return threading.local()

    def gradients(
        self, params: Mapping[Any, Any], samples: Sequence[Sample]
    ) -> tuple[np.ndarray, list[Found | None] | Several]:
        if self.leaps.is_abreast:
            return self._together(params, samples)
        each = [self.gradient(params, sample) for sample in samples]
        return np.array([fits for fits, _ in each]), [found for _, found in each]

    def gradient(self, params: Mapping[Any, Any], sample: Sample) -> tuple[bool, Found | None]:
        (slots, own), (inputs, targets, _) = self._alone, sample
        if not slots.read(params, inputs, targets):
            return False, None
        told = own.found()
        return True, None if told is None else Found(*told, self.places, None)

    def _together(
        self, params: Mapping[Any, Any], samples: Sequence[Sample]
    ) -> tuple[np.ndarray, list[Found | None] | Several]:
        leaps, packed = self.leaps, self.leaps.setting.params.copy()
        # Of a signal the numbers in time lie side by side, as they are given.
        signals = np.repeat(leaps.signals.T[None], len(samples), axis=0).transpose(0, 2, 1)
        rows = samples.rows if isinstance(samples, Chosen) else None
        if rows is not None and self.bound.reads_rows(params, rows, packed, signals):
            fits = np.ones(len(samples), bool)
        else:
            fits = self.bound.reads_each(params, [sample[:2] for sample in samples], packed, signals)
        if not fits.any():
            return fits, list[Found | None]([None] * len(samples))
        told, costs, thetas = leaps.gradients(packed, signals)
        return fits, Several(told & fits, costs, thetas, self.places)


@dataclass(frozen=True)
class ByNewton(Direct):
    """By Newton's method between two times."""

    newton: NewtonGradients

    @property
    def _alone(self) -> tuple[Slots, NewtonAlone]:
        """Where this thread writes what is given for a sample, and what finds its gradient then."""
        try:
            return self._threads.alone
        except AttributeError:
            own = NewtonAlone(self.newton)
            self._threads.alone = Slots(self.bound, own.params, own.signals), own
            return self._threads.alone

    @functools.cached_property
    def _threads(self) -> threading.local:
        return threading.local()

    def gradient(self, params: Mapping[Any, Any], sample: Sample) -> tuple[bool, Found | None]:
        if self.newton.setting.frame.periodic and self.newton.system.has_time:
            return super().gradient(params, sample)  # which checks the period
        (slots, own), (inputs, targets, guess) = self._alone, sample
        if not slots.read(params, inputs, targets):
            return False, None
        setting = self.newton.setting
        try:
            for name, column in self.bound.drives:
                setting.boundary.check_signal(name, own.signals[:, column], None, setting.rule_times)
        except ValueError:
            return False, None  # and is raised again where it is read anew
        if not own.fits:
            return super().gradient(params, sample)
        path = self._begun(guess)
        told = None if path is None else own.found(path)
        return True, None if told is None else Found(*told, self.places, path)

    def gradients(
        self, params: Mapping[Any, Any], samples: Sequence[Sample]
    ) -> tuple[np.ndarray, list[Found | None] | Several]:
        settings = [self._setting(params, inputs, targets) for inputs, targets, _ in samples]
        fits = np.array([setting is not None for setting in settings])
        paths = [self._begun(path) for _, _, path in samples]
        found: list[Found | None] = [None] * len(samples)
        both = zip(range(len(samples)), settings, paths, strict=True)
        known = [(k, own, path) for k, own, path in both if own is not None and path is not None]
        newton = self.newton.for_parameters(known[0][1].params) if known else None
        if newton is None:
            return fits, found
        signals, orbits = (np.stack(each) for each in ([own.signals for _, own, _ in known], [x for *_, x in known]))
        told, costs, thetas = newton.found(known[0][1].params, signals, orbits)
        for well, (k, _, _), cost, theta, path in zip(told, known, costs.tolist(), thetas, orbits, strict=True):
            if well:
                found[k] = Found(cost, theta, self.places, path)
        return fits, found

    def _setting(self, params: Mapping[Any, Any], inputs: Signals | None, targets: Signals | None) -> Setting | None:
        """What is given, if it is given as was known."""
        found = self.bound.setting(self.newton.setting, params, inputs, targets)
        try:
            if found is not None:
                self.newton.system.check_period(found)
        except ValueError:
            return None  # and is raised again where it is read anew
        return found

    def _begun(self, path: np.ndarray | None) -> np.ndarray | None:
        """The path that the search begins at. None for one of another shape, or that is not finite."""
        if path is None:
            return self.newton.start.copy()
        setting = self.newton.setting
        nodes, d = setting.rule.n_nodes(setting.steps), setting.places.n_dof
        if not isinstance(path, np.ndarray) or path.shape != (nodes, d) or path.dtype != float:
            return None
        return setting.frame.placed(path) if np.isfinite(path).all() else None
