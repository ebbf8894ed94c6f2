"""Targets of the camera candidates and of the heat maps of the images."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.models.center.heatmap_targets import batch_of
from sparse3d.models.heads.transfusion_matching import (
    Matches,
    MatchWeights,
    match,
    match_cost,
)
from sparse3d.models.heads.transfusion_targets import QueryTargets, targets_of_pairs
from sparse3d.ops.constants import constant
from sparse3d.ops.gaussian_heatmap import draw_gaussians, gaussian_radii
from sparse3d.ops.rotated_iou import rotated_iou_3d
from sparsefusion.view_objects import ViewObjects

ANOTHER_VIEW = 1000.0  # cost of an object in another camera's image
FINEST_LIMIT = 48      # pixels; larger objects belong to coarser levels, each twice as large


def camera_targets(
        outputs: dict[str, Tensor],  # of the camera branches, [B, numbers, Q], detached
        centers: Tensor,             # [B, Q, 3]  middles in the cameras' frames, meters
        view: Tensor,                # [B, Q]
        batch: Sequence[ViewObjects],
        image_size: tuple[int, int],
        extent: list[float],
        weights: MatchWeights,
        published_match_height: bool = False,
) -> QueryTargets:
    """Match the camera candidates of a batch with the objects of their views.

    A pair forced across views, where a view has fewer candidates than objects, is left out
    of the losses but counted, as in the release.

    Args:
        image_size: height and width of the network's image.
        extent: of the map along x and y, by which distances are divided, meters.
        published_match_height: distance is measured along the camera's x and (bottom) y
            instead of x and depth.
    """
    size, (sine, cosine) = outputs['dim_2d'].float().mT.exp(), outputs['rot_2d'].float().unbind(1)
    predicted = torch.cat([centers.float(), size, torch.atan2(sine, cosine)[..., None]], dim=2)
    logits = outputs['cls'].mT
    overlaps = [rotated_iou_3d(_upright(boxes), _upright(objects.boxes))
                for boxes, objects in zip(predicted, batch, strict=True)]
    axes = _x_and_bottom if published_match_height else _x_and_depth
    costs = [match_cost(logits[row], axes(predicted[row]), overlaps[row], objects.labels,
                        axes(objects.boxes), extent, weights,
                        ANOTHER_VIEW * (view[row, :, None] != objects.view[None]))
             for row, objects in enumerate(batch)]
    return QueryTargets.stack([
        _targets_of_pairs(pairs, objects, of_queries, image_size, logits.shape[2])
        for pairs, objects, of_queries in zip(match(costs, overlaps), batch, view, strict=True)])


def _targets_of_pairs(pairs: Matches, objects: ViewObjects, view: Tensor,
                      image_size: tuple[int, int], num_classes: int) -> QueryTargets:
    targets = targets_of_pairs(pairs, camera_codes(objects, image_size), objects.labels, len(view),
                               num_classes)
    own = view[pairs.predictions] == objects.view[pairs.objects]
    for counts in (targets.label_weights, targets.code_weights):
        found = counts[pairs.predictions]
        counts[pairs.predictions] = found * own.to(found).view(-1, *[1] * (found.ndim - 1))
    return targets


def camera_codes(objects: ViewObjects, image_size: tuple[int, int]) -> Tensor:  # [M, 10]
    """Center as fractions, depth, logarithms of l, h, w, sine and cosine of yaw, velocity."""
    height, width = image_size
    boxes = objects.boxes
    fractions = objects.pixels.to(boxes) / constant([width, height], boxes)
    yaw = boxes[:, 6:7]
    return torch.cat([fractions, objects.depth.to(boxes)[:, None],
                      boxes[:, 3:6].clamp(min=1e-3).log(), yaw.sin(), yaw.cos(), boxes[:, 7:9]],
                     dim=1)


def image_heat_target(
        batch: Sequence[ViewObjects],
        shapes: Sequence[tuple[int, int]],  # h, w of each level
        views: int,
        num_classes: int,
        stride: int = 4,
        gaussian_overlap: float = 0.1,
        smallest_radius: int = 2,
) -> Tensor:                                # [B, K, N, S]
    """A Gaussian at each object's middle, on the level that fits its size in the image.

    The objects of all samples and views are drawn at once, level by level.

    Args:
        stride: of the finest level.
        gaussian_overlap: least overlap of a box whose corner lies on the Gaussian's edge.
        smallest_radius: of a Gaussian on the finest level, in pixels of that level.
    """
    pixels, sample = batch_of([objects.pixels for objects in batch])
    size_2d, labels, view = (torch.cat([getattr(objects, name) for objects in batch])
                             for name in ('size_2d', 'labels', 'view'))
    size = (size_2d / stride).float()
    radii = gaussian_radii(size.flip(1), gaussian_overlap).clamp(min=smallest_radius)
    levels = sum((size_2d.amax(1) >= FINEST_LIMIT * 2 ** level).long()
                 for level in range(len(shapes) - 1))
    levels = levels.masked_fill(~(size > 0).all(1), -1)  # not drawn
    planes = (sample * num_classes + labels) * views + view
    heat = []
    for level, shape in enumerate(shapes):
        here = (levels == level).nonzero().flatten()
        cells = (pixels[here].float() / stride / 2 ** level).int()
        maps = batch[0].boxes.new_zeros(len(batch), num_classes, views, *shape)
        heat.append(draw_gaussians(maps, planes[here], cells, (radii[here] / 2 ** level).long())
                    .flatten(3))
    return torch.cat(heat, dim=3)


def _upright(boxes: Tensor) -> Tensor:  # [N, >= 7] camera boxes -> [N, 7]
    """Boxes of a camera's frame as boxes that stand on the plane of its x and z axes."""
    x, y, z, length, height, width, yaw = boxes[:, :7].unbind(1)
    return torch.stack([x, z, -(y + height / 2), length, width, height, -yaw], dim=1)


def _x_and_depth(boxes: Tensor) -> Tensor:
    return torch.stack([boxes[:, 0], boxes[:, 2]], dim=1)


def _x_and_bottom(boxes: Tensor) -> Tensor:
    return torch.stack([boxes[:, 0], boxes[:, 1] + boxes[:, 4] / 2], dim=1)
