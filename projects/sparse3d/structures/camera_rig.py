"""Cameras taken apart: where each stands, how it looks, its lens, and what of its image counts."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse3d.structures.cameras import Cameras
from sparse3d.structures.projection import project_points, split_projections


@dataclass(frozen=True)
class CameraRig:
    """N cameras for each of B samples; a camera frame is x right, y down, z ahead.

    Attributes:
        cameras: whose projections these are.
        intrinsics: [B, N, 3, 3] camera frame to pixels of the network's image.
        rotation: [B, N, 3, 3] LiDAR frame to camera frame; a reflection where the scene or
            the image was mirrored.
        translation: [B, N, 3] meters, the same way.
        from_training: whether the sizes of the pictures come from augmentation.
    """

    cameras: Cameras
    intrinsics: Tensor
    rotation: Tensor
    translation: Tensor
    from_training: bool = False

    @classmethod
    def of(cls, cameras: Cameras, from_training: bool = False) -> CameraRig:
        """Take cameras apart, in the precision and on the device that they have.

        The split itself is made in float64 on the host.
        """
        parts = split_projections(cameras.lidar2img.detach().cpu().numpy().reshape(-1, 4, 4))
        return cls(cameras, *_moved(parts, cameras.lidar2img), from_training)

    @classmethod
    def from_metas(cls, metas: Sequence[Mapping[str, Any]], image_size: tuple[int, int],
                   device: torch.device | str = 'cpu', views: int | None = None) -> CameraRig:
        """Read the cameras of a batch, see :meth:`Cameras.of_batch`; in float32.

        Raises:
            DataError: as that does.
        """
        cameras = Cameras.of_batch(metas, image_size, views)
        parts = split_projections(cameras.lidar2img.numpy().reshape(-1, 4, 4))
        cameras = cameras.to(device, torch.float32)
        return cls(cameras, *_moved(parts, cameras.lidar2img),
                   any('valid_shape' in meta for meta in metas))

    @property
    def views(self) -> int:
        """Number of cameras."""
        return self.cameras.views

    @property
    def valid(self) -> Tensor:
        """[B, N] bool, False for a camera without an image."""
        return self.cameras.valid

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the network's image."""
        return self.cameras.image_size

    @property
    def valid_size(self) -> Tensor:
        """[B, N, 2] width and height in pixels of the part with a picture."""
        return self.cameras.sizes.flip(-1)

    def to_camera(self, points: Tensor) -> Tensor:  # [B, P, 3] -> [B, N, P, 3]
        """Points of the LiDAR frame in each camera's frame, meters, in float32."""
        return points.float()[:, None] @ self.rotation.mT + self.translation[:, :, None]

    def to_lidar(self, points: Tensor) -> Tensor:  # [B, N, P, 3] -> [B, N, P, 3]
        """Points of each camera's frame in the LiDAR frame, meters, in float32."""
        return (points.float() - self.translation[:, :, None]) @ self.rotation

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:  # [B, N, P, 2], [B, N, P]
        """Pixels and depths of points [B, P, 3] in each camera, as :meth:`Cameras.project` but
        by way of the camera's frame, where float32 keeps more digits."""
        return project_points(self.to_camera(points), self.intrinsics)

    def of_sample(self, sample: int) -> CameraRig:
        """The cameras of one sample, as a batch of one."""
        one = slice(sample, sample + 1)
        return CameraRig(self.cameras.of_sample(sample), self.intrinsics[one], self.rotation[one],
                         self.translation[one], self.from_training)

    def of_queries(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # [B, Q]
        """Intrinsics [B, Q, 3, 3], rotation and translation [B, Q, 3] of each query's camera."""
        sample = torch.arange(len(view), device=view.device)[:, None]
        return (self.intrinsics[sample, view], self.rotation[sample, view],
                self.translation[sample, view])

    def picture_mask(self, shape: tuple[int, int]) -> Tensor:  # [B * N, h, w] bool
        """Which pixels of features with a height and width show a picture: by their centers, not in
        the padding, and of a camera with an image."""
        height, width = shape
        limit = self.valid_size.flatten(0, 1)[:, :, None]               # [B * N, 2, 1]
        x, y = ((torch.arange(count, device=limit.device) + 0.5) * (size / count)
                for count, size in ((width, self.image_size[1]), (height, self.image_size[0])))
        inside = (y < limit[:, 1])[:, :, None] & (x < limit[:, 0])[:, None]
        return inside & self.valid.flatten()[:, None, None]

    def visible_size(self, published_padding: bool) -> Tensor:  # [B, N, 2]
        """Width and height in which something counts as seen.

        Args:
            published_padding: outside training, padding counts as well, as in the release.
        """
        if published_padding and not self.from_training:
            height, width = self.image_size
            return self.valid_size.new_tensor([width, height]).expand_as(self.valid_size)
        return self.valid_size


BLANK_IMAGE = (64, 96)  # height, width where a batch has no image at all


def images_and_rig(images: Tensor | None, metas: Sequence[Mapping[str, Any]],
                   device: torch.device, use_cameras: bool = True) -> tuple[Tensor, CameraRig]:
    """Images without the pixels of absent cameras, and their rig; blank ones where there are none.

    Args:
        images: [B, N, 3, H, W], or None for a batch without images.
        metas: of the samples; see :meth:`CameraRig.from_metas`.
        device: of blank images.
        use_cameras: False takes every camera for absent.
    """
    if images is None:
        images = torch.zeros(len(metas), 1, 3, *BLANK_IMAGE, device=device)
        metas = [dict(lidar2img=torch.eye(4)[None].numpy(), image_valid=[False]) for _ in metas]
    rig = CameraRig.from_metas(metas, (images.shape[-2], images.shape[-1]), images.device,
                               images.shape[1])
    if not use_cameras:
        rig = replace(rig, cameras=rig.cameras.with_valid(torch.zeros_like(rig.valid)))
    return rig.cameras.without_missing(images), rig


def _moved(parts: Sequence[np.ndarray], like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Intrinsics, rotation and translation of all cameras to a device, in one copy.

    Args:
        parts: [B * N, ...] each. like: [B, N, 4, 4], whose type and device they take.
    """
    rows = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    moved = torch.from_numpy(rows).to(like.dtype).to(like.device).unflatten(0, like.shape[:2])
    intrinsics, rotation, translation = moved.split([part[0].size for part in parts], dim=2)
    return intrinsics.unflatten(2, (3, 3)), rotation.unflatten(2, (3, 3)), translation
