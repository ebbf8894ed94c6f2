"""Sparse4D's decoder, packing of maps included, beside the released way without its kernel."""
from __future__ import annotations

from unittest.mock import patch

import torch
from mmengine.config import Config
from torch import Tensor

from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.structures.cameras import Cameras
from sparse3d_benchmarks.released_convolutions import flat
from sparse3d_benchmarks.side_by_side import SideBySide
from sparse3d_benchmarks.sparse4d import CHANNELS, HALF, STRIDES, weighted_readings
from sparse4d import aggregation
from sparse4d.frame import Frame
from sparse4d.onnx_export import CAMERAS, ring_of_cameras

CONFIG = 'sparse4d_v3_r50_nuscenes'
MOST_REPEATS = 3


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for all layers of the first frame, from feature maps to instances."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison(image: tuple[int, int] = HALF) -> SideBySide:
    """The published head on drawn maps."""
    torch.manual_seed(0)
    head = build_model(Config(load_config(CONFIG).to_dict())).bbox_head
    maps = [torch.randn(1, CAMERAS, CHANNELS, image[0] // stride, image[1] // stride)
            .requires_grad_() for stride in STRIDES]
    matrices = torch.from_numpy(ring_of_cameras(image)).float()[None]
    frame = Frame(Cameras.of_matrices(matrices, image), torch.zeros(1, dtype=torch.float64),
                  torch.eye(4, dtype=torch.float64)[None])

    def ours() -> Tensor:
        found = head(maps, frame)[0]
        return flat([found.anchors, found.logits[-1]])

    def original() -> Tensor:
        with patch.object(head, 'pack', lambda maps: maps), \
                patch.object(aggregation, 'deformable_aggregation', at_once):
            return ours()

    note = (f'{head.bank.options.num_anchors} instances, {head.options.num_layers} layers, '
            f'{CAMERAS} cameras, {image[1]} x {image[0]}, batch 1; released without its kernel: '
            'all readings at once, then weighted')
    return SideBySide('Sparse4D decoder', ours, original, [*maps, *head.parameters()], note)


def at_once(maps: list[Tensor], points: Tensor, weights: Tensor, *_: object) -> Tensor:
    """In place of the aggregation."""
    return weighted_readings(maps, points, weights)
