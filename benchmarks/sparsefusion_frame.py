"""A drawn frame of the published sizes: what the benchmark runs on, without any data set."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.structures.camera_rig import CameraRig

IMAGE_SIZE = (448, 800)
POINTS = 200_000  # ten sweeps within the range
FOCAL = 633.0     # pixels at this size


@dataclass
class DrawnFrame:
    """Points all round, denser nearby, on random ground; six cameras; one car."""

    points: Tensor        # [N, 5]  x, y, z in meters, intensity, age in seconds
    images: Tensor        # [6, 3, H, W]  noise
    lidar2img: np.ndarray  # [6, 4, 4]

    @classmethod
    def draw(cls, device: str = 'cpu') -> DrawnFrame:
        """The same frame every time."""
        random = np.random.default_rng(0)
        distance = 54 * random.random(POINTS) ** 1.5
        angle = random.uniform(-np.pi, np.pi, POINTS)
        points = np.column_stack([
            distance * np.cos(angle), distance * np.sin(angle), random.normal(-1.2, 0.6, POINTS),
            random.uniform(0, 255, POINTS), 0.05 * random.integers(0, 10, POINTS)])
        images = torch.randn(6, 3, *IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
        return cls(torch.from_numpy(points).float().to(device), images.to(device), _six_cameras())

    @property
    def rig(self) -> CameraRig:
        """The cameras alone, on the frame's device."""
        return CameraRig.from_metas([self._meta()], IMAGE_SIZE, self.points.device)

    def batch(self, count: int) -> tuple[dict[str, list[Tensor]], list[Det3DDataSample]]:
        """The frame so many times: inputs before the preprocessor's voxels, and samples."""
        samples = [Det3DDataSample(metainfo=self._meta(), gt_instances_3d=self._car())
                   for _ in range(count)]
        return dict(points=[self.points] * count, imgs=torch.stack([self.images] * count)), samples

    def _meta(self) -> dict:
        return dict(lidar2img=self.lidar2img, img_shape=IMAGE_SIZE)

    def _car(self) -> InstanceData:
        box = torch.tensor([[10.0, 3, -1, 4, 2, 1.5, 0, 0, 0]], device=self.points.device)
        return InstanceData(bboxes_3d=LiDARInstance3DBoxes(box, box_dim=9),
                            labels_3d=torch.zeros(1, dtype=torch.long, device=box.device))


def _six_cameras() -> np.ndarray:
    """One camera every 60 degrees at the LiDAR's place, [6, 4, 4]."""
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    height, width = IMAGE_SIZE
    intrinsics = np.array([[FOCAL, 0, width / 2], [0, FOCAL, height / 2], [0, 0, 1]])
    matrices = np.tile(np.eye(4), (6, 1, 1))
    for view, turn in enumerate(np.arange(6) * np.pi / 3):
        about_z = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0],
                            [0, 0, 1]])
        matrices[view, :3, :3] = intrinsics @ forward @ about_z
    return matrices
