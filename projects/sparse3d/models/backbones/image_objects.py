"""Where the objects of a scene lie in each image: rectangles around boxes, for image backbones."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sparse3d.models.backbones.seen_images import SeenImages
from sparse3d.structures.cameras import Cameras
from sparse3d.structures.projection import image_coordinates, near_crossings, pixels_and_depth

NEAR_PLANE = 0.1  # meters; boxes that reach behind a camera are cut here
CORNERS = tuple((x, y, z) for x in (-.5, .5) for y in (-.5, .5) for z in (0., 1.))
EDGES = tuple(zip(*((a, b) for a in range(8) for b in range(a) if bin(a ^ b).count('1') == 1),
                  strict=True))  # numbers of the corners at their starts, and at their ends


def images_with_objects(backbone: nn.Module, cameras: Cameras, instances: Sequence[Any] | None,
                        age: Tensor | None = None) -> SeenImages:
    """The images of a batch, with the objects in them where the backbone learns from these.

    Args:
        backbone: learns from objects if it says ``learns_objects``.
        cameras: of T frames after each other.
        instances: instances with ``bboxes_3d`` of each sample; None: not in training.
        age: [B, T] seconds since each frame was taken; None: there is one frame.
    """
    frames = 1 if age is None else age.shape[1]
    seen = SeenImages(cameras.views // frames)
    if instances is not None and getattr(backbone, 'learns_objects', False):
        boxes = [each.bboxes_3d.tensor.to(cameras.lidar2img) for each in instances]
        if age is not None:
            boxes = [_moved_back(of_sample, seconds.repeat_interleave(seen.cameras))
                     for of_sample, seconds in zip(boxes, age.to(cameras.lidar2img), strict=True)]
        seen.objects = image_objects(boxes, cameras)
    return seen


@torch.no_grad()
def image_objects(boxes: Sequence[Tensor], cameras: Cameras) -> Tensor:
    """Rectangles around the parts of boxes that images show, whatever stands before them.

    Args:
        boxes: B x [G, >= 7] in the LiDAR frame, meters; or [V, G, >= 7], other ones for each image.

    Returns:
        [n, 5] number of the image among B * V, then left, top, right, bottom in pixels.
    """
    found = []
    for sample, of_sample in enumerate(boxes):
        of_views = of_sample.expand(cameras.views, *of_sample.shape[-2:])
        low, high, front = _extents(_corners(of_views), cameras.lidar2img[sample])
        sizes = cameras.sizes[sample].flip(1).to(low)[:, None]  # [V, 1, 2] width, height
        low, high = low.clamp(min=0), torch.minimum(high, sizes)
        shown = front & (high > low).all(-1) & cameras.valid[sample][:, None]
        view, row = shown.nonzero(as_tuple=True)
        number = (sample * cameras.views + view).to(low)
        found.append(torch.cat([number[:, None], low[view, row], high[view, row]], 1))
    return torch.cat(found) if found else cameras.lidar2img.new_zeros(0, 5)


def _moved_back(boxes: Tensor, seconds: Tensor) -> Tensor:
    """Boxes [G, C] where they were [V] seconds before, by their velocity: [V, G, C]."""
    moved = boxes.expand(len(seconds), *boxes.shape).clone()
    if boxes.shape[1] >= 9:
        moved[..., :2] -= boxes[:, 7:9].nan_to_num() * seconds[:, None, None]
    return moved


def _corners(boxes: Tensor) -> Tensor:
    """[V, G, >= 7] -> [V, G, 8, 3]."""
    unit = boxes.new_tensor(CORNERS)
    x, y, z = (unit * boxes[..., None, 3:6]).unbind(-1)
    sine, cosine = boxes[..., 6:7].sin(), boxes[..., 6:7].cos()
    turned = torch.stack([x * cosine - y * sine, x * sine + y * cosine, z], -1)
    return turned + boxes[..., None, :3]


def _extents(corners: Tensor, lidar2img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Upper left and lower right [V, G, 2] of what is ahead of each camera, and whether any is."""
    views, count = corners.shape[:2]
    points = image_coordinates(corners.flatten(1, 2), lidar2img[:, :3].to(corners))
    points = points.view(views, count, 8, 3)
    starts, ends = (torch.tensor(numbers, device=corners.device) for numbers in EDGES)
    crossings, crosses = near_crossings(points[..., starts, :], points[..., ends, :], NEAR_PLANE)
    front = torch.cat([points[..., 2] > NEAR_PLANE, crosses], -1)
    pixels, _ = pixels_and_depth(torch.cat([points, crossings], -2), NEAR_PLANE)
    low = pixels.masked_fill(~front[..., None], torch.inf).amin(-2)
    high = pixels.masked_fill(~front[..., None], -torch.inf).amax(-2)
    return low, high, front.any(-1)
