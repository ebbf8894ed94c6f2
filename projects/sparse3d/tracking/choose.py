"""Trackers by name, with options by name."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from sparse3d.errors import ConfigError
from sparse3d.tracking.class_motion import CLASS_MOTIONS
from sparse3d.tracking.depth_cascade import DepthCascadeOptions, DepthCascadeTracker
from sparse3d.tracking.greedy import GreedyOptions, GreedyTracker
from sparse3d.tracking.query_identity import QueryIdentityOptions, QueryIdentityTracker
from sparse3d.tracking.tracker import Tracker
from sparse3d.tracking.two_stage import TwoStageOptions, TwoStageTracker

TRACKERS: dict[str, tuple[Any, Any]] = {
    'greedy': (GreedyTracker, GreedyOptions),
    'two_stage': (TwoStageTracker, TwoStageOptions),
    'depth_cascade': (DepthCascadeTracker, DepthCascadeOptions),
    'query_identity': (QueryIdentityTracker, QueryIdentityOptions)}


def make_tracker(name: str, options: Mapping[str, Any] | None = None) -> Tracker:
    """A tracker that has seen nothing yet.

    Args:
        name: of ``TRACKERS``.
        options: fields of its options.

    Raises:
        ConfigError: for an unknown name or option, or a value that makes no sense.
    """
    if not isinstance(name, str) or name not in TRACKERS:
        raise ConfigError(f'there is no tracker {name!r:.60}; there are {", ".join(TRACKERS)}')
    if not isinstance(options or {}, Mapping):
        raise ConfigError(f'the options of the tracker {name} are {options!r:.60}; give a dict, '
                          f'dict(max_lost=2) for instance')
    tracker, of = TRACKERS[name]
    known = {field.name: field for field in fields(of)}
    for key, value in (options or {}).items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ConfigError(f'the tracker {name} has no option {key!r}'
                              + (f'; did you mean {near[0]!r}?' if near else
                                 f'; it has {", ".join(known)}'))
        meant = type(getattr(of(), key))
        fits = isinstance(value, int | float) if meant is float else isinstance(value, meant)
        if not fits or (isinstance(value, bool) and meant is not bool):
            raise ConfigError(f'{key} of the tracker {name} is {value!r}; a '
                              f'{meant.__name__} is needed')
    return tracker(of(**(options or {})))


def with_motions(options: Mapping[str, Any], like: Mapping[str, str]) -> Mapping[str, Any]:
    """Options of a tracker with motions of own classes.

    Args:
        options: of a tracker, by name.
        like: own classes to classes that they move like, ``{'forklift': 'car'}``.

    Raises:
        ConfigError: for a class whose motion is not known.
    """
    for name, other in like.items():
        if other.lower() not in CLASS_MOTIONS:
            raise ConfigError(f'{name} cannot move like {other!r}; there are '
                              f'{", ".join(CLASS_MOTIONS)}')
    motions = {name: CLASS_MOTIONS[other.lower()] for name, other in like.items()}
    return dict(options, motions=motions) if motions else options
