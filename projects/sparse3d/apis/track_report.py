"""The tracking page of a report: what becomes of identities, and the worst switches drawn."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from sparse3d.apis.sample_frames import build_dataset, frame_of_sample
from sparse3d.apis.track_tails import TrackTails
from sparse3d.errors import DataError
from sparse3d.metrics.track_scores import (
    MAX_DISTANCE,
    IdentitySwitch,
    Pair,
    TrackScores,
    track_scores,
    worst_switches,
)
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import TrackFrame, scenes_in_order, track_format
from sparse3d.structures.tracks import Tracks, are_somebody, whole_ids
from sparse3d.transforms.data_paths import file_name
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.visualization.bev_view import draw_bev
from sparse3d.visualization.frame import Boxes
from sparse3d.visualization.html_report import HtmlReport

DRAWN = 10              # switches
_AROUND = 12.0          # the object of a picture, each side [m]


@dataclass(frozen=True)
class _Drive:
    """A scene with what is labeled and what is tracked in it."""

    frames: Sequence[TrackFrame]
    pairs: Sequence[Pair]


def write_tracking(report: HtmlReport, config: Config, split: str, results: Path,
                   out: Path) -> TrackScores | None:
    """Add the section, if the results have identities and the labels too; else nothing.

    Args:
        report: to write into.
        config, split: whose data set it is.
        results: file of tracks.
        out: folder for the pictures.
    """
    dataset = build_dataset(config, split)
    path = getattr(dataset, 'ann_file', None)
    if not path or not hasattr(dataset, 'choose_frames'):
        return None
    content = read_plain_file(path)
    name = str(content['metainfo'].get('dataset'))
    opened = Results(results, dataset.metainfo.get('classes', ()), name)
    drives = _drives(dataset, content['data_list'], name, str(path), opened)
    if not drives:
        return None
    scores = track_scores([drive.pairs for drive in drives])
    report.section('Tracking', f'Labeled identities and tracks of the same class, matched by the '
                   f'distance of their centers in BEV (at most {MAX_DISTANCE:g} m); the same for '
                   f'all data sets, not the numbers of a benchmark. An identity survives if it is '
                   f'one track all along and found in half of its frames.')
    report.tiles({'identities': scores.identities, 'survive': scores.survived,
                  'identity switches': len(scores.switches)})
    report.table(['HOTA', 'DetA', 'AssA', 'MOTA'], [[
        f'{value:.3f}' for value in (scores.hota, scores.det_a, scores.ass_a, scores.mota)]])
    worst = worst_switches(scores.switches, DRAWN)
    if worst:
        report.heading(f'The {len(worst)} worst identity switches' if len(worst) > 1 else
                       'The identity switch')
        paths, captions = _draw(dataset, drives, worst, opened, out)
        report.pictures(paths, captions)
    return scores


def _drives(dataset: BaseDataset, data_list: Sequence[Mapping[str, Any]], name: str, source: str,
            results: Results) -> list[_Drive]:
    chosen = dataset.choose_frames(data_list)
    entries = [dict(entry, _row=row) for row, entry in enumerate(chosen)]
    try:
        kind = track_format(name)
        scenes = scenes_in_order(entries, kind, source)
    except DataError:  # frames that are no drives have no tracks
        return []
    found, labels = {}, {}
    for frame in (frame for scene in scenes for frame in scene):
        here, there = results.quietly(frame.info), kind.labels(frame.info)
        if here is None or there is None:
            return []
        found[frame.name], labels[frame.name] = here, there
    if not _have_identities([one for one in found.values() if len(one)]):
        return []
    classes = dataset.metainfo['classes']
    return [_Drive(scene, [(_timed(labels[frame.name], frame, classes),
                            _timed(_as_tracks(found[frame.name]), frame, classes))
                           for frame in scene]) for scene in scenes]


def _have_identities(found: Sequence[Detections]) -> bool:
    """Whether frames with detections have identities.

    Raises:
        DataError: if some have and others not.
    """
    without = [one for one in found if one.track_ids is None]
    if without and len(without) < len(found):
        raise DataError(f'{len(without)} of {len(found)} frames have detections without '
                        f'identities, {without[0].name} first; give a file of tracks')
    return bool(found) and not without


def _as_tracks(found: Detections) -> Tracks:
    """Boxes that are somebody; of Sparse4D's results not all are."""
    ids = np.zeros(0, np.int64) if found.track_ids is None else found.track_ids
    kept = np.flatnonzero(are_somebody(ids))
    return Tracks.of(found[kept], whole_ids(ids[kept]))


def _timed(tracks: Tracks, frame: TrackFrame, classes: Sequence[str]) -> Tracks:
    kept = tracks[np.array([name in classes for name in tracks.names], bool)]
    return replace(kept, timestamp=frame.seconds, name=frame.name)


def _draw(dataset: BaseDataset, drives: Sequence[_Drive], worst: Sequence[IdentitySwitch],
          results: Results, out: Path) -> tuple[list[Path], list[str]]:
    tails = TrackTails(dataset, results)
    index_of = {dataset.get_data_info(index).get('row', -1): index
                for index in range(len(dataset))}
    paths, captions = [], []
    for number, switch in enumerate(worst, 1):
        drive = drives[switch.scene]
        here, (labels, tracks) = drive.frames[switch.frame], drive.pairs[switch.frame]
        index = index_of.get(here.info['_row'])
        if index is None:
            continue
        found = Boxes(tracks.boxes_3d, _rows(tracks.names, dataset.metainfo['classes']),
                      tracks.scores, track_ids=tracks.ids)
        frame = tails.added(
            frame_of_sample(dataset, index, dataset[index], None, 0.0, found), index,
            tracks.detections)
        place = labels.boxes_3d[labels.ids == switch.gt][0, :2]
        if dataset.metainfo.get('forward_axis', 'x') != 'x':
            place = np.array([place[1], -place[0]])
        x, y = place.tolist()
        paths.append(out / f'switch_{number:02d}_{file_name(here.name)}.png')
        draw_bev(frame, paths[-1], view_range=(x - _AROUND, y - _AROUND, x + _AROUND, y + _AROUND),
                 mark=place)
        captions.append(f'{here.scene}, frame {here.name}: {switch.name} was track '
                        f'{switch.old_track}, goes on as {switch.new_track} after '
                        f'{switch.seconds:.2f} s')
    return paths, captions


def _rows(names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    return np.array([list(classes).index(name) for name in names], np.int64)
