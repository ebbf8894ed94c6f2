"""Results of other tools for the frames of a data set: drawn and analyzed without a checkpoint."""
from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.dataset import BaseDataset
from mmengine.structures import InstanceData

from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.transforms.text_files import read_text

logger = logging.getLogger(__name__)
_SCORES = 'detection_name', 'tracking_name'


class ResultFile:
    """Detections by frame, from a results JSON of nuScenes (detection or tracking task) or a
    folder of KITTI result files.

    Classes that the data set of the config does not have are left out, and named once.

    Args:
        path: the ``.json`` file, or the folder of ``<frame>.txt``.

    Raises:
        DataError: if it is absent or neither of them.
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path = Path(path)
        self._left_out: set[str] = set()
        self._by_token: Mapping[str, Any] | None = None
        if self.path.is_dir():
            if not any(self.path.glob('*.txt')):
                raise DataError(f'the folder {path} holds no KITTI result files (<frame>.txt)')
            return
        if not self.path.is_file():
            raise DataError(f'the results {path} do not exist')
        try:
            content = json.loads(self.path.read_bytes())
        except ValueError as error:
            raise DataError(f'the results {path} are no JSON of nuScenes ({error}); a folder of '
                            f'KITTI result files is taken as well') from error
        results = content.get('results') if isinstance(content, Mapping) else None
        if not isinstance(results, Mapping) or not all(
                isinstance(entries, list) for entries in results.values()):
            raise DataError(f'{path} is no results file of nuScenes: it needs "results" with a '
                            f'list of boxes for each sample')
        self._by_token = results

    def prediction(self, dataset: BaseDataset, index: int) -> Det3DDataSample:
        """The detections of a frame, as a model would give them.

        Raises:
            DataError: if the file has nothing of the frame, or holds what is no detection.
        """
        info = dataset.get_data_info(index)
        classes = tuple(dataset.metainfo['classes'])
        found = self._of_kitti(info, classes) if self._by_token is None \
            else self._of_nuscenes(info, classes)
        boxes = torch.from_numpy(np.asarray(found.boxes_3d, np.float32))
        return Det3DDataSample(pred_instances_3d=InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1]),
            scores_3d=torch.from_numpy(np.asarray(found.scores, np.float32)),
            labels_3d=torch.from_numpy(np.asarray(found.labels, np.int64))))

    def _of_nuscenes(self, info: Mapping, classes: Sequence[str]) -> Detections:
        token = info.get('token')
        if token is None:
            raise DataError(f'{self.path} holds results of nuScenes, the data set of the config '
                            f'is another one')
        if token not in self._by_token:
            raise DataError(f'{self.path} has nothing of the sample {token}: results of another '
                            f'split or version?')
        entries = self._by_token[token]
        names = [next((str(entry[key]) for key in _SCORES if key in entry), '')
                 if isinstance(entry, Mapping) else '' for entry in entries]
        kept = [entry for entry, name in zip(entries, names, strict=True)
                if name in classes or not name]
        self._say_left_out({name for name in names if name and name not in classes}, classes)
        return Detections.of(kept, 'nuscenes', classes, lidar2global=info['lidar2global'])

    def _of_kitti(self, info: Mapping, classes: Sequence[str]) -> Detections:
        path = self.path / f'{Path(info.get("lidar_path", "")).stem}.txt'
        if not path.is_file():
            raise DataError(f'{path} does not exist: results of another split?')
        lines = [line for line in read_text(path).splitlines() if line.strip()]
        known = {'_'.join(name.split()) for name in classes}
        self._say_left_out({line.split()[0] for line in lines} - known, classes)
        kept = ''.join(f'{line}\n' for line in lines if line.split()[0] in known)
        cameras = info.get('images') or {}
        camera = next((image for image in cameras.values()
                       if isinstance(image, Mapping) and image.get('lidar2cam') is not None), None)
        return Detections.of(kept, 'kitti', classes, camera=camera)

    def _say_left_out(self, names: set[str], classes: Sequence[str]) -> None:
        new = names - self._left_out
        if new:
            self._left_out |= new
            logger.warning('%s: boxes of %s are left out; the config has %s', self.path,
                           ', '.join(sorted(new)), ', '.join(classes))
