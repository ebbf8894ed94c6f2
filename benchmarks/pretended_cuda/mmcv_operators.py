"""mmcv's operators on the pretended device: its CPU kernels or a few lines, under CUDA's rules.

The rules are those of the sources of mmcv 2.1.0: all tensors on the device but sizes and counts,
never bfloat16, and half for some only (``AT_DISPATCH_FLOATING_TYPES_AND_HALF``).
"""
from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_leaves

from sparse3d_benchmarks.pretended_cuda.record import KERNEL, DeviceFault
from sparse3d_benchmarks.pretended_cuda.tensors import current_gpu, is_there, to_cpu, to_device

# Sizes and counts of these are CPU tensors on a GPU as well.
TAKE_CPU_TENSORS = {'hard_voxelize_forward', 'dynamic_voxelize_forward'}
FLOAT_ONLY = ('iou3d', 'box_iou_rotated', 'hard_voxelize', 'dynamic_voxelize')
# These bring something to the host inside.
WAIT = {'nms', 'nms_rotated', 'iou3d_nms3d_forward', 'iou3d_nms3d_normal_forward',
        'hard_voxelize_forward', 'dynamic_point_to_voxel_forward'}


def install() -> None:
    """Route tensors of the device to the stand-ins; a second call does nothing."""
    import mmcv._ext as kernels
    for name in dir(kernels):
        function = getattr(kernels, name)
        if callable(function) and not name.startswith('_') and not hasattr(function, '__wrapped__'):
            setattr(kernels, name, _routed(name, function))


def _routed(name: str, function: Callable) -> Callable:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if not any(map(is_there, tensors)):
            return function(*args, **kwargs)
        _check(name, tensors)
        try:
            result = STAND_INS.get(name, function)(*to_cpu(args), **to_cpu(kwargs))
        except RuntimeError as error:
            raise DeviceFault(f'mmcv {name}: there is no stand-in ({str(error)[:90]})') from error
        return to_device(result)
    return call


def _check(name: str, tensors: list[Tensor]) -> None:
    gpu = current_gpu()
    dtypes = {x.dtype for x in tensors}
    if name == 'nms_rotated':
        dtypes = {tensors[0].dtype}  # scores are sorted outside the kernel
    gpu.operators[f'mmcv.{name}', tuple(sorted(str(dtype)[6:] for dtype in dtypes))] += 1
    if name not in TAKE_CPU_TENSORS and not all(map(is_there, tensors)):
        gpu.fault(f'mmcv {name}: CUDA tensors meet CPU tensors')
    if '_cpu' in name:
        gpu.fault(f'mmcv {name}: CUDA tensors for an operator of the CPU')
    half_without = torch.half in dtypes and name.startswith(FLOAT_ONLY)
    if torch.bfloat16 in dtypes or half_without:
        gpu.fault(f'mmcv {name}: there is none for {", ".join(sorted(map(str, dtypes)))}')
    if name in WAIT:
        gpu.wait(f'{KERNEL}: mmcv {name}')


def _points_in_boxes(boxes: Tensor, points: Tensor) -> Tensor:
    """[M, 7], [N, 3] -> [N, M] bool."""
    import mmcv._ext as kernels
    table = torch.zeros(len(boxes), len(points), dtype=torch.int32)
    kernels.points_in_boxes_cpu_forward.__wrapped__(
        boxes.contiguous(), points.contiguous(), table)
    return table.T.bool()


def _first_box_of_points(boxes: Tensor, points: Tensor, out: Tensor) -> None:
    held = torch.stack([_points_in_boxes(*pair) for pair in zip(boxes, points, strict=True)])
    out.copy_(torch.where(held.any(2), held.int().argmax(2), -1))


def _boxes_of_points(boxes: Tensor, points: Tensor, out: Tensor) -> None:
    out.copy_(torch.stack([_points_in_boxes(*pair) for pair in zip(boxes, points, strict=True)]))


def _nms_rotated(boxes: Tensor, scores: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    import mmcv._ext as kernels
    return kernels.nms_rotated.__wrapped__(boxes, scores.to(boxes.dtype), *args, **kwargs)


def _attention(value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor, weights: Tensor,
               **options: Any) -> Tensor:
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch
    return multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)


def _attention_backward(value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor,
                        weights: Tensor, gradient: Tensor, grad_value: Tensor,
                        grad_locations: Tensor, grad_weights: Tensor, **options: Any) -> None:
    inputs = [x.detach().requires_grad_() for x in (value, locations, weights)]
    with torch.enable_grad():
        result = _attention(inputs[0], shapes, starts, *inputs[1:])
    found = torch.autograd.grad(result, inputs, gradient)
    for out, grad in zip((grad_value, grad_locations, grad_weights), found, strict=True):
        out.copy_(grad)


def _focal_loss(logits: Tensor, labels: Tensor, weight: Tensor, gamma: float, alpha: float,
                ) -> Tensor:
    """[N, C] logits, [N] labels, C for background -> [N, C]."""
    hit = F.one_hot(labels, logits.shape[1] + 1)[:, :-1].to(logits.dtype)
    score = logits.sigmoid()
    missing = torch.where(hit > 0, 1 - score, score)
    balance = torch.where(hit > 0, alpha, 1 - alpha)
    loss = balance * missing.pow(gamma) * F.binary_cross_entropy_with_logits(
        logits, hit, reduction='none')
    return loss * weight[labels][:, None] if weight.numel() else loss


def _focal_forward(logits: Tensor, labels: Tensor, weight: Tensor, out: Tensor, gamma: float,
                   alpha: float) -> None:
    out.copy_(_focal_loss(logits.float(), labels, weight, gamma, alpha))


def _focal_backward(logits: Tensor, labels: Tensor, weight: Tensor, out: Tensor, gamma: float,
                    alpha: float) -> None:
    logits = logits.detach().float().requires_grad_()
    with torch.enable_grad():
        loss = _focal_loss(logits, labels, weight, gamma, alpha).sum()
    out.copy_(torch.autograd.grad(loss, logits)[0])


def _furthest_points(points: Tensor, distances: Tensor, out: Tensor, **sizes: int) -> None:
    from sparse3d.ops.furthest_point_sampling import furthest_point_sampling
    out.copy_(furthest_point_sampling(points, sizes['m']))


def _nearest_points(points: Tensor, queries: Tensor, out: Tensor, distances: Tensor,
                    **sizes: int) -> None:
    from sparse3d.ops.nearest_points import nearest_points
    for sample, given in enumerate(zip(points, queries, strict=True)):
        away, rows = nearest_points(*given, sizes['nsample'])
        distances[sample], out[sample] = away, rows


STAND_INS: dict[str, Callable] = {
    'points_in_boxes_part_forward': _first_box_of_points,
    'points_in_boxes_all_forward': _boxes_of_points,
    'furthest_point_sampling_forward': _furthest_points,
    'knn_forward': _nearest_points,
    'nms_rotated': _nms_rotated,
    'ms_deform_attn_forward': _attention,
    'ms_deform_attn_backward': _attention_backward,
    'sigmoid_focal_loss_forward': _focal_forward,
    'sigmoid_focal_loss_backward': _focal_backward,
}
