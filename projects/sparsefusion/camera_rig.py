"""The cameras of a batch: where each looks, how it projects, and what of its image counts."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import DataError

NEAR = 1e-5  # meters; nothing nearer than this in front of a camera is projected


@dataclass
class CameraRig:
    """N cameras for each of B samples; a camera frame is x right, y down, z forward.

    Attributes:
        intrinsics: [B, N, 3, 3] camera frame to pixels of the network's image.
        rotation: [B, N, 3, 3] LiDAR frame to camera frame; a reflection where the scene or
            the image was mirrored.
        translation: [B, N, 3] meters, the same way.
        valid_size: [B, N, 2] width and height in pixels of the part with a picture; the
            rest of the network's image is padding.
        valid: [B, N] bool, False for a camera without an image.
        image_size: height and width of the network's image.
        from_training: whether the valid size comes from augmentation.
    """

    intrinsics: Tensor
    rotation: Tensor
    translation: Tensor
    valid_size: Tensor
    valid: Tensor
    image_size: tuple[int, int]
    from_training: bool = False

    @classmethod
    def from_metas(cls, metas: Sequence[dict[str, Any]], image_size: tuple[int, int],
                   device: torch.device | str = 'cpu') -> CameraRig:
        """Read the cameras from the metas of a batch.

        Needs ``lidar2img`` (N, 4, 4), after every augmentation of scene and image. What of
        an image is a picture is read from ``valid_shape`` (N, 2: width, height) or
        ``img_shape`` (height, width). A camera is absent where ``image_valid`` says so
        or its ``lidar2img`` is not finite.

        Raises:
            DataError: if a sample has no ``lidar2img``.
        """
        parts = [_cameras_of(meta, image_size) for meta in metas]
        if len({len(part[0]) for part in parts}) > 1:
            raise DataError('the samples of a batch have different numbers of cameras; mark the '
                            "missing ones in 'image_valid' instead of leaving them out")
        stacked = [torch.from_numpy(np.stack(column)).to(device)
                   for column in zip(*parts, strict=True)]
        floats = [part.float() for part in stacked[:4]]
        trained = any('valid_shape' in meta for meta in metas)
        return cls(*floats, stacked[4], tuple(image_size), trained)

    @property
    def views(self) -> int:
        """Number of cameras."""
        return self.valid.shape[1]

    def to_camera(self, points: Tensor) -> Tensor:  # [B, P, 3] -> [B, N, P, 3]
        """Points of the LiDAR frame in each camera's frame."""
        return points.float()[:, None] @ self.rotation.mT + self.translation[:, :, None]

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:  # [B, N, P, 2], [B, N, P]
        """Pixels and depths of points [B, P, 3] in each camera.

        A point beside or behind a camera gets pixels far outside; ask the depth as well.
        """
        image = self.to_camera(points) @ self.intrinsics.mT
        depth = image[..., 2]
        return image[..., :2] / depth.clamp(min=NEAR)[..., None], depth

    def of_queries(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # [B, Q]
        """Intrinsics [B, Q, 3, 3], rotation and translation [B, Q, 3] of each query's camera."""
        sample = torch.arange(len(view), device=view.device)[:, None]
        return tuple(part[sample, view]
                     for part in (self.intrinsics, self.rotation, self.translation))

    def visible_size(self, published_padding: bool) -> Tensor:  # [B, N, 2]
        """Width and height in which something counts as seen.

        Args:
            published_padding: outside training, padding counts as well, as in the release.
        """
        if published_padding and not self.from_training:
            height, width = self.image_size
            return torch.zeros_like(self.valid_size) + self.valid_size.new_tensor([width, height])
        return self.valid_size


def split_projection(lidar2img: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intrinsics (N, 3, 3), rotation (N, 3, 3) and translation (N, 3) of projections (N, 4, 4).

    The intrinsics are upper triangular with a positive diagonal that ends in 1; with them
    the split is unique (RQ decomposition). A scaled scene gives scaled camera frames.
    """
    matrix = np.asarray(lidar2img, dtype=np.float64)[:, :3]
    q, r = np.linalg.qr(matrix[:, ::-1, :3].transpose(0, 2, 1))
    upper, rotation = r.transpose(0, 2, 1)[:, ::-1, ::-1], q.transpose(0, 2, 1)[:, ::-1]
    signs = np.sign(np.diagonal(upper, axis1=1, axis2=2))
    signs[signs == 0] = 1
    upper, rotation = upper * signs[:, None], rotation * signs[:, :, None]
    scale = upper[:, 2:, 2:]
    translation = np.linalg.solve(upper, matrix[:, :, 3:])[..., 0]
    return upper / scale, rotation, translation


def _cameras_of(meta: dict[str, Any], image_size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    if meta.get('lidar2img') is None:
        raise DataError("a sample with images needs 'lidar2img'; add it to the keys that the "
                        'pipeline packs')
    matrices = np.array(meta['lidar2img'], dtype=np.float64).reshape(-1, 4, 4)
    usable = np.isfinite(matrices).all((1, 2))
    usable[usable] = np.abs(np.linalg.det(matrices[usable])) > 0
    valid = np.asarray(meta.get('image_valid', usable), dtype=bool) & usable
    matrices[~usable] = np.eye(4)
    if meta.get('valid_shape') is not None:
        size = np.array(meta['valid_shape'], dtype=np.float64)
    else:
        shape = meta.get('img_shape', image_size)
        shape = shape[0] if isinstance(shape[0], (tuple, list, np.ndarray)) else shape
        size = np.tile(np.array(shape[:2], dtype=np.float64)[::-1], (len(matrices), 1))
    return *split_projection(matrices), size, valid
