"""A data set of one's own for 3D detection."""
from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.datasets import Det3DDataset
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.datasets.custom.camera_frames import CustomCameraFrames
from sparse3d.engine.agreement.check import check_files
from sparse3d.engine.agreement.statements import Reading, states
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_frames import FrameChoice
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.epoch_sampler import EpochState
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.split_frames import refuse_no_frames

BOX_KEY = 'gt_bboxes_3d'


@DATASETS.register_module()
class CustomDetectionDataset(Det3DDataset):
    """Frames of :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom`.

    A pipeline finds ``frame_name``, ``lidar_points`` (``lidar_path``; frames of cameras alone have
    none), ``images`` by camera (``img_path``, ``cam2img``, ``lidar2cam``, ``lidar2img``), with
    ``modality=dict(use_camera=True)`` the same as ``image_frames`` for ``LoadMultiViewImages``
    (now first; a camera without a picture is absent), ``timestamp``, ``scene_token`` and
    ``lidar2global`` where ``frames.json`` told them, and ``ann_info`` in training or
    ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (7 or 9 numbers, bottom center, LiDAR
    frame), ``gt_labels_3d``, ``num_lidar_pts`` (-1 where there is no cloud).

    Args:
        data_root: folder of the data set.
        ann_file: info file inside it.
        metainfo: ``dict(classes=[...])``, names as in the box files; others are left out.
        velocities: boxes of nine numbers.
        unknown_velocities: ``'zero'``, or ``'nan'`` for ``MarkUnknownVelocities``.
        modality: ``dict(use_lidar=..., use_camera=...)``; by default points alone.
        frames: options of :class:`~sparse3d.transforms.camera_frames.FrameChoice`, for pictures.
        options: those of mmdet3d's ``Det3DDataset``.

    Raises:
        ConfigError: for a class that the data set does not have, or another option.
        DataError: for an unusable info file, absent files or a path out of the data root.
    """

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 velocities: bool = False, filter_empty_gt: bool = False,
                 unknown_velocities: str = 'zero', frames: Mapping | None = None,
                 **options) -> None:
        if not (metainfo or {}).get('classes'):
            raise ConfigError('custom data needs metainfo=dict(classes=[...]): the classes to '
                              'detect')
        self.METAINFO = dict(classes=tuple(metainfo['classes']))  # mmdet3d looks names up there
        if unknown_velocities not in ('zero', 'nan'):
            raise ConfigError(f"unknown_velocities is 'zero' or 'nan', not {unknown_velocities!r}")
        self.velocities, self._epoch_state = velocities, EpochState()
        self._unknown_velocities = np.nan if unknown_velocities == 'nan' else 0.0
        self.frame_choice = FrameChoice(**(frames or {}))
        options['modality'] = dict(dict(use_lidar=True, use_camera=False),
                                   **(options.get('modality') or {}))
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
            info['image_frames'] = self._camera_frames.load(info['row'], not self.test_mode)
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
        self._refuse_absent_sensors(info['data_list'])
        data_list = [self._parse(entry, row) for row, entry in enumerate(info['data_list'])]
        refuse_no_frames(data_list, self.ann_file, len(info['data_list']))
        check_files(self.pipeline.transforms, self.ann_file,
                    cameras=(camera for entry in data_list for camera in entry['images']),
                    columns=(entry['num_pts_feats'] for entry in data_list
                             if 'num_pts_feats' in entry))
        if self.modality['use_camera']:
            self._camera_frames = CustomCameraFrames(info['data_list'], Path(self.data_root),
                                                     self.frame_choice, self.ann_file)
        missing = [path for entry in data_list for path in self._files(entry)
                   if not Path(path).is_file()]
        if missing:
            raise DataError(f'{missing[0]} named in {self.ann_file} does not exist ({len(missing)} '
                            f'missing); restore it or run "sparse3d create-data custom '
                            f'{self.data_root}"')
        return data_list

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = dict(
            sample_idx=info['sample_idx'], frame_name=str(info['sample_idx']),
            images={camera: self._image(image) for camera, image in info['images'].items()})
        if 'lidar_points' in info:
            path = str(path_inside(self.data_root, info['lidar_points']['lidar_path']))
            columns = info['lidar_points']['num_pts_feats']
            sample.update(lidar_path=path, num_pts_feats=columns,
                          lidar_points=dict(lidar_path=path, num_pts_feats=columns))
        sample.update({key: info[key] for key in ('scene_token', 'timestamp') if key in info})
        if 'lidar2global' in info:
            sample['lidar2global'] = np.array(info['lidar2global'], np.float64)
        if 'instances' in info:
            sample['eval_ann_info' if self.test_mode else 'ann_info'] = \
                self._objects(info['instances'])
        return sample

    def _objects(self, instances: list[dict]) -> dict[str, np.ndarray]:
        names = list(self.metainfo['classes'])
        kept = [item for item in instances if item['name'] in names]
        width = 9 if self.velocities else 7
        boxes = np.full((len(kept), width), self._unknown_velocities)
        for row, item in enumerate(kept):
            boxes[row, :7] = item['bbox_3d']
            if self.velocities and len(item['velocity']) == 2:
                known = np.isfinite(item['velocity']).all()
                boxes[row, 7:] = item['velocity'] if known else self._unknown_velocities
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
            return dict(self.parse_data_info(entry), row=row)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f'entry {row} of {self.ann_file} is no frame of custom data '
                            f'({type(error).__name__}: {error}); make the file again') from error

    def _refuse_absent_sensors(self, entries: list[dict]) -> None:
        """Points or pictures that are wanted and that no frame, or not every frame, has."""
        if self.modality['use_lidar']:
            without = [entry['sample_idx'] for entry in entries if 'lidar_points' not in entry]
            if without:
                raise DataError(f'{self.ann_file} has no cloud of {without[0]} ({len(without)} of '
                                f'{len(entries)} frames have pictures alone); for a camera model '
                                f'set modality=dict(use_lidar=False, use_camera=True)')
        if self.modality['use_camera'] and entries \
                and not any(entry.get('images') for entry in entries):
            raise DataError(f'{self.ann_file} has no pictures, which modality=dict('
                            f'use_camera=True) wants; put them into images/<camera>/')

    def _files(self, entry: dict) -> list[str]:
        """Files of a sample that will be read."""
        clouds = [entry['lidar_path']] if self.modality['use_lidar'] else []
        pictures = [image['img_path'] for image in entry['images'].values()] \
            if self.modality['use_camera'] else []
        return clouds + pictures

    def _check_classes(self, known: Mapping[str, int]) -> None:
        for name in self.metainfo.get('classes', ()):
            if known and name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f'; did you mean {near[0]!r}?' if near else ''
                raise ConfigError(f'the class {name!r} in metainfo occurs in no box of '
                                  f'{self.ann_file}, which has {", ".join(known)}{hint}')


@states('CustomDetectionDataset')
def frames_of_pictures(config: Mapping) -> Reading:
    """Frames of images, if there are images."""
    if (config.get('modality') or {}).get('use_camera'):
        frames = config.get('frames') or {}
        yield 'data.frames', frames.get('num_frames', 1), 'frames.num_frames'
        yield 'data.frame_kind', frames.get('kind', 'past'), 'frames.kind'


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
        if 'lidar_points' not in results:
            raise DataError(f'the frame {results.get("frame_name")} has no cloud to load; leave '
                            f'LoadPointFile out for a camera model')
        points = read_cloud(results['lidar_points']['lidar_path'], self.columns)
        points = points[np.isfinite(points).all(axis=1)]
        results['points'] = LiDARPoints(points, points_dim=self.columns)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns})'
