"""A data set of one's own for 3D detection."""
from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.datasets import Det3DDataset
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.engine.agreement.check import check_files
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_history import CameraImage
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.epoch_sampler import EpochState
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.split_frames import refuse_no_frames

BOX_KEY = 'gt_bboxes_3d'


@DATASETS.register_module()
class CustomDetectionDataset(Det3DDataset):
    """Frames of :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom`.

    A pipeline finds ``lidar_points`` (``lidar_path``), ``images`` by camera (``img_path``,
    ``cam2img``, ``lidar2cam``, ``lidar2img``), with ``modality=dict(use_camera=True)`` the same
    as one frame of ``image_frames`` for ``LoadMultiViewImages``, and ``ann_info`` in training or
    ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (7 or 9 numbers, bottom center, LiDAR
    frame), ``gt_labels_3d``.

    Args:
        data_root: folder of the data set.
        ann_file: info file inside it.
        metainfo: ``dict(classes=[...])``, names as in the box files; others are left out.
        velocities: boxes of nine numbers; unknown velocities are 0.
        options: those of mmdet3d's ``Det3DDataset``.

    Raises:
        ConfigError: for a class that the data set does not have.
        DataError: for an unusable info file, absent files or a path out of the data root.
    """

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 velocities: bool = False, filter_empty_gt: bool = False, **options) -> None:
        if not (metainfo or {}).get('classes'):
            raise ConfigError('custom data needs metainfo=dict(classes=[...]): the classes to '
                              'detect')
        self.METAINFO = dict(classes=tuple(metainfo['classes']))  # mmdet3d looks names up there
        self.velocities, self._epoch_state = velocities, EpochState()
        options.setdefault('modality', dict(use_lidar=True, use_camera=False))
        options.setdefault('data_prefix', dict(pts='', img=''))
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo,
                         filter_empty_gt=filter_empty_gt, **options)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by :class:`EpochSampler`."""
        self._epoch_state.set(epoch, seed)

    def prepare_data(self, index: int) -> dict | None:
        """One sample through the pipeline; its randomness depends on seed, epoch and index."""
        with self._epoch_state.randomness_of(index):
            return super().prepare_data(index)

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        info = super().get_data_info(index)
        info['epoch'] = self._epoch_state.epoch
        if self.modality['use_camera']:
            info['image_frames'] = [{
                camera: CameraImage(image['img_path'], image['lidar2cam'], image['cam2img'], 0.0)
                for camera, image in info['images'].items()}]
        for key in ('ann_info', 'eval_ann_info'):
            if key in info:
                boxes = info[key][BOX_KEY]
                info[key] = dict(info[key])
                info[key][BOX_KEY] = LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1])
        return info

    def load_data_list(self) -> list[dict]:
        """Read and check the info file; called once by mmengine."""
        info = read_info_file(self.ann_file, 'custom')
        self._check_classes(info['metainfo'].get('categories', {}))
        for key, value in info['metainfo'].items():
            self._metainfo.setdefault(key, value)
        data_list = [self._parse(entry, row) for row, entry in enumerate(info['data_list'])]
        refuse_no_frames(data_list, self.ann_file, len(info['data_list']))
        check_files(self.pipeline.transforms, self.ann_file,
                    cameras=(camera for entry in data_list for camera in entry['images']),
                    columns=(entry['num_pts_feats'] for entry in data_list))
        missing = [entry['lidar_path'] for entry in data_list
                   if not Path(entry['lidar_path']).is_file()]
        if missing:
            raise DataError(f'{missing[0]} named in {self.ann_file} does not exist ({len(missing)} '
                            f'missing); restore it or run "sparse3d create-data custom '
                            f'{self.data_root}"')
        return data_list

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        path = str(path_inside(self.data_root, info['lidar_points']['lidar_path']))
        columns = info['lidar_points']['num_pts_feats']
        sample = dict(
            sample_idx=info['sample_idx'], lidar_path=path, num_pts_feats=columns,
            lidar_points=dict(lidar_path=path, num_pts_feats=columns),
            images={camera: self._image(image) for camera, image in info['images'].items()})
        if 'instances' in info:
            sample['eval_ann_info' if self.test_mode else 'ann_info'] = \
                self._objects(info['instances'])
        return sample

    def _objects(self, instances: list[dict]) -> dict[str, np.ndarray]:
        names = list(self.metainfo['classes'])
        kept = [item for item in instances if item['name'] in names]
        width = 9 if self.velocities else 7
        boxes = np.zeros((len(kept), width))
        for row, item in enumerate(kept):
            boxes[row, :7] = item['bbox_3d']
            if self.velocities and len(item['velocity']) == 2:
                boxes[row, 7:] = np.nan_to_num(item['velocity'])
        labels = [names.index(item['name']) for item in kept]
        for label in labels:
            self.num_ins_per_cat[label] += 1
        return {BOX_KEY: boxes.astype(np.float32),
                'gt_labels_3d': np.array(labels, dtype=np.int64),
                'num_lidar_pts': np.array([item['num_lidar_pts'] for item in kept], np.int64)}

    def _image(self, image: Mapping) -> dict:
        matrices = {key: np.array(image[key], np.float64)
                    for key in ('cam2img', 'lidar2cam', 'lidar2img')}
        return dict(matrices, img_path=str(path_inside(self.data_root, image['img_path'])))

    def _parse(self, entry: dict, row: int) -> dict:
        try:
            return self.parse_data_info(entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f'entry {row} of {self.ann_file} is no frame of custom data '
                            f'({type(error).__name__}: {error}); make the file again') from error

    def _check_classes(self, known: Mapping[str, int]) -> None:
        for name in self.metainfo.get('classes', ()):
            if known and name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f'; did you mean {near[0]!r}?' if near else ''
                raise ConfigError(f'the class {name!r} in metainfo occurs in no box of '
                                  f'{self.ann_file}, which has {", ".join(known)}{hint}')


@TRANSFORMS.register_module()
class LoadPointFile(BaseTransform):
    """Read a point cloud of any format that :func:`read_cloud` knows.

    Needs ``lidar_points.lidar_path``; adds ``points`` (``LiDARPoints``).

    Args:
        columns: numbers of a point, x, y, z first.

    Raises:
        DataError: see :func:`sparse3d.transforms.cloud_files.read_cloud`.
    """

    def __init__(self, columns: int = 4) -> None:
        self.columns = columns

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = read_cloud(results['lidar_points']['lidar_path'], self.columns)
        points = points[np.isfinite(points).all(axis=1)]
        results['points'] = LiDARPoints(points, points_dim=self.columns)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns})'
