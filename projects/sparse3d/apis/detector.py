"""A detector that takes arrays and gives arrays."""
from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.apis.array_samples import ArraySamples, Image
from sparse3d.apis.cloud_warnings import CloudWarnings
from sparse3d.apis.ground_shift import checked_height, finds_ground, ground_shift
from sparse3d.apis.tracked_stream import TrackedStream, TrackedVideo, chosen_tracker
from sparse3d.checkpoints.open import SUFFIXES
from sparse3d.checkpoints.shipped import threshold_in
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.dense_parts import arithmetic_type, compile_dense_parts
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.process_lock import ProcessLock
from sparse3d.plugins import load, plugin_of
from sparse3d.structures.detections import Detections
from sparse3d.structures.plausible_detections import refuse_unknown_options
from sparse3d.structures.point_statistics import PointStatistics
from sparse3d.tracking.tracker import Tracker

Cloud = np.ndarray | str | PathLike


def load_detector(
        config: str | PathLike | Config,
        checkpoint: str | PathLike | None = None,
        device: str | torch.device | None = None,
        cfg_options: Mapping[str, Any] | None = None,
        intensity_scale: float = 1.0,
        sensor_height: float | None = None,
        compile: bool = False,
        dtype: str | torch.dtype | None = None,
) -> Detector:
    """Load a detector, ready for arrays.

    Args:
        config: path of a config file, its bare name (``'centerpoint_kitti_car'``), or a Config;
            or a checkpoint alone (``'epoch_6.pth'``), for the config that it holds or names; or
            a repository of a hub (``'hf://organization/name'``, :mod:`sparse3d.checkpoints.hub`);
            or ``'anywhere'``, the weights that come with Sparse3D
            (:mod:`sparse3d.checkpoints.shipped`).
        checkpoint: its weights, ours or converted; None leaves them as initialized.
        device: default: the GPU if there is one.
        cfg_options: dotted keys and values that override the config.
        intensity_scale: what the intensities of your clouds are multiplied with to be in the
            units of the training (1 / 255 for 0..255 where the training had 0..1).
        sensor_height: of your LiDAR above the ground in meters, if it is not that of the training:
            z is shifted so that the ground lies where the model learned it, and results come
            back in your frame. A model that finds the ground by itself (``'anywhere'``) takes it
            for what it would find.
        compile: let ``torch.compile`` have backbones and necks of images and BEV maps, channels
            last. Scores and boxes change by rounding alone. The first call takes a minute longer,
            and so does the first with another image size.
        dtype: ``'bfloat16'`` or, on a GPU, ``'float16'``: the model runs under autocast. Scores
            change by up to some hundredths. Default: ``'float32'``.

    Raises:
        ConfigError: if the config cannot be read, has no model or test pipeline, a height is
            given and nothing says where the ground lay in training, ``compile`` has nothing to
            compile, or for another ``dtype``.
        CheckpointError: if the checkpoint is not one of this model.
    """
    if checkpoint is None and not isinstance(config, Config) \
            and str(config).lower().endswith(SUFFIXES):
        config, checkpoint = None, config
    config, opened = open_with_config(config, checkpoint, cfg_options)
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if not isinstance(compile, bool):
        raise ConfigError(f'compile is {compile!r}; use True or False')
    computed_in = arithmetic_type(dtype, device)
    model = build_model(config, opened, device)  # first: it compares data and model
    if compile:
        compile_dense_parts(model, device)
    init_default_scope(config.get('default_scope', 'mmdet3d'))
    training = None if opened is None else PointStatistics.from_meta(opened.meta)
    samples = ArraySamples(config, intensity_scale, 0.0 if _tells_ground(model, sensor_height)
                           else ground_shift(config, training, sensor_height))
    return Detector(model, samples, _class_names(config), training, computed_in,
                    None if opened is None else threshold_in(opened.meta))


class Detector:
    """Arrays or files in, :class:`~sparse3d.structures.detections.Detections` out.

    May be called from several threads: calls wait for each other. A process that was forked
    may go on using it on the CPU, with one torch thread.

    Attributes:
        model: the mmdet3d model in evaluation mode.
        class_names: of the labels.
        samples: what the model takes; ``samples.columns`` numbers a point,
            ``samples.views`` images.
        computed_in: the half type of autocast, or None for float32.
        score_threshold: what the weights recommend, or None.
    """

    def __init__(self, model: BaseModel, samples: ArraySamples,
                 class_names: Sequence[str], training: PointStatistics | None = None,
                 computed_in: torch.dtype | None = None,
                 score_threshold: float | None = None) -> None:
        self.model, self.samples, self.class_names = model, samples, tuple(class_names)
        self.computed_in, self.score_threshold = computed_in, score_threshold
        self._lock = ProcessLock()
        self._warnings = CloudWarnings(model, training)
        _detectors.add(self)

    @overload
    def __call__(self, points: Cloud | None = None,  # type: ignore[overload-overlap]
                 images: Sequence[Image] | Mapping[str, Image] | None = None,
                 calibration: Mapping[str, Any] | None = None,
                 score_threshold: float = 0.0) -> Detections: ...

    @overload
    def __call__(self, points: Sequence[Cloud], images: None = None, calibration: None = None,
                 score_threshold: float = 0.0) -> list[Detections]: ...

    def __call__(
            self,
            points: Cloud | Sequence[Cloud] | None = None,
            images: Sequence[Image] | Mapping[str, Image] | None = None,
            calibration: Mapping[str, Any] | None = None,
            score_threshold: float = 0.0,
    ) -> Detections | list[Detections]:
        """Detect in one frame, or with a list of clouds in each of them.

        The first call takes longer: operators are chosen and memory is laid out (on the
        CPU about twice the time of a later call, on a GPU some seconds).

        Args:
            points: (N, C) float32 array or tensor, or a file (``.bin``, ``.npy``, ``.pcd``,
                ``.ply``): x, y, z in meters, LiDAR frame, then what the model wants more
                (``samples.columns`` in all; the age of a point may be left out). Points
                that are not finite are left out. A list gives a list of detections.
            images: RGB arrays (H, W, 3) uint8 or files, in the order of the model's cameras
                or by camera name; several frames newest first. None for a camera that
                delivered nothing.
            calibration: ``lidar2img`` (V, 4, 4), or ``cam2img`` (V, 3|4, 3|4) and
                ``lidar2cam`` (V, 4, 4); optionally ``timestamps`` (V,) in seconds.
            score_threshold: detections below are left out.

        A cloud of which no point lies in the model's range, one with more voxels than the
        model takes, and one that does not look like those of the training are said once.

        Raises:
            DataError: for inputs that the model does not take or lacks.
        """
        if isinstance(points, list | tuple) and not _is_one_cloud(points):
            if images is not None:
                raise DataError('a list of clouds goes without images; call once for each frame')
            return [self(cloud, score_threshold=score_threshold) for cloud in points]
        name = Path(points).stem if isinstance(points, str | PathLike) else 'frame'
        one = cast('Cloud | None', points)
        cloud = self.samples.read_points(one)
        if cloud is not None:
            self._warnings.look(cloud, name)
        given = cast('np.ndarray | None', one) if cloud is None else cloud
        sample = self.samples.make(given, images, calibration)
        self._warnings.compare(sample['inputs'].get('points'), name)
        with self._lock, torch.no_grad(), self._autocast():
            predicted = self.model.test_step(pseudo_collate([sample]))[0]
        found = detections_of(predicted.pred_instances_3d, self.class_names, cloud, name)
        return found.filter(score_threshold).raised(-self.samples.ground_shift)

    def _autocast(self) -> AbstractContextManager:
        if self.computed_in is None:
            return nullcontext()  # an autocast of the caller stays
        return torch.autocast(next(self.model.parameters()).device.type, self.computed_in)

    def stream(self, tracker: str | Tracker | None = None,
               tracker_options: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """A stream that keeps what a temporal model remembers, one frame in at a time.

        Args:
            tracker: its name, ``'two_stage'`` for instance, or one of your own: the stream gives
                :class:`~sparse3d.structures.tracks.Tracks`; then any model has one, see
                :mod:`sparse3d.apis.tracked_stream`.
            tracker_options: of a tracker by name.
            options: of the model's own stream.

        Raises:
            ConfigError: if the model looks at single frames and there is no tracker, or the tracker
                or its option is unknown.
            DataError: for an option that its stream does not have.
        """
        owner = plugin_of(self.model)
        if tracker is not None:
            follower = chosen_tracker(tracker, tracker_options)
            if owner is None or owner.stream is None:
                if options:
                    raise DataError(f'a stream of single frames has no option {min(options)!r}')
                return TrackedStream(self, follower)
            return TrackedVideo(
                self.stream(**options), follower,
                lambda instances, name: detections_of(instances, self.class_names, name=name))
        if owner is None or owner.stream is None:
            raise ConfigError(f'{type(self.model).__name__} looks at single frames; '
                              f'call the detector itself')
        if self.samples.ground_shift:
            raise ConfigError('a stream takes frames as they are; call the detector itself for '
                              'another sensor_height')
        if self.computed_in is not None:
            raise ConfigError("a stream computes in the model's own type; load the detector "
                              'without dtype')
        opener = load(owner.stream)
        refuse_unknown_options(opener, 1, options, 'a stream')
        return opener(self.model, **options)


_detectors: weakref.WeakSet[Detector] = weakref.WeakSet()


def _after_fork() -> None:
    """In a forked child: no threads that did not come along."""
    if _detectors:
        torch.set_num_threads(1)


os.register_at_fork(after_in_child=_after_fork)


def detections_of(instances: Any, class_names: Sequence[str], points: np.ndarray | None = None,
                  name: str = 'frame') -> Detections:
    """``pred_instances_3d`` of a model as plain arrays, the best first."""
    boxes, scores, labels = (_array(value) for value in
                             (instances.bboxes_3d.tensor, instances.scores_3d, instances.labels_3d))
    joints = instances.get('keypoints_3d')
    points3d, visibility = joints, None
    if joints is not None and hasattr(joints, 'points'):
        points3d, visibility = _array(joints.points), _array(joints.visibility)
    ids = instances.get('track_ids')
    order = np.argsort(-scores, kind='stable')
    return Detections(boxes, scores, labels.astype(np.int64), tuple(class_names),
                      None if points3d is None else _array(points3d), visibility, points,
                      name, None if ids is None else _array(ids))[order]


def _is_one_cloud(points: Sequence) -> bool:
    """Whether a list is the rows of one cloud rather than a list of clouds."""
    return len(points) > 0 and np.ndim(points[0]) == 1 and not isinstance(points[0], str)


def _array(values: Any) -> np.ndarray:
    if not hasattr(values, 'detach'):
        return np.asarray(values)
    values = values.detach().cpu()
    # Under autocast results come in half types; NumPy has no bfloat16.
    return (values.float() if values.is_floating_point() and values.itemsize < 4
            else values).numpy()


def _tells_ground(model: BaseModel, sensor_height: float | None) -> bool:
    """Tell a model that finds the ground by itself how high the sensor is; False for others."""
    if not finds_ground(model):
        return False
    preprocessor: Any = model.data_preprocessor
    preprocessor.sensor_height = None if sensor_height is None else checked_height(sensor_height)
    return True


def _class_names(config: Config) -> Sequence[str]:
    dataset = (config.get('test_dataloader') or config.get('val_dataloader'))['dataset']
    while 'metainfo' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    names = (dataset.get('metainfo') or {}).get('classes') or config.get('class_names')
    if not names:
        raise ConfigError(f'{config.filename or "the config"} does not name its classes '
                          f'(metainfo.classes of the test dataset)')
    return names
