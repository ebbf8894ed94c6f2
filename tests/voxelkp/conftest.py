"""The stored outputs of the released code and the model they belong to."""
from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

import voxelkp.register  # noqa: F401  (registers the parts)
from voxelkp.head_outputs import HeadOutputs
from voxelkp.keypoint_targets import People
from voxelkp.published_architecture import PUBLISHED_MODEL
from voxelkp.published_checkpoint import BRANCHES, convert_weights

FOLDER = Path(__file__).resolve().parents[1] / 'fixtures' / 'voxelkp'


@dataclass
class Golden:
    """Stored arrays by file."""

    inputs: dict = field(default_factory=lambda: _load('inputs'))
    outputs: dict = field(default_factory=lambda: _load('outputs'))
    decode: dict = field(default_factory=lambda: _load('decode'))
    losses: dict = field(default_factory=lambda: _load('loss'))

    def gradient_norms(self) -> dict[str, float]:
        return json.loads((FOLDER / 'gradnorms.json').read_text())

    @staticmethod
    def published_tensor(name: str, shape: list[int]) -> np.ndarray:
        return _values(name, shape)

    def voxels(self) -> tuple[Tensor, Tensor]:
        """Features and coordinates of both frames."""
        return (torch.from_numpy(self.inputs['voxel_features']),
                torch.from_numpy(self.inputs['voxel_coords']))

    def people(self) -> list[People]:
        """Labels of each frame, without padding."""
        frames = []
        for boxes, joints, visibility in zip(
                self.inputs['gt_boxes'], self.inputs['gt_keypoints'],
                self.inputs['gt_visibility'], strict=True):
            real = boxes[:, 7] > 0
            frames.append(People(*map(torch.from_numpy, (
                boxes[real, :7], joints[real], visibility[real]))))
        return frames

    def head_outputs(self, values: dict, prefix: str, requires_grad: bool = False) -> HeadOutputs:
        """Stored raw outputs as ours."""
        raw = {ours: torch.from_numpy(values[f'{prefix}/{theirs}']).requires_grad_(requires_grad)
               for theirs, ours in BRANCHES.items()}
        raw['heatmap'], raw['iou'] = raw['heatmap'].squeeze(1), raw['iou'].squeeze(1)
        for values in (raw['heatmap'], raw['iou']):
            if requires_grad:
                values.retain_grad()
        return HeadOutputs(torch.from_numpy(self.outputs['head/coords']).int(), 2, **raw)


def _load(name: str) -> dict:
    with np.load(FOLDER / f'{name}.npz') as stored:
        return {key: stored[key] for key in stored.files}


def published_state() -> dict[str, Tensor]:
    """A checkpoint in the released layout; each tensor follows from its name and shape."""
    entries = json.loads((FOLDER / 'state.json').read_text())
    return {name: torch.from_numpy(np.asarray(constant[0] if constant else _values(name, shape)))
            .reshape(tuple(shape)) for name, shape, *constant in entries}


def _values(name: str, shape: list[int]) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rsplit('.', 1)[-1]
    if kind == 'num_batches_tracked':
        return np.zeros(shape, np.int64)
    if kind == 'running_var':
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind in ('running_mean', 'bias'):
        spread = 0.1 if kind == 'running_mean' else 0.05
        return (spread * random.standard_normal(shape)).astype(np.float32)
    if len(shape) == 1:
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    return (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


class PublishedParts(nn.Module):
    """Encoder, fusion and head under the names of the detector, with the released weights."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        with torch.device('meta'):
            self.middle_encoder = MODELS.build(dict(
                PUBLISHED_MODEL['middle_encoder'], published=dict(batch_anchor=True)))
            self.neck = MODELS.build(dict(
                PUBLISHED_MODEL['neck'], published=dict(cell_offsets=True, level_weights=True)))
            self.bbox_head = MODELS.build(dict(PUBLISHED_MODEL['bbox_head']))
        self.to_empty(device='cpu')
        weights = OrderedDict(weights)
        weights._metadata = self.state_dict()._metadata
        self.load_state_dict(weights)

    def forward(self, features: Tensor, coordinates: Tensor, batch_size: int) -> HeadOutputs:
        return self.bbox_head(self.neck(self.middle_encoder(features, coordinates, batch_size)))

    def anchor_by_batch(self, published: bool) -> None:
        """Begin the attention windows at the batch's lowest voxel, or at each frame's."""
        for module in self.modules():
            if hasattr(module, 'published_batch_anchor'):
                module.published_batch_anchor = published


@pytest.fixture(scope='session')
def golden() -> Golden:
    return Golden()


@pytest.fixture(scope='session')
def published_parts() -> PublishedParts:
    """The whole released model, 111 million weights; leave it in evaluation mode."""
    weights, unknown = convert_weights(published_state())
    assert unknown == []
    return PublishedParts(weights).eval()


@pytest.fixture
def published_model(published_parts) -> PublishedParts:
    """As ``published_parts``, put back into the released mode after the test."""
    published_parts.anchor_by_batch(True)
    yield published_parts.eval()
    published_parts.float().eval().anchor_by_batch(True)
