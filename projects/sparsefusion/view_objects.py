"""What each camera should find: the objects of the scene, view by view."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.constants import constant
from sparse3d.structures.box_tensors import at_centers
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.projection import near_crossings, project_points

NEAR_PLANE = 0.1  # meters; boxes that reach behind a camera are cut here
CORNERS = tuple((x, y, z) for x in (-.5, .5) for y in (-.5, .5) for z in (0., 1.))
EDGES = tuple(zip(*((a, b) for a in range(8) for b in range(a) if bin(a ^ b).count('1') == 1),
                  strict=True))  # numbers of the corners at their starts, and at their ends


@dataclass
class ViewObjects:
    """M objects as cameras see them; one object may be in several views.

    Attributes:
        row: [M] index of the object among the sample's boxes.
        view: [M] its camera.
        labels: [M] its class.
        pixels: [M, 2] its middle in the network's image.
        depth: [M] meters.
        size_2d: [M, 2] width and height of its box in the image, pixels.
        boxes: [M, 9] x, y, z of the middle, l, h, w, yaw about the camera's y axis, velocity
            along x and z; in the camera's frame.
    """

    row: Tensor
    view: Tensor
    labels: Tensor
    pixels: Tensor
    depth: Tensor
    size_2d: Tensor
    boxes: Tensor

    def seen(self, objects: int) -> Tensor:  # [objects] bool
        """Which of the sample's objects some camera sees."""
        seen = torch.zeros(objects, dtype=torch.bool, device=self.row.device)
        seen[self.row] = True
        return seen


def view_objects(boxes: Tensor,   # [G, 7 or 9]  LiDAR boxes, meters
                 labels: Tensor,  # [G]
                 rig: CameraRig, sample: int = 0) -> ViewObjects:
    """Objects whose middle lies in the picture of a camera, for each camera in turn.

    Source: SparseFusion (ICCV 2023), released preparation of per-view annotations; done
    here after augmentation, on the device, so that neither info files nor pipelines carry
    them and what is cropped away is no longer asked for.
    """
    rotation, translation = rig.rotation[sample], rig.translation[sample]
    boxes = boxes.to(rotation)
    middle = at_centers(boxes)[:, :3]
    camera = middle @ rotation.mT + translation[:, None]                  # [N, G, 3]
    pixels, _ = project_points(camera, rig.intrinsics[sample])            # [N, G, 2]
    inside = (pixels >= 0) & (pixels < rig.valid_size[sample, :, None])
    inside = inside.all(-1) & (camera[..., 2] > 0) & rig.valid[sample][:, None]
    view, row = inside.nonzero(as_tuple=True)
    found = boxes[row]
    return ViewObjects(
        row, view, labels.to(row.device)[row], pixels[view, row], camera[view, row, 2],
        _size_2d(found, view, rig, sample),
        torch.cat([camera[view, row], found[:, 3:4], found[:, 5:6], found[:, 4:5],
                   _yaw_and_velocity(found, rotation[view])], dim=1))


def _yaw_and_velocity(boxes: Tensor, rotation: Tensor) -> Tensor:  # [M, 3]
    """Yaw about the camera's y axis, and velocity along its x and z (NaN if unknown)."""
    yaw, zero = boxes[:, 6], torch.zeros_like(boxes[:, 6])
    along = (rotation @ torch.stack([yaw.cos(), yaw.sin(), zero], dim=1)[..., None])[..., 0]
    if boxes.shape[1] >= 9:
        flat = torch.cat([boxes[:, 7:9], zero[:, None]], dim=1)
    else:
        flat = boxes.new_full((len(boxes), 3), torch.nan)
    velocity = (rotation @ flat[..., None])[..., 0]
    return torch.stack([-torch.atan2(along[:, 2], along[:, 0]), velocity[:, 0], velocity[:, 2]],
                       dim=1)


def _size_2d(boxes: Tensor, view: Tensor, rig: CameraRig, sample: int) -> Tensor:  # [M, 2]
    """Width and height of the image boxes around the part in front of the camera."""
    if not len(boxes):
        return boxes.new_zeros(0, 2)
    corners = constant(CORNERS, boxes) * boxes[:, None, 3:6]  # [M, 8, 3]
    sine, cosine = boxes[:, 6:7].sin(), boxes[:, 6:7].cos()
    x, y, z = corners.unbind(-1)
    corners = torch.stack([x * cosine - y * sine, x * sine + y * cosine, z], dim=-1)
    corners = corners + boxes[:, None, :3]
    corners = corners @ rig.rotation[sample, view].mT + rig.translation[sample, view][:, None]
    starts, ends = constant(EDGES, view)
    crossings, crosses = near_crossings(corners[:, starts], corners[:, ends], NEAR_PLANE)
    points = torch.cat([corners, crossings], dim=1)                          # [M, 8 + 12, 3]
    front = torch.cat([corners[..., 2] > NEAR_PLANE, crosses], dim=1)
    pixels = project_points(points, rig.intrinsics[sample, view])[0]
    low = pixels.masked_fill(~front[..., None], torch.inf).amin(1).clamp(min=0)
    high = torch.minimum(pixels.masked_fill(~front[..., None], -torch.inf).amax(1),
                         rig.valid_size[sample, view])
    return (high - low).clamp(min=0)
