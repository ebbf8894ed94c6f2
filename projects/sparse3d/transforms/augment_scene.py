"""Transform that turns, mirrors, stretches and moves a sample as a whole."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError
from sparse3d.structures.scene_motion import KINDS, SceneMotion

_PROJECTIONS = ('lidar2img', 'lidar2cam')  # (4, 4) or (N, 4, 4), from the LiDAR frame


@TRANSFORMS.register_module()
class AugmentScene(BaseTransform):
    """Move points, boxes with velocities, keypoints and the cameras' matrices alike.

    What the sample lacks is passed over; images are not touched, ``lidar2img`` still finds
    every point's pixel. Adds, for undoing:

    - ``lidar_aug_matrix``: (4, 4) float64, original to augmented points; its inverse undoes.
    - ``scene_motion``: the :class:`SceneMotion`, whose ``inverse`` moves boxes back.
    - mmdet3d's ``transformation_3d_flow``, ``pcd_rotation``, ``pcd_scale_factor``, ... as
      ``apply_3d_transformation`` of mmdet3d reads them.

    A transform of this kind must be the only one of its sample, or mmdet3d's keys would say
    less than what happened.

    Args:
        rotation: smallest and largest angle in radians, counter-clockwise.
        scale: smallest and largest factor.
        translation_std: standard deviation of the displacement along x, y, z in meters.
        flip_horizontal: probability of mirroring y.
        flip_vertical: probability of mirroring x.
        order: of the steps. Published: flip, rotate, scale, translate (Focals Conv);
            rotate, scale, translate, flip (SparseFusion).
        stop_epoch: from this epoch on (counted from 0) nothing moves any more; None never
            stops. ``DisableAugmentationHook(scene=True)`` sets it.

    Raises:
        ConfigError: if ``order`` is not the four steps, or a range is upside down.
    """

    def __init__(
            self,
            rotation: tuple[float, float] = (0.0, 0.0),
            scale: tuple[float, float] = (1.0, 1.0),
            translation_std: Sequence[float] = (0.0, 0.0, 0.0),
            flip_horizontal: float = 0.0,
            flip_vertical: float = 0.0,
            order: Sequence[str] = KINDS,
            stop_epoch: int | None = None,
    ) -> None:
        if sorted(order) != sorted(KINDS):
            raise ConfigError(f'order has to name each of {", ".join(KINDS)} once, '
                              f'not {list(order)}')
        for name, limits in (('rotation', rotation), ('scale', scale)):
            if limits[0] > limits[1]:
                raise ConfigError(f'{name} goes from {limits[0]} to {limits[1]}: '
                                  f'give the smaller number first')
        if not scale[0] > 0:
            raise ConfigError(f'scale has to be positive, not {scale[0]}')
        self.rotation, self.scale, self.translation_std = rotation, scale, translation_std
        self.flips = dict(horizontal=flip_horizontal, vertical=flip_vertical)
        self.order, self.stop_epoch = tuple(order), stop_epoch

    def transform(self, results: dict) -> dict:
        """Move one sample by a random motion."""
        if 'scene_motion' in results:
            raise ConfigError('the pipeline has two AugmentScene: merge them into one')
        stopped = self.stop_epoch is not None and results.get('epoch', 0) >= self.stop_epoch
        return move_sample(results, SceneMotion(()) if stopped else self.draw())

    def draw(self) -> SceneMotion:
        """A random motion; the same random numbers are drawn whatever the options."""
        angle, factor = np.random.uniform(*self.rotation), np.random.uniform(*self.scale)
        offset = np.random.normal(size=3) * self.translation_std
        chances = np.random.rand(2)
        flipped = [name for (name, probability), chance in zip(self.flips.items(), chances,
                                                               strict=True)
                   if chance < probability]
        drawn = dict(
            flip=[('flip', name) for name in flipped], rotate=[('rotate', float(angle))],
            scale=[('scale', float(factor))], translate=[('translate', tuple(offset.tolist()))])
        return SceneMotion(tuple(step for kind in self.order for step in drawn[kind]))


def move_sample(results: dict, motion: SceneMotion) -> dict:
    """Move everything in a sample that lies in the LiDAR frame, and record the motion."""
    if 'points' in results:
        results['points'] = motion.move_points(results['points'])
    if 'gt_bboxes_3d' in results:
        results['gt_bboxes_3d'] = motion.move_boxes(results['gt_bboxes_3d'])
    if 'gt_keypoints_3d' in results:
        results['gt_keypoints_3d'] = motion.move_keypoints(results['gt_keypoints_3d'])
    back = np.linalg.inv(motion.matrix)
    for key in _PROJECTIONS:
        if key in results:
            matrices = np.asarray(results[key])
            results[key] = (matrices.astype(np.float64) @ back).astype(matrices.dtype)
    if results.get('plane') is not None:  # a x + b y + c z + d = 0, a row
        results['plane'] = np.asarray(results['plane'], dtype=np.float64) @ back
    results['lidar_aug_matrix'] = motion.matrix @ results.get('lidar_aug_matrix', np.eye(4))
    results['scene_motion'] = motion
    results.update(_as_mmdet3d_records(motion))
    return results


def _as_mmdet3d_records(motion: SceneMotion) -> dict:
    codes = dict(rotate='R', scale='S', translate='T')
    values = {kind: value for kind, value in motion.steps if kind != 'flip'}
    flips = {value for kind, value in motion.steps if kind == 'flip'}
    angle = values.get('rotate', 0.0)
    return dict(
        transformation_3d_flow=[
            {'horizontal': 'HF', 'vertical': 'VF'}[value] if kind == 'flip' else codes[kind]
            for kind, value in motion.steps],
        pcd_rotation=SceneMotion((('rotate', angle),)).matrix[:3, :3].T.astype(np.float32),
        pcd_rotation_angle=angle,
        pcd_scale_factor=values.get('scale', 1.0),
        pcd_trans=np.asarray(values.get('translate', (0.0, 0.0, 0.0)), dtype=np.float32),
        pcd_horizontal_flip='horizontal' in flips, pcd_vertical_flip='vertical' in flips)
