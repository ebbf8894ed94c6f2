"""The benchmark compares like with like: both ways of growing give the same voxels."""
from __future__ import annotations

import sys

import pytest
import torch
from spconv.pytorch import SparseConvTensor

import focalsconv.register  # noqa: F401
from focalsconv import FocalOptions, FocalSparseConvolution, Importance
from focalsconv.importance_loss import importance_loss, inside_boxes
from sparse3d_benchmarks import focalsconv as benchmark
from sparse3d_benchmarks import focalsconv_encoder as encoder_benchmark
from sparse3d_benchmarks.focalsconv_loop import dilate_in_a_loop, importance_loss_in_a_loop

SHAPE = [12, 40, 40]


@pytest.fixture
def cloud():
    # Away from index 0, where the released sort keys collide.
    cells = torch.randperm(2 * 11 * 39 * 39)[:800]
    coordinates = torch.stack([cells // (11 * 39 * 39), cells // (39 * 39) % 11 + 1,
                               cells // 39 % 39 + 1, cells % 39 + 1], 1)
    return torch.randn(800, 4), coordinates.int(), torch.randn(800, 27)


def test_the_loop_grows_the_same_voxels(cloud):
    features, coordinates, logits = cloud
    options = FocalOptions(mask_multi=True, published=dict(skip_index_zero=True))
    layer = FocalSparseConvolution(4, 3, 0, options, dict(type='BN1d'), '', '')
    cells, values, _ = layer.dilate(SparseConvTensor(features, coordinates, SHAPE, 2),
                                    Importance(logits, coordinates, 2))
    loop_cells, loop_values = dilate_in_a_loop(
        features, coordinates, logits, layer.offsets, SHAPE, 2
    )
    assert torch.equal(cells, loop_cells)  # small keys: float32 is exact here
    torch.testing.assert_close(values, loop_values)


def test_the_table_gives_the_same_loss(cloud):
    _, coordinates, logits = cloud
    corners = coordinates[:, [3, 2, 1]] * 0.1
    boxes = [torch.rand(5, 7) * 3, torch.rand(3, 7) * 3]
    targets = inside_boxes(corners, coordinates[:, 0].long(), boxes)
    assert targets.any()
    torch.testing.assert_close(importance_loss(logits[:, -1].sigmoid(), targets),
                               importance_loss_in_a_loop(logits, corners, coordinates, boxes))


SMALL = dict(sparse_shape=[41, 40, 40], point_cloud_range=[0, 0, -3, 2, 2, 1],
             voxel_size=[0.05, 0.05, 0.1])


def test_rows_of_layer_and_encoders(monkeypatch, cloud):
    features, coordinates, _ = cloud
    boxes = [torch.tensor([[1., 1, 1, 2, 2, 2, 0]])] * 2
    monkeypatch.setattr(benchmark, 'BATCH', 2)
    monkeypatch.setattr(benchmark, 'voxels', lambda: (features, coordinates, 'drawn cells'))
    monkeypatch.setattr(benchmark, 'KITTI', {**encoder_benchmark.KITTI, **SMALL})
    monkeypatch.setattr(benchmark, 'NUSCENES', {**encoder_benchmark.NUSCENES, **SMALL})
    five = torch.nn.functional.pad(features, (0, 1))
    monkeypatch.setattr(benchmark, '_nuscenes_voxels', lambda: (
        (five, coordinates, boxes), 'drawn cells'))
    rows = benchmark.run(threads=1, repeats=1)
    whole = [row for row in rows if row['name'].endswith('memory of the process')]
    assert len(whole) == (2 if sys.platform == 'linux' else 0)  # too small here to grow at all
    rows = [row for row in rows if row not in whole]
    assert [row['name'] for row in rows[3:]] == [
        f'{data} encoder, {what}' for data in ('KITTI', 'nuScenes')
        for what in ('forward', 'training step', 'training step, peak memory')]
    assert all(row['value'] > 0 and row['baseline'] > 0 for row in rows)
    assert 'same voxels and loss' in rows[0]['note']


def test_the_encoder_in_loops_computes_the_same(cloud, monkeypatch):
    # Further stages would bring voxels to index 0, where the released keys collide.
    monkeypatch.setitem(encoder_benchmark.FOCAL['focal'], 'stages', (1, ))
    features, coordinates, _ = cloud
    boxes = [torch.tensor([[0.5, 0.5, -2.8, 1, 1, 1, 0.3]])] * 2
    inputs = encoder_benchmark.encoder_inputs(features, coordinates, boxes,
                                              {**encoder_benchmark.KITTI, **SMALL})
    ours, theirs = inputs.forward(inputs.focal), inputs.forward(inputs.published)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-3)
    losses = [sum(encoder.auxiliary_losses(encoder.encode(features, coordinates, 2)[1],
                                           boxes).values()) for encoder in (inputs.focal,
                                                                            inputs.published)]
    torch.testing.assert_close(*losses)
