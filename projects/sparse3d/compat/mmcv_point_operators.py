"""mmcv's operators of points and boxes on the CPU.

Missing upstream (mmcv 2.1.0): these operators exist as CUDA kernels only; for CPU tensors they
raise ``implementation for device cpu not found``, and four of their wrappers ask for CUDA tensors
or the current CUDA device by name.

Repair: the entries of ``mmcv._ext`` in :data:`KERNELS`, which fill the tensors that mmcv's wrappers
give them, hand CPU tensors to the operators of :mod:`sparse3d.ops`; forward and backward, so that
mmcv's autograd functions stay what they are. The four wrappers get a CPU branch. CUDA tensors go to
mmcv's kernels. mmcv's non-maximum suppression in 3D widens boxes by a centimeter when it looks for
corners inside; ours takes the exact area.
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

from sparse3d.ops.assign_scores import assign_scores, assign_scores_backward
from sparse3d.ops.ball_query import ball_query
from sparse3d.ops.box_members import box_members, first_boxes
from sparse3d.ops.cells import first_rows
from sparse3d.ops.furthest_point_sampling import (
    furthest_point_sampling,
    furthest_point_sampling_with_distances,
)
from sparse3d.ops.grouping import (
    gather_points,
    gather_points_backward,
    group_stacked_points,
    group_stacked_points_backward,
)
from sparse3d.ops.nearest_points import nearest_points
from sparse3d.ops.roi_aware_pooling import (
    MODES,
    PooledCells,
    roi_aware_pool,
    roi_aware_pool_backward,
)
from sparse3d.ops.roi_point_pooling import roi_point_pool
from sparse3d.ops.rotated_iou import bev_boxes, close_pairs, intersection_area
from sparse3d.ops.rotated_nms import rotated_nms
from sparse3d.ops.scatter_points import scatter_points, scatter_points_backward
from sparse3d.ops.sigmoid_focal_loss import sigmoid_focal_loss, sigmoid_focal_loss_backward
from sparse3d.ops.sort_vertices import sort_vertices
from sparse3d.ops.three_interpolate import three_interpolate, three_interpolate_backward

FARTHEST_NEIGHBOR = 1e10  # squared: what mmcv's k nearest neighbors never list
# Who holds the two functions by name.
HOLDERS = ('mmcv.ops', 'mmcv.ops.points_in_boxes', 'mmdet3d.structures.bbox_3d.base_box3d',
           'mmdet3d.models.middle_encoders.sparse_encoder')


def apply_patch() -> None:
    """Give every operator without a CPU form one."""
    extension = import_module('mmcv._ext')
    for name, ours in KERNELS.items():
        _route(extension, name, ours)
    for module, name, ours in (
            ('mmcv.ops.furthest_point_sample', 'FurthestPointSampling', _sample_furthest),
            ('mmcv.ops.knn', 'KNN', _nearest)):
        function = getattr(import_module(module), name)
        if not hasattr(function.forward, 'upstream'):
            function.forward = staticmethod(_on_cpu(function.forward, ours, ours.tensor_at))
    scatter = import_module('mmcv.ops.scatter_points').DynamicScatter
    if not hasattr(scatter.forward, 'upstream'):
        scatter.forward = _unless_empty(scatter.forward)
    source = import_module('mmcv.ops.points_in_boxes')
    for name, ours in (('points_in_boxes_part', _part), ('points_in_boxes_all', _all)):
        routed = getattr(source, name)
        if not hasattr(routed, 'upstream'):
            routed = _on_cpu(routed, ours)
        for holder in HOLDERS:
            if hasattr(module := import_module(holder), name):
                setattr(module, name, routed)


def _route(extension: ModuleType, name: str, ours: Callable) -> None:
    upstream = getattr(extension, name, None)
    if upstream is not None and not hasattr(upstream, 'upstream'):
        setattr(extension, name, _on_cpu(upstream, ours))


def _on_cpu(upstream: Callable, ours: Callable, tensor_at: int = 0) -> Callable:
    def routed(*args, **kwargs):
        tensor = args[tensor_at] if len(args) > tensor_at else next(iter(kwargs.values()))
        if tensor.device.type != 'cpu':
            return upstream(*args, **kwargs)
        return ours(*args, **kwargs)

    routed.upstream = upstream
    return routed


def _unless_empty(upstream: Callable) -> Callable:
    """mmcv asks the last point for the number of samples, on every device."""
    def scattered(self, points: Tensor, coors: Tensor) -> tuple[Tensor, Tensor]:
        return upstream(self, points, coors) if len(points) else (points, coors)

    scattered.upstream = upstream
    return scattered


def _sample_furthest(ctx, points_xyz: Tensor, num_points: int) -> Tensor:
    rows = furthest_point_sampling(points_xyz, num_points)
    ctx.mark_non_differentiable(rows)
    return rows


def _nearest(ctx, k: int, xyz: Tensor, center_xyz: Tensor | None = None,
             transposed: bool = False) -> Tensor:
    if not 0 < k < 100:
        raise ValueError(f'mmcv lists 1 to 99 nearest neighbors, not {k}')
    center_xyz = xyz if center_xyz is None else center_xyz
    if transposed:
        xyz, center_xyz = xyz.transpose(1, 2), center_xyz.transpose(1, 2)
    rows = center_xyz.new_zeros(len(xyz), k, center_xyz.shape[1], dtype=torch.int32)
    for sample, (points, queries) in enumerate(zip(xyz, center_xyz, strict=True)):
        distances, nearest = nearest_points(points, queries, k)
        rows[sample] = nearest.masked_fill_(distances >= FARTHEST_NEIGHBOR, 0).t()
    ctx.mark_non_differentiable(rows)
    return rows


_sample_furthest.tensor_at, _nearest.tensor_at = 1, 2  # where the points stand


def _check_tables(points: Tensor, boxes: Tensor) -> None:
    if points.ndim != 3 or boxes.ndim != 3 or points.shape[2] != 3 or boxes.shape[2] != 7 \
            or len(points) != len(boxes):
        raise AssertionError('points are [B, M, 3] and boxes [B, T, 7] of the same batch, not '
                             f'{list(points.shape)} and {list(boxes.shape)}')


def _part(points: Tensor, boxes: Tensor) -> Tensor:
    _check_tables(points, boxes)
    owners = [first_boxes(*sample) for sample in zip(points, boxes, strict=True)]
    return torch.stack(owners).int() if owners else points.new_zeros(points.shape[:2]).int()


def _all(points: Tensor, boxes: Tensor) -> Tensor:
    _check_tables(points, boxes)
    table = points.new_zeros(*points.shape[:2], boxes.shape[1], dtype=torch.int32)
    for sample, (of_points, of_boxes) in enumerate(zip(points, boxes, strict=True)):
        box, point = box_members(of_points, of_boxes)
        table[sample, point, box] = 1
    return table


def _sample_furthest_with_dist(distances, temporary, output, **sizes) -> None:
    output.copy_(furthest_point_sampling_with_distances(distances, output.shape[1]))


def _gather(features, indices, output, **sizes) -> None:
    output.copy_(gather_points(features, indices))


def _gather_backward(grad, indices, grad_features, **sizes) -> None:
    grad_features.copy_(gather_points_backward(grad, indices, grad_features.shape[2]))


def _group_stacked(features, feature_counts, indices, index_counts, output, **sizes) -> None:
    output.copy_(group_stacked_points(features, feature_counts, indices, index_counts))


def _group_stacked_backward(grad, indices, index_counts, feature_counts, grad_features,
                            **sizes) -> None:
    grad_features.copy_(group_stacked_points_backward(
        grad, feature_counts, indices, index_counts, len(grad_features)))


def _ball_query(centers, points, rows, min_radius, max_radius, nsample, **sizes) -> None:
    samples, number = centers.shape[:2]
    sample = torch.arange(samples)
    listed, empty = ball_query(
        points.flatten(0, 1), sample.repeat_interleave(points.shape[1]), centers.flatten(0, 1),
        sample.repeat_interleave(number), max_radius, nsample, min_radius)
    starts = (sample * points.shape[1]).repeat_interleave(number)[:, None]
    rows.copy_((listed - starts).masked_fill_(empty[:, None], 0).view(rows.shape))


def _stacked_ball_query(centers, center_counts, points, point_counts, rows, max_radius,
                        nsample) -> None:
    queries, sources = (torch.repeat_interleave(counts.long())
                        for counts in (center_counts, point_counts))
    listed, empty = ball_query(points, sources, centers, queries, max_radius, nsample)
    starts = first_rows(point_counts.long())[queries]
    rows.copy_((listed - starts[:, None]).masked_fill_(empty[:, None], 0))
    rows[empty, :1] = -1


def _three_nearest(targets, sources, squared, rows, **sizes) -> None:
    for sample in range(len(targets)):
        distances, nearest = nearest_points(sources[sample], targets[sample], 3)
        if distances.dtype == torch.float64:
            distances.clamp_(max=1e40)  # what the kernel starts from
        squared[sample], rows[sample] = distances, nearest


def _interpolate(features, indices, weights, output, **sizes) -> None:
    output.copy_(three_interpolate(features, indices, weights))


def _interpolate_backward(grad, indices, weights, grad_features, **sizes) -> None:
    grad_features.copy_(
        three_interpolate_backward(grad, indices, weights, grad_features.shape[2]))


def _pool_roi_aware(rois, points, features, argmax, lists, pooled, pool_method) -> None:
    cells = roi_aware_pool(rois, points, features, tuple(pooled.shape[1:4]), lists.shape[4] - 1,
                           MODES[pool_method])
    for output, table in ((pooled, cells.features), (argmax, cells.argmax), (lists, cells.points)):
        output.copy_(table.view(output.shape))


def _pool_roi_aware_backward(lists, argmax, grad, grad_features, pool_method) -> None:
    grad, argmax, lists = (table.flatten(1, 3) for table in (grad, argmax, lists))
    grad_features.copy_(roi_aware_pool_backward(
        grad, PooledCells(grad, argmax.long(), lists.long()), len(grad_features),
        MODES[pool_method]))


def _pool_roi_points(points, boxes, features, pooled, empty_flag) -> None:
    for sample in range(len(points)):
        rows, empty = roi_point_pool(points[sample], boxes[sample], pooled.shape[2])
        empty_flag[sample] = empty
        there = ~empty
        listed = rows[there]
        pooled[sample, there] = torch.cat(
            [points[sample][listed].to(pooled.dtype), features[sample][listed]], 2)


def _scatter(features, coordinates, mode):
    scattered = scatter_points(features, coordinates, mode)
    return [scattered.features, scattered.coordinates, scattered.voxel.int(),
            scattered.counts.int()]


def _scatter_backward(grad_features, grad, features, reduced, voxel, counts, mode) -> None:
    grad_features.copy_(scatter_points_backward(grad, features, reduced, voxel, counts, mode))


def _assign_scores(points, centers, scores, neighbors, output, **sizes) -> None:
    output.copy_(assign_scores(scores, points, centers, neighbors))


def _assign_scores_backward(grad, points, centers, scores, neighbors, grad_points, grad_centers,
                            grad_scores, **sizes) -> None:
    results = assign_scores_backward(grad, scores, points, centers, neighbors)
    for output, result in zip((grad_scores, grad_points, grad_centers), results, strict=True):
        output.copy_(result)


def _sort_vertices(vertices, valid, num_valid) -> Tensor:
    rows = sort_vertices(vertices.flatten(0, 1), valid.flatten(0, 1), num_valid.flatten())
    return rows.int().view(*num_valid.shape, -1)


def _suppress(boxes, keep, num_out, nms_overlap_thresh) -> None:
    """Boxes come best first."""
    rows = rotated_nms(bev_boxes(boxes), -torch.arange(len(boxes), dtype=torch.float64),
                       nms_overlap_thresh)
    keep[:len(rows)] = rows
    num_out.fill_(len(rows))


def _suppress_upright(boxes, keep, num_out, nms_overlap_thresh) -> None:
    boxes = boxes.clone()
    boxes[:, 6] = 0
    _suppress(boxes, keep, num_out, nms_overlap_thresh)


def _overlaps_bev(boxes, others, areas) -> None:
    boxes, others = bev_boxes(boxes), bev_boxes(others)
    rows, columns = close_pairs(boxes, others)
    areas.zero_()[rows, columns] = intersection_area(boxes[rows], others[columns]).to(areas.dtype)


def _focal_loss(logits, target, weight, output, gamma, alpha) -> None:
    output.copy_(sigmoid_focal_loss(logits, target, weight, gamma, alpha))


def _focal_loss_backward(logits, target, weight, grad_logits, gamma, alpha) -> None:
    grad_logits.copy_(sigmoid_focal_loss_backward(logits, target, weight, gamma, alpha))


KERNELS: dict[str, Callable] = {
    'assign_score_withk_backward': _assign_scores_backward,
    'assign_score_withk_forward': _assign_scores,
    'ball_query_forward': _ball_query,
    'diff_iou_rotated_sort_vertices_forward': _sort_vertices,
    'dynamic_point_to_voxel_backward': _scatter_backward,
    'dynamic_point_to_voxel_forward': _scatter,
    'furthest_point_sampling_with_dist_forward': _sample_furthest_with_dist,
    'gather_points_backward': _gather_backward,
    'gather_points_forward': _gather,
    'group_points_backward': _gather_backward,
    'group_points_forward': _gather,
    'iou3d_boxes_overlap_bev_forward': _overlaps_bev,
    'iou3d_nms3d_forward': _suppress,
    'iou3d_nms3d_normal_forward': _suppress_upright,
    'roiaware_pool3d_backward': _pool_roi_aware_backward,
    'roiaware_pool3d_forward': _pool_roi_aware,
    'roipoint_pool3d_forward': _pool_roi_points,
    'sigmoid_focal_loss_backward': _focal_loss_backward,
    'sigmoid_focal_loss_forward': _focal_loss,
    'stack_ball_query_forward': _stacked_ball_query,
    'stack_group_points_backward': _group_stacked_backward,
    'stack_group_points_forward': _group_stacked,
    'three_interpolate_backward': _interpolate_backward,
    'three_interpolate_forward': _interpolate,
    'three_nn_forward': _three_nearest,
}
