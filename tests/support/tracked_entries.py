"""Entries of info files with a car that drives ahead of a moving vehicle, for each data set."""
from __future__ import annotations

import numpy as np

CAR = [10.0, 2.0, -1.5, 4.0, 1.8, 1.6, 0.0]
CAMERA = dict(lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]],
              cam2img=[[700, 0, 600, 0], [0, 700, 180, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]],
              height=375, width=1242)


def pose(step: int) -> np.ndarray:
    """The vehicle drives 1 m a frame along x."""
    made = np.eye(4)
    made[0, 3] = step
    return made


def entries(data_set: str, frames: int = 4) -> list[dict]:
    """Of one drive; the car stays where it is in the LiDAR frame."""
    return [dict(_PARTS[data_set](step),
                 instances=[_INSTANCES[data_set](step)]) for step in range(frames)]


def _waymo(step: int) -> dict:
    return dict(sample_idx=step, timestamp=1_000_000 + 100_000 * step, context_name='segment',
                ego2global=pose(step).tolist(), lidar_points=dict(lidar_path=f'{step:07d}.bin'))


def _argoverse2(step: int) -> dict:
    time = 315_966_265_259_836_000 + 100_000_000 * step
    return dict(token=f'log_{time}', log_id='log', timestamp_ns=time, timestamp=time * 1e-9,
                ego2global=pose(step).tolist(),
                lidar_points=dict(lidar_path=f'sensor/val/log/{time}.feather'))


def _custom(step: int) -> dict:
    return dict(sample_idx=f'frame{step}', timestamp=0.1 * step, scene_token='drive',
                lidar2global=pose(step).tolist(), images={},
                lidar_points=dict(lidar_path=f'points/frame{step}.bin', num_pts_feats=4))


def _kitti(step: int) -> dict:
    return dict(sample_idx=f'0003_{step:06d}', frame_name=f'0003_{step:06d}', sequence='0003',
                frame=step, timestamp=0.1 * step, lidar2global=pose(step).tolist(),
                images=dict(CAM2=CAMERA), lidar_points=dict(lidar_path=f'0003/{step:06d}.bin'))


def _nuscenes(step: int) -> dict:
    return dict(token=f'sample{step}', timestamp=100.0 + 0.5 * step, scene_token='scene',
                ego2global=pose(step).tolist(),
                lidar_points=dict(lidar_path=f's{step}.bin', lidar2ego=np.eye(4).tolist()))


_PARTS = dict(waymo=_waymo, argoverse2=_argoverse2, custom=_custom, kitti=_kitti,
              nuscenes=_nuscenes)
_CENTER = [*CAR[:2], CAR[2] + CAR[5] / 2, *CAR[3:]]
_INSTANCES = dict(
    waymo=lambda step: dict(bbox_3d=CAR, bbox_label_3d=0, track_id='a-car'),
    argoverse2=lambda step: dict(bbox_3d=CAR, bbox_label_3d=15, track_id='uuid'),
    custom=lambda step: dict(bbox_3d=CAR, name='forklift', bbox_label_3d=0, track_id='7'),
    kitti=lambda step: dict(bbox_3d=[-2.0, 1.5, 10.0, 4.0, 1.6, 1.8, -np.pi / 2], track_id=5,
                            bbox_label_3d=2),
    nuscenes=lambda step: dict(bbox_3d=_CENTER, bbox_label_3d=0, instance_token='tok'))
NAMES = dict(waymo='Car', argoverse2='REGULAR_VEHICLE', custom='forklift', kitti='Car',
             nuscenes='car')
