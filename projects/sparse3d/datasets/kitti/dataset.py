"""KITTI for 3D detection: mmdet3d's dataset with every input checked before training starts."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.datasets import KittiDataset
from mmdet3d.registry import DATASETS

from sparse3d.engine.agreement.check import check_files
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.epoch_sampler import EpochState
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.split_frames import refuse_no_frames


@DATASETS.register_module()
class KittiDetectionDataset(KittiDataset):
    """``KittiDataset`` for info files of :func:`sparse3d.datasets.kitti.prepare.prepare_kitti`.

    Differences: info files are read without running code and their stamp is checked;
    unknown classes and absent files are named at the start; frames without objects are
    samples like others; augmentation depends on seed, epoch and index alone if the
    sampler is :class:`EpochSampler`, and transforms find ``epoch`` in the sample.

    Args:
        data_root: folder of the prepared data set.
        ann_file: info file inside it.
        metainfo: ``dict(classes=[...])``, any of KITTI's eight types.
        check_files: whether to look for every point cloud (and image) at the start.
        options: those of ``KittiDataset``.

    Raises:
        ConfigError: for a class that KITTI does not have.
        DataError: for an unusable info file, absent files or a path out of the data root.
    """

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 check_files: bool = True, filter_empty_gt: bool = False, **options) -> None:
        self._check_classes((metainfo or {}).get('classes', ()))
        self._epoch_state = EpochState()
        self._check_files = check_files
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo,
                         filter_empty_gt=filter_empty_gt, **options)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by :class:`EpochSampler`."""
        self._epoch_state.set(epoch, seed)

    def prepare_data(self, index: int) -> dict | None:
        """One sample through the pipeline; see the class for its randomness."""
        with self._epoch_state.randomness_of(index):
            return super().prepare_data(index)

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        info = super().get_data_info(index)
        info['epoch'] = self._epoch_state.epoch
        return info

    def load_data_list(self) -> list[dict]:
        """Read and check the info file; called once by mmengine."""
        info = read_info_file(self.ann_file, 'kitti')
        for key, value in info['metainfo'].items():
            self._metainfo.setdefault(key, value)
        data_list = [self._parse(entry, row) for row, entry in enumerate(info['data_list'])]
        refuse_no_frames(data_list, self.ann_file, len(info['data_list']))
        check_files(self.pipeline.transforms, self.ann_file, columns=(
            entry['lidar_points'].get('num_pts_feats', 4) for entry in data_list))
        if self._check_files:
            self._look_for_files(data_list)
        return data_list

    def _parse(self, entry: dict, row: int) -> dict:
        try:
            return self.parse_data_info(entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f'entry {row} of {self.ann_file} is not a KITTI frame in the layout '
                            f'of mmdet3d 1.4 ({type(error).__name__}: {error})') from error

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        image = info['images']['CAM2']
        path_inside(self.data_prefix.get('pts', ''), info['lidar_points']['lidar_path'])
        image_path = path_inside(self.data_prefix.get('img', ''), image['img_path'])
        info = super().parse_data_info(info)
        if self.test_mode and not self.modality['use_camera']:
            # for drawing detections on the image; nothing moves the points in testing
            info.update(img_path=str(image_path), lidar2cam=np.array(image['lidar2cam']),
                        cam2img=np.array(image['cam2img']),
                        lidar2img=np.array(image['lidar2img']))
        return info if self.modality['use_camera'] else _without_images(info)

    def _check_classes(self, classes) -> None:
        known = self.METAINFO['classes']
        for name in classes:
            if name not in known:
                raise ConfigError(f'the class {name!r} in metainfo is not one of KITTI: '
                                  f'{", ".join(known)}')

    def _look_for_files(self, data_list: list[dict]) -> None:
        paths = []
        if self.modality['use_lidar']:
            paths += [Path(entry['lidar_path']) for entry in data_list]
        if self.modality['use_camera']:
            paths += [Path(entry['img_path']) for entry in data_list]
        present = {folder: set(os.listdir(folder)) if folder.is_dir() else set()
                   for folder in {path.parent for path in paths}}  # one look at each folder
        missing = [path for path in paths if path.name not in present[path.parent]]
        if missing:
            more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
            raise DataError(f'{missing[0]}{more} named in {self.ann_file} does not exist; restore '
                            f'it or run "sparse3d create-data kitti {self.data_root}"')


def _without_images(info: dict) -> dict:
    """Leave out what only image pipelines read; mmdet3d copies all of it for every sample."""
    annotations = info.get('ann_info') or info.get('eval_ann_info') or {}
    annotations.pop('instances', None)
    return {key: value for key, value in info.items()
            if key not in ('images', 'instances', 'cam_instances')}
