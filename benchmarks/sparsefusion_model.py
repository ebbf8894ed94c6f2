"""SparseFusion beside the released way: spconv, views one after the other, tables of attention."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from sparse3d.models.query import attention
from sparse3d.plugins import config_home
from sparse3d_benchmarks.released_convolutions import (
    NOTE,
    flat,
    for_spconv,
    released_convolutions,
)
from sparse3d_benchmarks.side_by_side import SideBySide
from sparse3d_benchmarks.sparsefusion import MODEL, scene_of
from sparse3d_benchmarks.sparsefusion_frame import IMAGE_SIZE, POINTS, DrawnFrame
from sparsefusion.deformable_decoder_layer import DeformableDecoderLayer
from sparsefusion.image_pyramid import ImagePyramid

MOST_REPEATS = 2


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for all behind the image backbone, whose layers are PyTorch's in both, and for the
    LiDAR's part alone, which is frozen in the published training."""
    frame, model = DrawnFrame.draw(), published_model()
    return [*lidar_comparison(model, frame).rows(min(repeats, MOST_REPEATS)),
            *head_comparison(model, frame).rows(min(repeats, MOST_REPEATS))]


def published_model() -> nn.Module:
    """The published model with random weights."""
    torch.manual_seed(0)
    init_default_scope('mmdet3d')
    return for_spconv(MODELS.build(Config.fromfile(config_home() / MODEL).model)).eval()


def lidar_comparison(model: nn.Module, frame: DrawnFrame) -> SideBySide:
    """From voxels to the map of the LiDAR."""
    voxels = model.data_preprocessor.voxelize([frame.points], [])

    def ours() -> Tensor:
        return model._map(voxels, 1, frame.points.device)[0]

    def original() -> Tensor:
        with released_convolutions():
            return ours()

    return SideBySide("SparseFusion's LiDAR part", ours, original, list(model.parameters()),
                      f'{len(voxels["coors"]):,} voxels; released: {NOTE}', backward=False)


def head_comparison(model: nn.Module, frame: DrawnFrame) -> SideBySide:
    """From maps of LiDAR and images to queries of all stages."""
    scene = scene_of(model, frame)
    head = model.bbox_head

    def ours() -> Tensor:
        found = head(scene)
        return flat([found.transferred, found.lidar, found.view, found.fused])

    def original() -> Tensor:
        with released_way():
            return ours()

    note = (f'{POINTS:,} drawn points, 6 images of {IMAGE_SIZE[1]} x {IMAGE_SIZE[0]}; released: '
            'views one by one, attention with its table of all pairs')
    return SideBySide("SparseFusion's head", ours, original, list(head.parameters()), note)


@contextmanager
def released_way() -> Iterator[None]:
    """Views and attention as released for the length of a block."""
    at_once = DeformableDecoderLayer.forward

    def one_by_one(self: DeformableDecoderLayer, queries: Tensor, positions: Tensor,
                   references: Tensor, padding: Tensor, images: ImagePyramid) -> Tensor:
        found = torch.zeros_like(queries)
        for group in range(len(queries)):
            there = ~padding[group]
            one = ImagePyramid([level[group:group + 1] for level in images.levels],
                               images.padding[group:group + 1], images.positions)
            given = (values[group, there][None] for values in (queries, positions, references))
            refined = at_once(self, *given, padding[group, there][None], one)
            found = found.index_put((torch.tensor(group), there.nonzero().squeeze(1)), refined[0])
        return found

    def with_table(layer: nn.MultiheadAttention, queries: Tensor, keys: Tensor,
                   padding: Tensor | None = None, seen: Tensor | None = None) -> Tensor:
        hidden = None if seen is None else (~seen).repeat_interleave(layer.num_heads, 0)
        return layer(queries, keys, keys, padding, attn_mask=hidden)[0]

    with patch.object(DeformableDecoderLayer, 'forward', one_by_one), \
            patch.object(attention, 'scaled_attention', with_table):
        yield
