"""Tracks beside labeled identities of any data set, matched by center distance in BEV.

Not the numbers of a benchmark, which have their own rules; the same for all data sets.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparse3d.metrics.clear_mot import ClearMot, clear_mot
from sparse3d.metrics.hota import combine_hota, hota
from sparse3d.metrics.identity_frames import IdentityFrames
from sparse3d.metrics.lasting_matches import MatchedFrame, match_scene
from sparse3d.structures.tracks import Tracks

MAX_DISTANCE = 2.0  # of a track from its object [m]
_LONG = 0.5         # share of its frames that an identity has to be found in

Pair = tuple[Tracks, Tracks]  # labeled, tracked; of one frame


@dataclass(frozen=True)
class IdentitySwitch:
    """An object that goes on as another track.

    Attributes:
        scene: frame: where, counted from 0.
        name: of its class.
        gt: its identity.
        old_track: new_track: their ids.
        seconds: since it was found last, NaN without times.
    """

    scene: int
    frame: int
    name: str
    gt: int
    old_track: int
    new_track: int
    seconds: float


@dataclass
class TrackScores:
    """What :func:`track_scores` counts; shares in 0..1.

    Attributes:
        hota: det_a: ass_a: means over the thresholds.
        mota: of CLEAR MOT.
        identities: labeled objects that are there in two frames at least.
        survived: those of them found in half of their frames at least, always as one track.
        switches: each change of a track.
    """

    hota: float
    det_a: float
    ass_a: float
    mota: float
    identities: int = 0
    survived: int = 0
    switches: list[IdentitySwitch] = field(default_factory=list)


def track_scores(scenes: Sequence[Sequence[Pair]],
                 max_distance: float = MAX_DISTANCE) -> TrackScores:
    """Scores over all classes that are labeled.

    Args:
        scenes: of each its frames in order, labeled and tracked, LiDAR frame.
        max_distance: of a track from its object in BEV [m]; similarity falls to 0.5 there.
    """
    names = sorted({name for scene in scenes for gt, _ in scene for name in gt.names})
    parts, clear, made = [], ClearMot(), TrackScores(0, 0, 0, 0)
    for name in names:
        for number, scene in enumerate(scenes):
            pairs = [(_of_class(gt, name), _of_class(pred, name)) for gt, pred in scene]
            frames = IdentityFrames.of(
                [gt.ids.tolist() for gt, _ in pairs], [pred.ids.tolist() for _, pred in pairs],
                [np.clip(1 - _distances(*pair) / (2 * max_distance), 0, 1) for pair in pairs])
            parts.append(hota(frames))
            clear = clear + clear_mot(frames)
            _count(made, pairs, name, number, max_distance)
    if parts:
        table = combine_hota(parts).summary()
        made.hota, made.det_a, made.ass_a = table['HOTA'], table['DetA'], table['AssA']
        made.mota = clear.summary()['MOTA']
    return made


def _count(made: TrackScores, pairs: Sequence[Pair], name: str, scene: int,
           max_distance: float) -> None:
    """Identities of a class in a scene, and what became of them."""
    found: dict[int, list[tuple[int, int]]] = {}
    there: dict[int, int] = {}
    for gt, _ in pairs:
        for one in gt.ids.tolist():
            there[one] = there.get(one, 0) + 1
    matched = match_scene([_matched(gt, pred, max_distance) for gt, pred in pairs], -np.inf)
    for number, ((gt, pred), matches) in enumerate(zip(pairs, matched, strict=True)):
        for match in matches:
            one, track = int(gt.ids[match.row]), int(pred.ids[match.column])
            if match.switched:
                last, old_track = found[one][-1]
                made.switches.append(IdentitySwitch(
                    scene, number, name, one, old_track, track,
                    pairs[number][1].timestamp - pairs[last][1].timestamp))
            found.setdefault(one, []).append((number, track))
    long = {one: count for one, count in there.items() if count > 1}
    made.identities += len(long)
    made.survived += sum(
        len(found.get(one, ())) >= _LONG * count and len({of for _, of in found[one]}) == 1
        for one, count in long.items())


def _matched(gt: Tracks, pred: Tracks, max_distance: float) -> MatchedFrame:
    distances = _distances(gt, pred)
    return MatchedFrame(gt.ids.tolist(), pred.ids.tolist(), np.asarray(pred.scores, np.float64),
                        np.where(distances < max_distance, distances, np.inf))


def _distances(gt: Tracks, pred: Tracks) -> np.ndarray:
    return np.linalg.norm(gt.boxes_3d[:, None, :2] - pred.boxes_3d[None, :, :2], axis=2)


def _of_class(tracks: Tracks, name: str) -> Tracks:
    return tracks[np.array([one == name for one in tracks.names], bool)]


def worst_switches(switches: Iterable[IdentitySwitch], count: int = 10) -> list[IdentitySwitch]:
    """Those of the objects that switch most often, each object's first ones first.

    An object that is lost again and again costs most; among its switches, and between objects with
    as many, the earlier one comes first.
    """
    switches = list(switches)
    times: dict[tuple[int, int], int] = {}
    for one in switches:
        times[one.scene, one.gt] = times.get((one.scene, one.gt), 0) + 1
    return sorted(switches, key=lambda one: (-times[one.scene, one.gt], one.scene, one.gt,
                                             one.frame))[:count]
