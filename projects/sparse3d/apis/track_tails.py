"""Tails of tracks: where the objects of a frame were in the seconds before."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import TrackFrame, scenes_in_order, track_format
from sparse3d.structures.tracks import are_somebody, whole_ids
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.visualization.frame import Frame

SECONDS = 2.0  # that a tail goes back


class TrackTails:
    """Adds tails to frames whose detections have identities.

    Args:
        dataset: whose info file says which frames follow each other, and the poses.
        results: with detections of all frames, drawn or not.
    """

    def __init__(self, dataset: BaseDataset, results: Results) -> None:
        self._dataset, self._results = dataset, results
        self._scenes: dict[int, tuple[list[TrackFrame], int]] | None = None  # by row: its place
        self._positions: dict[str, dict[int, np.ndarray]] = {}               # by frame: world

    def added(self, frame: Frame, index: int, found: Detections) -> Frame:
        """The frame with tails of the tracks that are drawn; itself without any."""
        drawn = frame.detections
        if drawn is None or drawn.track_ids is None or not len(drawn):
            return frame
        scene, place = self._place(index)
        if not scene:
            return frame
        here = scene[place]
        names = {number: str(drawn.track_ids[row])
                 for number, row in _numbers(drawn.track_ids).items()}
        tails: dict[int, list[np.ndarray]] = {number: [] for number in names}
        for earlier in scene[:place + 1]:
            if here.seconds - earlier.seconds <= SECONDS + 1e-6:
                for identity, position in self._of(earlier).items():
                    if identity in tails:
                        tails[identity].append(position)
        back = np.linalg.inv(np.eye(4) if here.pose is None else here.pose)
        turn = np.eye(3)
        if self._dataset.metainfo.get('forward_axis', 'x') != 'x':   # as the frame was turned
            turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
        labels = {number: int(drawn.labels[row])
                  for number, row in _numbers(drawn.track_ids).items()}
        known = {identity: (np.array(positions) @ back[:3, :3].T + back[:3, 3]) @ turn.T
                 for identity, positions in tails.items() if len(positions) > 1}
        return replace(frame, trails=tuple((labels[one], path) for one, path in known.items()),
                       trail_ids=tuple(names[one] for one in known))

    def _of(self, frame: TrackFrame) -> dict[int, np.ndarray]:
        """Centers of the bottoms in the world, by the number of the identity."""
        if frame.name not in self._positions:
            found = self._results.quietly(frame.info)
            self._positions[frame.name] = {}
            if found is not None and found.track_ids is not None and len(found):
                pose = np.eye(4) if frame.pose is None else frame.pose
                bottoms = np.asarray(found.boxes_3d, np.float64)[:, :3]
                centers = bottoms @ pose[:3, :3].T + pose[:3, 3]
                self._positions[frame.name] = {
                    number: centers[row] for number, row in _numbers(found.track_ids).items()}
        return self._positions[frame.name]

    def _place(self, index: int) -> tuple[list[TrackFrame], int]:
        """The scene of a sample and its place there; nothing where drives are not known."""
        if self._scenes is None:
            self._scenes = self._read()
        return self._scenes.get(self._dataset.get_data_info(index).get('row', -1), ([], 0))

    def _read(self) -> dict[int, tuple[list[TrackFrame], int]]:
        path = getattr(self._dataset, 'ann_file', None)
        if not path or not hasattr(self._dataset, 'choose_frames'):
            return {}
        content = read_plain_file(path)
        chosen: list[Mapping[str, Any]] = self._dataset.choose_frames(content['data_list'])
        entries = [dict(entry, _row=row) for row, entry in enumerate(chosen)]
        try:
            made = track_format(str(content['metainfo'].get('dataset')))
            scenes = scenes_in_order(entries, made, str(path))
        except DataError:  # frames that are no drive have no tails
            return {}
        return {frame.info['_row']: (scene, place) for scene in scenes
                for place, frame in enumerate(scene)}


def _numbers(ids: np.ndarray) -> dict[int, int]:
    """Rows of the boxes that are somebody, by :func:`whole_ids`: a report draws tracks by these."""
    rows = np.flatnonzero(are_somebody(ids))
    return dict(zip(whole_ids(np.asarray(ids)[rows]).tolist(), rows.tolist(), strict=True))
