"""nuScenes for 3D detection: LiDAR sweeps, cameras over several frames, or both."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.datasets import Det3DDataset, NuScenesDataset
from mmdet3d.registry import DATASETS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.logging import print_log

from sparse3d.datasets.nuscenes.objects import BOX_KEY, OBJECTS, object_arrays
from sparse3d.engine.agreement.check import check_files
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_frames import FrameChoice
from sparse3d.transforms.camera_history import CameraHistory, lidar2global
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.epoch_sampler import EpochState
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.split_frames import refuse_no_frames

_COPIED = ('sample_idx', 'token', 'timestamp', 'scene_token', 'scene_name', 'frame_idx', 'prev',
           'next')


@DATASETS.register_module()
class NuScenesDetectionDataset(Det3DDataset):
    """Samples of :func:`sparse3d.datasets.nuscenes.prepare.prepare_nuscenes`, or of mmdet3d's own
    preparation.

    What a pipeline finds in a sample (frames of reference as in ``DESIGN``: LiDAR of now):

    - ``lidar_points`` (``lidar_path``, ``lidar2ego``), ``lidar_sweeps`` (newest first: path,
      ``lidar2sensor``, ``timestamp``): read by ``LoadSweepPoints``.
    - ``images``: key frame by camera: ``img_path``, ``lidar2cam``, ``cam2img``, ``lidar2img``.
    - ``image_frames``, with ``use_camera``: T frames, now first, each a dict from camera to
      :class:`~sparse3d.transforms.camera_history.CameraImage`: read by ``LoadMultiViewImages``.
      A camera without a picture is absent from the dict.
    - ``timestamp`` [s], ``ego2global``, ``lidar2global`` (4, 4) float64, ``token``,
      ``scene_token``, ``frame_idx`` (place in the scene), ``epoch``.
    - ``ann_info`` in training, ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (9 numbers,
      bottom center; vx, vy in m/s), ``gt_labels_3d``, ``num_lidar_pts``, ``attr_labels``,
      ``instance_tokens``.

    Info files are read without running code; unknown classes and absent files are named at
    the start; samples without objects, cameras or sweeps are samples like others;
    augmentation and the choice of frames depend on seed, epoch and index alone if the
    sampler is :class:`EpochSampler`.

    Args:
        data_root: folder of the prepared data set.
        ann_file: info file inside it.
        metainfo: ``dict(classes=[...])``, any of nuScenes' ten, in label order.
        modality: ``dict(use_lidar=..., use_camera=...)``.
        frames: options of :class:`~sparse3d.transforms.camera_frames.FrameChoice`.
        objects: ground truth is ``'lidar'``: what has a LiDAR point; ``'lidar_or_radar'``: a
            point of either (mmdet3d's ``use_valid_flag``); ``'all'``.
        filter_empty_gt: put another sample in the place of one without objects, before or
            after the pipeline, in training.
        unknown_velocities: nuScenes does not know every velocity. ``'zero'`` stands for them
            as in mmdet3d; ``'nan'`` keeps them apart through every augmentation, for
            ``MarkUnknownVelocities`` at the end of the pipeline.
        check_files: whether to look for every point cloud and picture at the start.
        options: those of mmdet3d's ``Det3DDataset``.

    Raises:
        ConfigError: for an unknown class or option.
        DataError: for an unusable info file, absent files or a path out of the data root.
    """

    METAINFO = dict(NuScenesDataset.METAINFO, forward_axis='y')

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 modality: Mapping | None = None, frames: Mapping | None = None,
                 objects: str = 'lidar', unknown_velocities: str = 'zero',
                 check_files: bool = True, filter_empty_gt: bool = False, **options) -> None:
        self._check_classes((metainfo or {}).get('classes', ()))
        if objects not in OBJECTS or unknown_velocities not in ('zero', 'nan'):
            raise ConfigError(f'objects is one of {", ".join(OBJECTS)} and unknown_velocities '
                              f'"zero" or "nan", not {objects!r} and {unknown_velocities!r}')
        self.frame_choice = FrameChoice(**(frames or {}))
        self._objects, self._unknown_velocities = objects, unknown_velocities
        self._check_files, self._epoch_state = check_files, EpochState()
        options.setdefault('data_prefix', dict(pts='', img=''))
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo,
                         modality=dict(modality or dict(use_lidar=True)),
                         filter_empty_gt=filter_empty_gt, **options)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by :class:`EpochSampler`."""
        self._epoch_state.set(epoch, seed)

    def prepare_data(self, index: int) -> dict | None:
        """One sample through the pipeline; see the class for its randomness."""
        with self._epoch_state.randomness_of(index):
            sample = self.get_data_info(index)
            if self.modality['use_camera']:
                sample['image_frames'] = self._frames(sample['row'])
            sample.update(box_type_3d=self.box_type_3d, box_mode_3d=self.box_mode_3d)
            if self._is_unwanted(sample.get('ann_info', {}).get('gt_labels_3d', ())):
                return None
            packed = self.pipeline(sample)
            truth = packed['data_samples'].gt_instances_3d if 'data_samples' in packed else None
            return packed if truth is None or not self._is_unwanted(truth) else None

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline, without ``image_frames``."""
        sample = super().get_data_info(index)
        sample['epoch'] = self._epoch_state.epoch
        sample['images'] = {
            camera: dict(img_path=image.path, lidar2cam=image.lidar2cam, cam2img=image.cam2img,
                         lidar2img=image.lidar2img, timestamp=image.timestamp)
            for camera, image in self.history.load((sample['row'], 0), sample['row']).items()}
        for key in ('ann_info', 'eval_ann_info'):
            if key in sample:  # kept as bare numbers, which unpickle quickly
                boxes = sample[key][BOX_KEY]
                sample[key][BOX_KEY] = LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1])
        return sample

    def get_cat_ids(self, index: int) -> set[int]:
        """Classes in a sample, for class-balanced sampling."""
        sample = super().get_data_info(index)
        annotations = sample.get('ann_info') or sample.get('eval_ann_info') or {}
        return {int(label) for label in annotations.get('gt_labels_3d', ())}

    def load_data_list(self) -> list[dict]:
        """Read and check the info file; called once by mmengine."""
        info = read_info_file(self.ann_file, 'nuscenes')
        for key, value in info['metainfo'].items():
            self._metainfo.setdefault(key, value)
        entries = info['data_list']
        check_files(self.pipeline.transforms, self.ann_file, cameras=(
            camera for entry in entries for camera, image in entry.get('images', {}).items()
            if image.get('img_path')))
        self._check_history(entries)
        data_list = [self._parse(entry, row) for row, entry in enumerate(entries)]
        refuse_no_frames(data_list, self.ann_file, len(entries))
        self._refuse_no_objects(entries)
        self.history = CameraHistory(entries, Path(self.data_root),
                                     with_sweeps=self.frame_choice.num_frames > 1)
        if self._check_files:
            self._look_for_files(data_list)
        return data_list

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = {key: info[key] for key in _COPIED if key in info}
        path = self._path('samples/LIDAR_TOP', Path(info['lidar_points']['lidar_path']).name)
        lidar2ego = np.array(info['lidar_points']['lidar2ego'], dtype=np.float64)
        sample.update(
            ego2global=np.array(info['ego2global'], dtype=np.float64),
            lidar2global=lidar2global(info), lidar_path=path, num_pts_feats=5,
            lidar_points=dict(lidar_path=path, lidar2ego=lidar2ego, num_pts_feats=5),
            lidar_sweeps=[self._sweep(sweep) for sweep in info.get('lidar_sweeps', ())])
        if 'instances' in info and (not self.test_mode or self.load_eval_anns):
            arrays = object_arrays(info['instances'], self.label_mapping, self._objects,
                                   self._unknown_velocities)
            for label in arrays['gt_labels_3d']:
                self.num_ins_per_cat[label] += 1
            sample['eval_ann_info' if self.test_mode else 'ann_info'] = arrays
        return sample

    def _frames(self, row: int) -> list[dict]:
        chosen = self.frame_choice.choose(self.history.timeline, row, not self.test_mode)
        return [self.history.load(camera_set, row) for camera_set in chosen]

    def _is_unwanted(self, objects: Sized) -> bool:
        """Whether a training sample has no objects and is to be replaced by another one."""
        return self.filter_empty_gt and not self.test_mode and not len(objects)

    def _sweep(self, sweep: Mapping) -> dict[str, Any]:
        path = Path(sweep['lidar_points']['lidar_path'])
        folder = 'samples' if 'samples' in path.parts else 'sweeps'
        return dict(timestamp=sweep['timestamp'], lidar_points=dict(
            lidar_path=self._path(f'{folder}/LIDAR_TOP', path.name),
            lidar2sensor=np.array(sweep['lidar_points']['lidar2sensor'], dtype=np.float64)))

    def _path(self, folder: str, name: str) -> str:
        return str(path_inside(Path(self.data_root) / folder, name))

    def _parse(self, entry: dict, row: int) -> dict:
        try:
            return dict(self.parse_data_info(entry), row=row)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f'entry {row} of {self.ann_file} is not a nuScenes sample in the '
                            f'layout of mmdet3d 1.4 ({type(error).__name__}: {error})') from error

    def _check_classes(self, classes) -> None:
        known = self.METAINFO['classes']
        for name in classes:
            if name not in known:
                raise ConfigError(f'the class {name!r} in metainfo is not one of nuScenes: '
                                  f'{", ".join(known)}')

    def _refuse_no_objects(self, entries: list[dict]) -> None:
        """A training on no ground truth at all runs to its end and learns nothing."""
        if self.test_mode or any(self.num_ins_per_cat) or not any(
                'instances' in entry for entry in entries):
            return
        of_classes = sum(self.label_mapping.get(item['bbox_label_3d'], -1) >= 0
                         for entry in entries for item in entry.get('instances', ()))
        classes = ', '.join(self.metainfo['classes'])
        if of_classes:
            raise DataError(f'none of the {of_classes} objects of {classes} in {self.ann_file} is '
                            f'ground truth: they have no point (objects={self._objects!r} of the '
                            f"data set); objects='all' takes them all")
        print_log(f'{self.ann_file} has no object of {classes}: there is nothing to learn',
                  logger='current', level=30)

    def _check_history(self, entries: list[dict]) -> None:
        if self.frame_choice.num_frames > 1 and any('scene_token' not in item for item in entries):
            raise ConfigError(f'{self.ann_file} does not say which samples follow each other, so '
                              f'there are no earlier frames (num_frames > 1); make it with '
                              f'"sparse3d create-data nuscenes {self.data_root}"')

    def _look_for_files(self, data_list: list[dict]) -> None:
        paths: list[Path] = []
        if self.modality['use_lidar']:
            paths += [Path(entry['lidar_path']) for entry in data_list]
            paths += [Path(sweep['lidar_points']['lidar_path']) for entry in data_list
                      for sweep in entry['lidar_sweeps']]
        if self.modality['use_camera']:
            paths += self.history.paths()
        present = {folder: set(os.listdir(folder)) if folder.is_dir() else set()
                   for folder in {path.parent for path in paths}}  # one look at each folder
        missing = [path for path in paths if path.name not in present[path.parent]]
        if missing:
            more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
            raise DataError(f'{missing[0]}{more} named in {self.ann_file} does not exist; restore '
                            f'it, or run "sparse3d create-data nuscenes {self.data_root} '
                            f'--skip-damaged"')
