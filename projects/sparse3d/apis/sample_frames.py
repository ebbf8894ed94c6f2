"""Samples of a dataset and predictions of a model as frames that can be drawn."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmdet3d.registry import DATASETS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401  (repairs the stack, registers)
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.errors import ConfigError, DataError
from sparse3d.remote_files import remote_exists
from sparse3d.remote_paths import is_remote
from sparse3d.structures.frame_names import frame_name
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.transforms.image_files import read_stored_image
from sparse3d.transforms.point_files import load_points
from sparse3d.visualization.frame import Boxes, Frame, Picture


def build_dataset(config: Config, split: str) -> BaseDataset:
    """The dataset of a config's ``'train'``, ``'val'`` or ``'test'`` data loader.

    Raises:
        ConfigError: if the config has no such data loader.
    """
    return _built(config, _data_of(config, split))


def build_unmoved_dataset(config: Config, split: str) -> BaseDataset:
    """The frames of a split as they were recorded, each once: what results of others lie in.

    Training turns, shifts and repeats frames, and adds objects to them; here it has the pipeline
    of the tests.

    Raises:
        ConfigError: if the config has no such data loader, or its training set is several.
    """
    if split != 'train':
        return build_dataset(config, split)
    data = _data_of(config, split)
    while isinstance(data.get('dataset'), dict):  # what repeats and balances another one
        data = data['dataset']
    if 'datasets' in data:
        raise ConfigError(f'the training set of the config joins {len(data["datasets"])} data '
                          f'sets, and results are of one: take --split val or test')
    tested = _data_of(config, 'test' if config.get('test_dataloader') else 'val')
    plain = dict(data, pipeline=tested['pipeline'], test_mode=True)
    return _built(config, Config(dict(dataset=plain)).dataset)


def _data_of(config: Config, split: str) -> dict:
    loader = config.get(f'{split}_dataloader')
    if loader is None:
        raise ConfigError(f'the config has no {split}_dataloader to draw from')
    return loader.dataset


def _built(config: Config, data: dict) -> BaseDataset:
    init_default_scope(config.get('default_scope', 'mmdet3d'))
    with clear_registry_errors():
        dataset = DATASETS.build(data)
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    return dataset


def choose_frames(frames: int | list[int], available: int) -> list[int]:
    """Numbers of frames: so many spread evenly over those available, or the ones named.

    Raises:
        ConfigError: if a frame named does not exist.
    """
    if isinstance(frames, int):
        count = min(max(frames, 0), available)
        return np.unique(np.linspace(0, available - 1, count).round().astype(int)).tolist()
    outside = [index for index in frames if not 0 <= index < available]
    if outside:
        raise ConfigError(f'frame {outside[0]} does not exist: the split has '
                          f'frames 0 to {available - 1}')
    return list(frames)


def frame_of_sample(
        dataset: BaseDataset,
        index: int,
        sample: dict[str, Any],
        prediction: Det3DDataSample | None = None,
        score_threshold: float = 0.0,
        detections: Boxes | None = None,
) -> Frame:
    """Gather what there is to see in one sample, turned so that x points forward.

    A sample without points (a camera model's) is shown with the points of its LiDAR file,
    where there is one. Images are the originals; if the scene was augmented, points and
    boxes are where the augmentation put them, and the images' matrices follow.

    Args:
        dataset: gives names of classes, ground truth and camera images.
        index: of the sample in the dataset.
        sample: ``dataset[index]``.
        prediction: with ``pred_instances_3d``, or None.
        score_threshold: detections below are left out.
        detections: in place of a prediction, in the LiDAR frame of the file.
    """
    info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
    found = prediction.get('pred_instances_3d') if prediction is not None else None
    if found is not None:
        detections = _detections(found)
    frame = Frame(
        name=_name(info, index, sample['data_samples'].metainfo),
        points=_points(sample['inputs'], info),
        class_names=tuple(dataset.metainfo.get('classes', ())),
        ground_truth=_ground_truth(sample['data_samples'], info),
        detections=None if detections is None else detections.above(score_threshold),
        pictures=_pictures(info, sample['data_samples'].metainfo.get('lidar_aug_matrix')),
        seconds=_seconds(info.get('timestamp')))
    forward = dataset.metainfo.get('forward_axis', 'x')
    return frame if forward == 'x' else frame.turned(-np.pi / 2)


def _points(inputs: dict, info: dict) -> np.ndarray:
    if 'points' in inputs:
        return _array(inputs['points'])
    path = info.get('lidar_path')
    if not path or not _is_there(path):
        return np.zeros((0, 4), dtype=np.float32)
    return load_points(path, info.get('num_pts_feats', 4))


def _name(info: dict, index: int, meta: dict) -> str:
    """The name of the frame, as the user knows it, else the place in the split.

    ``sample_idx`` will not do: mmengine overwrites it with the place in the split. Clouds of
    two kinds of one frame (``SetEvaluationVariant`` of VoxelKP) are told apart.
    """
    name = frame_name(info) or f'{index:06d}'
    return f'{name}_{meta["evaluation_variant"]}' if 'evaluation_variant' in meta else name


def _seconds(timestamp: Any) -> float | None:
    """Seconds of a time stamp, which some data sets give in microseconds."""
    if not isinstance(timestamp, int | float | np.number):
        return None
    return float(timestamp) / (1e6 if timestamp > 1e11 else 1)


def _ground_truth(sample: Det3DDataSample, info: dict) -> Boxes | None:
    truth = sample.get('gt_instances_3d')
    if truth is not None and 'bboxes_3d' in truth:
        return Boxes(_lidar_boxes(truth.bboxes_3d), _array(truth.labels_3d),
                     **_joints(truth.get('keypoints_3d')))
    truth = info.get('ann_info') or info.get('eval_ann_info')
    if not truth or 'gt_bboxes_3d' not in truth:
        return None
    labels = _array(truth['gt_labels_3d'])
    wanted = labels >= 0  # objects of classes that the model does not know
    joints = {key: values[wanted] for key, values in
              _joints(truth.get('gt_keypoints_3d')).items()}
    return Boxes(_lidar_boxes(truth['gt_bboxes_3d'])[wanted], labels[wanted], **joints)


def _detections(instances: Any) -> Boxes:
    return Boxes(
        _lidar_boxes(instances.bboxes_3d),
        _array(instances.labels_3d),
        _array(instances.scores_3d),
        **_joints(instances.get('keypoints_3d')),
    )


def _joints(keypoints: Keypoints3D | None) -> dict[str, np.ndarray]:
    """Joints of people as fields of :class:`Boxes`; none where nobody's are labeled."""
    if not isinstance(keypoints, Keypoints3D):
        return {}
    visibility = _array(keypoints.visibility)
    if len(visibility) and not (visibility > 0).any():
        return {}
    return dict(joints=_array(keypoints.points), visibility=visibility)


def _lidar_boxes(boxes: Any) -> np.ndarray:
    """Numbers of mmdet3d boxes, which must be in the LiDAR frame."""
    if not isinstance(boxes, LiDARInstance3DBoxes):
        raise DataError(f'boxes of type {type(boxes).__name__} cannot be drawn; '
                        f'set box_type_3d="LiDAR" in the dataset of the config')
    return _array(boxes.tensor)


def _is_there(path: str) -> bool:
    return remote_exists(path) if is_remote(path) else Path(path).is_file()


def _pictures(info: dict, augmentation: np.ndarray | None = None) -> tuple[Picture, ...]:
    """Camera images named in the sample's description, as far as the files exist.

    Args:
        augmentation: (4, 4) original to augmented points.
    """
    back = np.eye(4) if augmentation is None else np.linalg.inv(augmentation)
    cameras = {'camera': info} if 'img_path' in info else info.get('images', {})
    pictures = []
    for name, camera in cameras.items():
        if not isinstance(camera, dict) or not _is_there(camera.get('img_path') or ''):
            continue
        matrix = _lidar2img(camera)
        if matrix is not None:
            pictures.append(Picture(name, read_stored_image(camera['img_path']), matrix @ back))
    return tuple(pictures)


def _lidar2img(camera: dict) -> np.ndarray | None:
    if camera.get('lidar2img') is not None:
        return _four_by_four(camera['lidar2img'])
    if camera.get('cam2img') is None or camera.get('lidar2cam') is None:
        return None
    return _four_by_four(camera['cam2img']) @ _four_by_four(camera['lidar2cam'])


def _four_by_four(matrix: Any) -> np.ndarray:
    matrix = np.asarray(matrix, dtype=np.float64)
    square = np.eye(4)
    square[:matrix.shape[0], :matrix.shape[1]] = matrix
    return square


def _array(values: Any) -> np.ndarray:
    values = values.tensor if hasattr(values, 'tensor') else values
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
