"""Rotated IoU, suppression and points in boxes against mmcv's operators on the CPU."""
from __future__ import annotations

import math
import time

import torch
from mmcv.ops import box_iou_rotated, nms_rotated, points_in_boxes_cpu
from torch import Tensor

from sparse3d.engine.timing import Timing, measure
from sparse3d.ops.points_in_boxes import points_in_boxes
from sparse3d.ops.rotated_iou import rotated_iou_bev
from sparse3d.ops.rotated_nms import rotated_nms
from sparse3d_benchmarks.detection_range import exponent
from sparse3d_benchmarks.sweep import full_sweep

GROWING = (1000, 2000, 4000)    # boxes


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the three operators; see :mod:`sparse3d_benchmarks`."""
    # mmcv's operators take seconds here: a few calls tell enough.
    repeats = min(repeats, 3)
    torch.manual_seed(0)
    rows = [_iou_row(500, 100.0, repeats, threads), _iou_row(300, 5.0, repeats, threads),
            _nms_row(2000, 100.0, repeats, threads), _points_row(100, repeats, threads)]
    return [*rows, _nms_growth_row(repeats, threads), _degenerate_row()]


def _iou_row(number: int, span: float, repeats: int, threads: int) -> dict:
    a, b = _boxes(number, span), _boxes(number, span)
    error = (rotated_iou_bev(a, b) - box_iou_rotated(a, b)).abs().max()
    return _row('rotated IoU', measure(lambda: rotated_iou_bev(a, b), repeats),
                measure(lambda: box_iou_rotated(a, b), repeats, warmup=1),
                f'{number} x {number} boxes in {span:.0f} m x {span:.0f} m, {threads} threads; '
                f'mmcv; largest difference {error:.0e}')


def _nms_row(number: int, span: float, repeats: int, threads: int) -> dict:
    boxes, scores = _boxes(number, span), torch.rand(number)
    kept, expected = rotated_nms(boxes, scores, 0.1), nms_rotated(boxes, scores, 0.1)[1]
    return _row('rotated NMS', measure(lambda: rotated_nms(boxes, scores, 0.1), repeats),
                measure(lambda: nms_rotated(boxes, scores, 0.1), repeats, warmup=1),
                f'{number} boxes in {span:.0f} m x {span:.0f} m, {len(kept)} kept, {threads} '
                f'threads; mmcv; {"same" if torch.equal(kept, expected) else "OTHER"} boxes')


def _nms_growth_row(repeats: int, threads: int) -> dict:
    """Exponents of CPU time about the number of boxes, as dense as ever: who overlaps grows too."""
    seconds: list[tuple[float, float]] = []
    for number in GROWING:
        boxes, scores = _boxes(number, 100.0 * (number / 2000) ** 0.5), torch.rand(number)
        ours, theirs = (
            measure(lambda nms=nms, given=(boxes, scores): nms(*given, 0.1), few, warmup=1,
                    clock=time.process_time).median
            for nms, few in ((rotated_nms, repeats), (nms_rotated, 1)))
        seconds.append((ours, theirs))
    values = [exponent(list(GROWING), list(times)) for times in zip(*seconds, strict=True)]
    costs = ', '.join(f'{number}: {1e3 * ours:.3g} and {1e3 * theirs:,.0f} ms'
                      for number, (ours, theirs) in zip(GROWING, seconds, strict=True))
    return dict(name='rotated NMS, exponent of the number of boxes', value=values[0], unit='',
                baseline=values[1], ratio=None,
                note=f'boxes of one density, CPU time, {threads} threads; {costs}; mmcv')


def _points_row(number: int, repeats: int, threads: int) -> dict:
    points, name = full_sweep()
    points = points[:, :3].contiguous()
    flat = _boxes(number, 100.0) - torch.tensor([50.0, 50.0, 0, 0, 0])
    boxes = torch.zeros(number, 7)
    boxes[:, [0, 1, 3, 4, 6]], boxes[:, 2], boxes[:, 5] = flat, -1.5, 2.0
    inside = points_in_boxes(points, boxes) >= 0
    same = torch.equal(inside, points_in_boxes_cpu(points[None], boxes[None])[0].any(1))
    return _row('points in boxes', measure(lambda: points_in_boxes(points, boxes), repeats),
                measure(lambda: points_in_boxes_cpu(points[None], boxes[None]), repeats, warmup=1),
                f'{len(points):,} points of a {name}, {number} boxes, {int(inside.sum()):,} '
                f'inside, {threads} threads; mmcv; {"same" if same else "OTHER"} points')


def _degenerate_row() -> dict:
    """How far boxes are from an IoU of 1 with themselves turned by pi."""
    boxes = _boxes(1000, 50.0)
    turned = boxes + torch.tensor([0, 0, 0, 0, math.pi])
    ours = (rotated_iou_bev(boxes, turned).diagonal() - 1).abs().max()
    theirs = (box_iou_rotated(boxes, turned, aligned=True) - 1).abs().max()
    return dict(name='rotated IoU, error on boxes turned by pi', value=float(ours), unit='',
                baseline=float(theirs), ratio=None, note='largest of 1000; mmcv')


def _boxes(number: int, span: float) -> Tensor:  # [N, 5]
    boxes = torch.rand(number, 5) * torch.tensor([span, span, 4.0, 2.0, 6.0])
    return boxes + torch.tensor([0, 0, 1.0, 0.5, -3.0])


def _row(name: str, ours: Timing, theirs: Timing, note: str) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms', baseline=theirs.milliseconds,
                ratio=theirs.median / ours.median, note=note)
