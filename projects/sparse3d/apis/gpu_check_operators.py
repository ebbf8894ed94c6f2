"""Operators on the GPU beside the same operators on the CPU, which the tests hold to oracles."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from sparse3d.apis import gpu_check_mmcv  # noqa: F401  (adds its cases)
from sparse3d.apis.gpu_check_cases import CASES, case, drawn, drawn_boxes, drawn_points
from sparse3d.engine.timing import measure


@dataclass(frozen=True)
class Compared:
    """An operator on both devices.

    Attributes:
        name: of the operator.
        difference: largest, relative to the largest number of the CPU's result.
        tolerance: up to which it is right.
        cpu_ms, gpu_ms: median of a call, milliseconds.
    """

    name: str
    difference: float
    tolerance: float
    cpu_ms: float
    gpu_ms: float

    @property
    def right(self) -> bool:
        return self.difference <= self.tolerance


def compare_operators(repeats: int = 5, device: str = 'cuda') -> Iterator[Compared | tuple]:
    """Each case on both devices; ``(name, error)`` for one that raises."""
    for name, (run, tolerance) in CASES.items():
        try:
            expected, found = run('cpu'), run(device)
            yield Compared(name, difference(found, expected), tolerance,
                           *(measure(partial(run, where), repeats, warmup=1).milliseconds
                             for where in ('cpu', device)))
        except Exception as error:  # the others must come out
            yield name, f'{type(error).__name__}: {str(error)[:300]}'


def difference(found: Any, expected: Any) -> float:
    """Largest distance of two trees of tensors, relative to the largest number expected.

    Infinite where shapes or types of values differ, or a whole number does.
    """
    most = 0.0
    pairs = list(zip(_tensors(found), _tensors(expected), strict=True))
    for ours, theirs in pairs:
        ours = ours.detach().cpu()
        if ours.shape != theirs.shape:
            return float('inf')
        if not theirs.is_floating_point():
            most = max(most, 0.0 if torch.equal(ours.long(), theirs.long()) else float('inf'))
        elif theirs.numel():
            away = (ours.double() - theirs.detach().double()).abs().max().item()
            most = max(most, away / max(theirs.detach().abs().max().item(), 1e-6))
    return most


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _lidar2img() -> Tensor:
    """[4, 4] of a camera that looks ahead, pictures of 64 x 128 pixels."""
    cam2img = torch.tensor([[90.0, 0, 64, 0], [0, 90, 32, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    lidar2cam = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0.1], [1, 0, 0, -0.2], [0, 0, 0, 1]])
    return cam2img @ lidar2cam


VOXELS: dict[str, Any] = dict(voxel_size=[0.5, 0.5, 0.5], point_cloud_range=[0, -20, -3, 40, 20, 1])


@case('rotated IoU, bird\'s eye')
def _(device: str) -> Any:
    from sparse3d.ops.rotated_iou import bev_boxes, rotated_iou_bev
    boxes = bev_boxes(drawn_boxes().to(device))
    return rotated_iou_bev(boxes, boxes)


@case('rotated IoU, 3D')
def _(device: str) -> Any:
    from sparse3d.ops.rotated_iou import rotated_iou_3d
    return rotated_iou_3d(drawn_boxes().to(device), drawn_boxes(80).to(device))


@case('rotated IoU of pairs, with gradients', tolerance=1e-3)
def _(device: str) -> Any:
    from sparse3d.ops.rotated_iou import rotated_iou_3d_aligned
    boxes = drawn_boxes().to(device).requires_grad_()
    overlap = rotated_iou_3d_aligned(boxes, boxes.detach().roll(1, 0) * 0.9)
    overlap.sum().backward()
    return overlap, boxes.grad


@case('rotated NMS')
def _(device: str) -> Any:
    from sparse3d.ops.rotated_iou import bev_boxes
    from sparse3d.ops.rotated_nms import rotated_nms
    scores = torch.rand(100, generator=drawn(2)).to(device)
    return rotated_nms(bev_boxes(drawn_boxes().to(device)), scores, 0.3)


@case('points in boxes')
def _(device: str) -> Any:
    from sparse3d.ops.points_in_boxes import count_points_in_boxes, points_in_boxes
    points, boxes = drawn_points().to(device), drawn_boxes().to(device)
    return points_in_boxes(points, boxes), count_points_in_boxes(points, boxes)


@case('hard voxelization')
def _(device: str) -> Any:
    from sparse3d.ops.voxelization import hard_voxelize
    return hard_voxelize(drawn_points().to(device), **VOXELS)


@case('mean of voxels')
def _(device: str) -> Any:
    from sparse3d.ops.voxelization import mean_voxelize
    return mean_voxelize(drawn_points().to(device), **VOXELS)


@case('ball query')
def _(device: str) -> Any:
    from sparse3d.ops.ball_query import ball_query
    points = drawn_points()[:, :3].to(device)
    sample = torch.zeros(len(points), dtype=torch.long, device=device)
    return ball_query(points, sample, points[:200], sample[:200], 1.5, 16)


@case('furthest points')
def _(device: str) -> Any:
    from sparse3d.ops.furthest_point_sampling import furthest_points
    return furthest_points(drawn_points(1000)[:, :3].to(device), 64)


@case('voxel query')
def _(device: str) -> Any:
    from sparse3d.ops.voxel_query import voxel_query
    cells = torch.unique(torch.randint(0, 20, (1500, 3), generator=drawn(3)), dim=0)
    cells = torch.cat([torch.zeros(len(cells), 1, dtype=torch.long), cells], 1).to(device)
    centers = cells[:, [3, 2, 1]].float() * 0.5
    return voxel_query(cells, centers, cells[:100], centers[:100], (20, 20, 20), (2, 2, 2), 1.2, 16)


@case('keys of cells, groups and segments')
def _(device: str) -> Any:
    from sparse3d.ops import cells
    columns = torch.randint(0, 9, (800, 3), generator=drawn(16)).to(device)
    values = torch.randn(800, 4, generator=drawn(17)).to(device)
    keys = cells.cell_keys([columns.new_zeros(800), *columns.unbind(1)], (9, 9, 9))
    ordered, order = cells.sort_keys(keys)
    distinct, group = cells.distinct_keys(keys)
    counts = cells.group_counts(group, len(distinct))
    return (ordered, distinct, counts, cells.ranks_in_groups(group, len(distinct)),
            cells.mean_groups(values, group, len(distinct)),
            cells.max_groups(values, group, len(distinct)),
            cells.max_segments(values[order], counts))


@case('batch normalization of one voxel')
def _(device: str) -> Any:
    from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d
    layer = VoxelBatchNorm1d(4).to(device)
    values = torch.randn(50, 4, generator=drawn(18)).to(device)
    return layer(values), layer(values[:1]), layer.running_var


@case('choice of views and LiDAR depth in the images')
def _(device: str) -> Any:
    from sparse3d.ops.choose_views import choose_views
    from sparse3d.ops.sparse_depth import sparse_depth
    from sparse3d.structures.camera_rig import CameraRig
    points, lidar2img = drawn_points(600)[:, :3].to(device), _lidar2img()
    chosen = choose_views(points.reshape(1, 60, 1, 10, 3),
                          lidar2img.expand(1, 1, 1, 4, 4).to(device), (64, 128))
    rig = CameraRig.from_metas([dict(lidar2img=[lidar2img.numpy()])], (64, 128), device)
    return chosen, sparse_depth([points], rig)


@case('Gaussian heat maps')
def _(device: str) -> Any:
    from sparse3d.ops.gaussian_heatmap import draw_gaussians, gaussian_radii
    sizes = torch.rand(50, 2, generator=drawn(4)).to(device) * 20 + 2
    cells = torch.randint(0, 100, (50, 2), generator=drawn(5)).to(device)
    plane = torch.arange(50, device=device) % 3
    radii = gaussian_radii(sizes, 0.1).long().clamp(min=2)
    return draw_gaussians(torch.zeros(3, 100, 100, device=device), plane, cells, radii)


@case('sampling of views, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    from sparse3d.ops.sample_views import sample_views
    made = drawn(6)
    features = [torch.randn(1, 2, 2, 64, 16 >> level, 32 >> level, generator=made)
                .to(device).requires_grad_() for level in range(2)]
    points = (torch.rand(1, 30, 2, 4, 3, generator=made) * torch.tensor([20.0, 10, 2])).to(device)
    weights = torch.rand(1, 30, 2, 4, 2, generator=made).softmax(-1).to(device)
    lidar2img = _lidar2img().expand(1, 2, 2, 4, 4).to(device)
    read = sample_views(features, points, weights, lidar2img, (64, 128), groups=4)
    read.square().sum().backward()
    return read, [level.grad for level in features]


@case('deformable aggregation, with gradients', tolerance=1e-4)
def _(device: str) -> Any:
    from sparse3d.ops.deformable_aggregation import deformable_aggregation
    made = drawn(11)
    maps = [torch.randn(1, 3, 64, 16 >> level, 32 >> level, generator=made)
            .to(device).requires_grad_() for level in range(2)]
    points = (torch.rand(1, 40, 5, 3, 2, generator=made) * 2 - 0.5).to(device).requires_grad_()
    weights = torch.rand(1, 40, 5, 3, 2, 4, generator=made).to(device).requires_grad_()
    found = deformable_aggregation(maps, points, weights)
    found.square().sum().backward()
    return found, [leaf.grad for leaf in (*maps, points, weights)]


@case('photometric distortion', tolerance=1e-4)
def _(device: str) -> Any:
    from sparse3d.ops.photometric_distortion import from_hsv, to_hsv
    images = (torch.rand(2, 3, 32, 48, generator=drawn(7)) * 255).to(device)
    return from_hsv(to_hsv(images))


def _sparse(device: str, layers: Callable, dtype: torch.dtype = torch.float32) -> Any:
    """A spconv network on drawn voxels, densely, with the gradients of its weights."""
    import spconv.pytorch as spconv

    import sparse3d.register  # noqa: F401  (the CPU's side)
    torch.manual_seed(0)
    network = spconv.SparseSequential(*layers(spconv)).to(device, dtype)
    cells = (torch.rand(2, 12, 14, 16, generator=drawn(8)) < 0.1).nonzero().int()
    features = torch.randn(len(cells), 16, generator=drawn(9))
    out = network(spconv.SparseConvTensor(
        features.to(device, dtype), cells.to(device), [12, 14, 16], 2)).dense()
    weights = list(network.parameters())
    if weights:
        out.float().square().mean().backward()
    return out, [weight.grad for weight in weights]


@case('spconv: submanifold convolution', tolerance=1e-3)
def _(device: str) -> Any:
    return _sparse(device, lambda sp: [sp.SubMConv3d(16, 32, 3, padding=1, bias=False)])


@case('spconv: strided convolution and its inverse', tolerance=1e-3)
def _(device: str) -> Any:
    return _sparse(device, lambda sp: [
        sp.SparseConv3d(16, 32, 3, stride=2, padding=1, bias=False, indice_key='a'),
        sp.SparseInverseConv3d(32, 16, 3, bias=False, indice_key='a')])


@case('spconv: max pooling')
def _(device: str) -> Any:
    return _sparse(device, lambda sp: [sp.SparseMaxPool3d(2, 2)])


@case('spconv: strided convolution, float16 beside float32', tolerance=2e-2)
def _(device: str) -> Any:
    dtype = torch.float32 if device == 'cpu' else torch.float16
    return tree_map(
        lambda value: value.float() if isinstance(value, Tensor) else value,
        _sparse(device, lambda sp: [
            sp.SparseConv3d(16, 32, 3, stride=2, padding=1, bias=False)], dtype))


@case('mmcv: rotated NMS and IoU', tolerance=1e-3)
def _(device: str) -> Any:
    from mmcv.ops import box_iou_rotated, nms_rotated

    from sparse3d.ops.rotated_iou import bev_boxes
    boxes = bev_boxes(drawn_boxes().to(device))
    scores = torch.rand(100, generator=drawn(2)).to(device)
    return box_iou_rotated(boxes, boxes), nms_rotated(boxes, scores, 0.3)[1]


@case('mmcv: deformable attention', tolerance=1e-4)
def _(device: str) -> Any:
    from mmcv.ops import MultiScaleDeformableAttention
    torch.manual_seed(0)
    attention = MultiScaleDeformableAttention(32, num_heads=4, num_levels=2, batch_first=True)
    shapes = torch.tensor([[8, 12], [4, 6]])
    made = drawn(10)
    query, value = torch.randn(1, 20, 32, generator=made), torch.randn(1, 120, 32, generator=made)
    points = torch.rand(1, 20, 2, 2, generator=made)
    return attention.eval().to(device)(
        query.to(device), value=value.to(device), reference_points=points.to(device),
        spatial_shapes=shapes.to(device), level_start_index=torch.tensor([0, 96], device=device))
