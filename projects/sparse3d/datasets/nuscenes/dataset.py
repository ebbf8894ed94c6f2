"""nuScenes for 3D detection: LiDAR sweeps, cameras over several frames, or both."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.datasets import NuScenesDataset
from mmdet3d.registry import DATASETS

from sparse3d.datasets.detection_dataset import DetectionDataset
from sparse3d.datasets.nuscenes.objects import OBJECTS, object_arrays
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_frames import FrameChoice
from sparse3d.transforms.camera_history import CameraHistory, lidar2global
from sparse3d.transforms.data_paths import path_inside, posix_path

_COPIED = ('sample_idx', 'token', 'timestamp', 'scene_token', 'scene_name', 'frame_idx', 'prev',
           'next')


@DATASETS.register_module()
class NuScenesDetectionDataset(DetectionDataset):
    """Samples of :func:`sparse3d.datasets.nuscenes.prepare.prepare_nuscenes`, or of mmdet3d's own
    preparation.

    What a pipeline finds in a sample (frames of reference as in ``DESIGN``: LiDAR of now):

    - ``lidar_points`` (``lidar_path``, ``lidar2ego``), ``lidar_sweeps`` (newest first: path,
      ``lidar2sensor``, ``timestamp``): read by ``LoadSweepPoints``.
    - ``images``: key frame by camera: ``img_path``, ``lidar2cam``, ``cam2img``, ``lidar2img``.
    - ``image_frames``, with ``use_camera``: T frames, now first, each a dict from camera to
      :class:`~sparse3d.transforms.camera_history.CameraImage`: read by ``LoadMultiViewImages``.
      A camera without a picture is absent from the dict.
    - ``frame_timestamps``, ``frame_lidar2global``, ``frame_there``, where only key frames are
      chosen: see :meth:`~sparse3d.transforms.camera_history.CameraHistory.key_frames`.
    - ``timestamp`` [s], ``ego2global``, ``lidar2global`` (4, 4) float64, ``token``,
      ``scene_token``, ``frame_idx`` (place in the scene), ``epoch``.
    - ``ann_info`` in training, ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (9 numbers,
      bottom center; vx, vy in m/s), ``gt_labels_3d``, ``num_lidar_pts``, ``attr_labels``,
      ``instance_tokens``.

    Samples without cameras or sweeps are samples like others; the choice of frames depends on
    seed, epoch and index alone, as augmentation does.

    Args:
        frames: options of :class:`~sparse3d.transforms.camera_frames.FrameChoice`.
        objects: ground truth is ``'lidar'``: what has a LiDAR point; ``'lidar_or_radar'``: a
            point of either (mmdet3d's ``use_valid_flag``); ``'all'``.
        unknown_velocities: nuScenes does not know every velocity. ``'zero'`` stands for them
            as in mmdet3d; ``'nan'`` keeps them apart through every augmentation, for
            ``MarkUnknownVelocities`` at the end of the pipeline.
        options: those of :class:`~sparse3d.datasets.detection_dataset.DetectionDataset`, which
            names errors as well.

    Raises:
        ConfigError: for an unknown option.
    """

    info_kind, title, entry_name = 'nuscenes', 'nuScenes', 'nuScenes sample'
    remake = 'sparse3d create-data nuscenes {data_root} --skip-damaged'
    METAINFO = dict(NuScenesDataset.METAINFO, forward_axis='y', ground_height=-1.84)

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 modality: Mapping | None = None, frames: Mapping | None = None,
                 objects: str = 'lidar', unknown_velocities: str = 'zero', **options) -> None:
        if objects not in OBJECTS or unknown_velocities not in ('zero', 'nan'):
            raise ConfigError(f'objects is one of {", ".join(OBJECTS)} and unknown_velocities '
                              f'"zero" or "nan", not {objects!r} and {unknown_velocities!r}')
        self.frame_choice = FrameChoice(**(frames or {}))
        self._objects, self._unknown_velocities = objects, unknown_velocities
        options.setdefault('data_prefix', dict(pts='', img=''))
        super().__init__(data_root, ann_file, metainfo, modality, **options)

    def complete(self, sample: dict) -> None:
        """Choose the frames of the cameras."""
        if self.modality['use_camera']:
            chosen = self.frame_choice.choose(self.history.timeline, sample['row'],
                                              not self.test_mode)
            sample['image_frames'] = [self.history.load(camera_set, sample['row'])
                                      for camera_set in chosen]
            if self.frame_choice.key_frames:
                sample.update(self.history.key_frames(chosen))

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline, without ``image_frames``."""
        sample = super().get_data_info(index)
        sample['images'] = {
            camera: dict(img_path=image.path, lidar2cam=image.lidar2cam, cam2img=image.cam2img,
                         lidar2img=image.lidar2img, timestamp=image.timestamp)
            for camera, image in self.history.load((sample['row'], 0), sample['row']).items()}
        return sample

    @property
    def scenes(self) -> np.ndarray:
        """(R,) scene of each sample as a number; the samples of one follow each other."""
        scenes = self.history.timeline.scenes
        if len(self) == len(scenes):
            return scenes
        return scenes[[super(NuScenesDetectionDataset, self).get_data_info(index)['row']
                       for index in range(len(self))]]  # a part of the samples (indices)

    def get_cat_ids(self, index: int) -> set[int]:
        """Classes in a sample, for class-balanced sampling."""
        sample = super().get_data_info(index)
        annotations = sample.get('ann_info') or sample.get('eval_ann_info') or {}
        return {int(label) for label in annotations.get('gt_labels_3d', ())}

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """All of them; a model of several frames needs to know which follow each other."""
        if self.frame_choice.num_frames > 1 and any('scene_token' not in item for item in entries):
            raise ConfigError(f'{self.ann_file} does not say which samples follow each other, so '
                              f'there are no earlier frames (num_frames > 1); make it with '
                              f'"sparse3d create-data nuscenes {self.data_root}"')
        return entries

    def check_cameras(self, entries: list[dict]) -> None:
        """The history of the cameras does, sweeps included."""

    def content_of(self, entries: list[dict]) -> dict[str, Iterable]:
        """Cameras that have a picture."""
        return dict(cameras=(camera for entry in entries
                             for camera, image in entry.get('images', {}).items()
                             if image.get('img_path')))

    def finish(self, entries: list[dict]) -> None:
        """Refuse a training without ground truth; keep what is known of the pictures."""
        self._refuse_no_objects(entries)
        self.history = CameraHistory(entries, Path(self.data_root),
                                     with_sweeps=self.frame_choice.num_frames > 1
                                     and not self.frame_choice.key_frames)

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Point clouds and sweeps, and pictures of all frames."""
        paths = super().paths_of(data_list)
        if self.modality['use_lidar']:
            paths += [Path(sweep['lidar_points']['lidar_path']) for entry in data_list
                      for sweep in entry['lidar_sweeps']]
        if self.modality['use_camera']:
            paths += self.history.paths()
        return paths

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = {key: info[key] for key in _COPIED if key in info}
        path = self._path('samples/LIDAR_TOP', posix_path(info['lidar_points']['lidar_path']).name)
        lidar2ego = np.array(info['lidar_points']['lidar2ego'], dtype=np.float64)
        sample.update(
            ego2global=np.array(info['ego2global'], dtype=np.float64),
            lidar2global=lidar2global(info), lidar_path=path, num_pts_feats=5,
            lidar_points=dict(lidar_path=path, lidar2ego=lidar2ego, num_pts_feats=5),
            lidar_sweeps=[self._sweep(sweep) for sweep in info.get('lidar_sweeps', ())])
        if 'instances' in info and (not self.test_mode or self.load_eval_anns):
            arrays = object_arrays(info['instances'], self.label_mapping, self._objects,
                                   self._unknown_velocities)
            sample.update(self.annotations(arrays))
        return sample

    def _sweep(self, sweep: Mapping) -> dict[str, Any]:
        path = posix_path(sweep['lidar_points']['lidar_path'])
        folder = 'samples' if 'samples' in path.parts else 'sweeps'
        return dict(timestamp=sweep['timestamp'], lidar_points=dict(
            lidar_path=self._path(f'{folder}/LIDAR_TOP', path.name),
            lidar2sensor=np.array(sweep['lidar_points']['lidar2sensor'], dtype=np.float64)))

    def _path(self, folder: str, name: str) -> str:
        return str(path_inside(Path(self.data_root) / folder, name))

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
