"""From a camera's frame to the LiDAR's: the disentangled parts of a camera box, one by one."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.ops.constants import constant
from sparse3d.structures.camera_rig import CameraRig


@dataclass
class LiftedBoxes:
    """Camera boxes in the LiDAR frame.

    Attributes:
        camera_centers: [B, Q, 3] middles in the camera's frame, meters; carries gradients.
        codes: [B, Q, 10] as of :class:`TransFusionBoxCoder` (x, y in cells), detached.
    """

    camera_centers: Tensor
    codes: Tensor


def lift_boxes(
        outputs: dict[str, Tensor],  # of the camera branches, [B, numbers, Q]
        view: Tensor,                # [B, Q]
        rig: CameraRig,
        coder: TransFusionBoxCoder,
) -> LiftedBoxes:
    """Place camera boxes in the LiDAR frame by their pixel, depth, yaw and camera.

    Source: SparseFusion (ICCV 2023), section 3.2.
    """
    intrinsics, rotation, translation = rig.of_queries(view)
    height, width = rig.image_size
    parts = {name: value.float().transpose(1, 2) for name, value in outputs.items()}
    pixels = parts['center_2d'] * constant([width, height], parts['center_2d'])
    depth = parts['depth_2d']
    camera = torch.cat([pixels * depth, depth], dim=2)[..., None]  # [B, Q, 3, 1]
    camera = torch.linalg.solve(intrinsics, camera)
    center = (rotation.mT @ (camera.detach() - translation[..., None]))[..., 0]
    parts = {name: value.detach() for name, value in parts.items()}
    sine, cosine = parts['rot_2d'].unbind(2)
    along = _turned(rotation, cosine, -sine)  # the length axis is (cos, 0, -sin) in the camera
    velocity = _turned(rotation, *parts['vel_2d'].unbind(2))
    length, height, width = parts['dim_2d'].unbind(2)
    codes = [coder.to_cells(center[..., :2]), center[..., 2:],
             torch.stack([length, width, height], dim=2), along.flip(-1), velocity]
    return LiftedBoxes(camera[..., 0], torch.cat(codes, dim=2))


def _turned(rotation: Tensor, x: Tensor, z: Tensor) -> Tensor:  # [B, Q, 2]
    """Directions (x, 0, z) of the camera's frame in BEV in the LiDAR frame."""
    direction = torch.stack([x, torch.zeros_like(x), z], dim=2)[..., None]
    return (rotation.mT @ direction)[..., :2, 0]
