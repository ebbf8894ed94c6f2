"""Pooling around grid points and key points against loops over the queries."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor
from torch import nn

from focalsconv.keypoint_abstraction import (
    KeypointEncoder,
    KeypointRoIPooling,
    Keypoints,
    PointNeighborhood,
)
from focalsconv.voxel_pooling import VoxelNeighborhood, VoxelRoIPooling

SIZE, RANGE = [0.1, 0.1, 0.2], [0, -2, -1, 4, 2, 1]


def randomize(module: nn.Module) -> nn.Module:
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return module.eval()


def voxels(channels: int = 5, count: int = 200, shape=(10, 40, 40)) -> SparseConvTensor:
    cells = torch.randperm(2 * shape[0] * shape[1] * shape[2])[:count]
    x, rest = cells % shape[2], cells // shape[2]
    coordinates = torch.stack([rest // shape[1] // shape[0], rest // shape[1] % shape[0],
                               rest % shape[1], x], 1).int()
    return SparseConvTensor(torch.randn(count, channels), coordinates, list(shape), 2)


def test_voxels_around_a_query_by_a_loop():
    layer = randomize(VoxelNeighborhood(5, [6, 7], [2, 3, 4], 0.45, 4))
    given = voxels(count=2000)
    centers = (given.indices[:, [3, 2, 1]] + 0.5) * torch.tensor(SIZE)
    queries = torch.rand(30, 3) * torch.tensor([4., 4, 2])
    sample = torch.randint(0, 2, (30, 1))
    cells = torch.cat([sample, (queries / torch.tensor(SIZE)).floor().long().flip(1)], 1)
    with torch.no_grad():
        pooled = layer(given, centers, queries, cells)
        for query, cell, result in zip(queries, cells, pooled, strict=True):
            near = []
            for row in sorted(range(2000), key=lambda row: given.indices[row].tolist()):
                step = (given.indices[row].long() - cell).abs()
                if step[0] == 0 and (step[1:] <= torch.tensor([2, 3, 4])).all() and (
                        centers[row] - query).norm() <= 0.45:
                    near.append(row)
            near = near[:4]
            features = layer.voxel_mlp(given.features[near]) + layer.position_mlp(
                centers[near] - query) if near else layer.position_mlp(torch.zeros(1, 3))
            expected = layer.output(features.relu().amax(0, keepdim=True))[0]
            torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def test_where_no_voxel_is_near_nothing_of_another_one_is_read():
    layer, given = randomize(VoxelNeighborhood(5, [6, 7], [2, 3, 4], 0.45, 4)), voxels()
    centers = (given.indices[:, [3, 2, 1]] + 0.5) * torch.tensor(SIZE)
    broken = given.replace_feature(torch.full_like(given.features, torch.nan))
    far, cells = torch.full((2, 3), 900.0), torch.full((2, 4), 900)
    with torch.no_grad():
        assert layer(broken, centers, far, cells).equal(layer(given, centers, far, cells))


def test_stages_are_pooled_side_by_side():
    options = dict(channels=[4, 4], reach=[4, 4, 4], radius=0.8, limit=8)
    pooling = randomize(VoxelRoIPooling({'1': dict(in_channels=5, **options),
                                         '2': dict(in_channels=3, **options)}, SIZE, RANGE))
    stages = [voxels(5), voxels(3, shape=(5, 20, 20))]
    queries, sample = torch.rand(9, 3) * 2 - torch.tensor([0., 1, 1]), torch.tensor([0, 1, 0] * 3)
    with torch.no_grad():
        both = pooling(dict(stages=stages), queries, sample)
        assert both.shape == (9, pooling.out_channels) == (9, 8)
        other = pooling(dict(stages=[stages[0], voxels(3, 0, (5, 20, 20))]), queries, sample)
    assert torch.equal(both[:, :4], other[:, :4])
    assert pooling(dict(stages=stages), queries[:0], sample[:0]).shape == (0, 8)


def test_balls_by_a_loop():
    layer = randomize(PointNeighborhood(2, [[4, 6], [5]], [0.5, 1.5], [3, 8]))
    points, features = torch.randn(150, 3), torch.randn(150, 2)
    sample, queries = torch.randint(0, 2, (150,)), torch.randn(20, 3) * 1.5
    of = torch.randint(0, 2, (20,))
    with torch.no_grad():
        pooled = layer(points, sample, features, queries, of)
        for row in range(20):
            parts = []
            for (radius, limit), layers in zip(layer.scales, layer.layers, strict=True):
                near = ((points - queries[row]).norm(dim=1) < radius) & (sample == of[row])
                near = near.nonzero()[:limit, 0]
                grouped = torch.cat([points[near] - queries[row], features[near]], 1) if len(
                    near) else torch.zeros(1, 5)
                parts.append(layers(grouped).amax(0))
            torch.testing.assert_close(pooled[row], torch.cat(parts), rtol=0, atol=1e-5)


def key_point_encoder(count: int = 16) -> KeypointEncoder:
    balls = dict(channels=[[4, 4]] * 2, radii=[0.4, 0.8], limits=[4, 4])
    return KeypointEncoder(
        count, stages={'1': dict(in_channels=5, **balls)}, points=dict(in_channels=1, **balls),
        bev=dict(channels=3, stride=4), voxel_size=SIZE, point_cloud_range=RANGE, out_channels=6,
        score=dict(channels=(8, )))


@pytest.mark.parametrize('training', [True, False])
def test_key_points(training):
    encoder = key_point_encoder().train(training)
    clouds = [torch.rand(40, 4) * 2, torch.rand(5, 4), torch.zeros(0, 4)]
    features = dict(bev=torch.randn(3, 3, 10, 10), stages=[voxels()])
    keypoints = encoder(clouds, features)
    assert keypoints.sample.tolist() == [0] * 16 + [1] * 16  # a small cloud repeats its points
    assert keypoints.features.shape == (32, 6) and keypoints.logits.shape == (32,)
    box = torch.tensor([[1., 1, 0, 1, 1, 2, 0]])
    loss = encoder.losses(keypoints, [box, box[:0], box])['loss_keypoint_score']
    assert torch.isfinite(loss) and loss > 0


def test_the_map_is_read_where_the_key_point_is():
    encoder = key_point_encoder()
    # The map's value is its own column number: cell i stands for x = 0.4 i.
    bev = torch.arange(10.).expand(1, 3, 10, 10)
    places = torch.tensor([[0.8, 0, 0], [1.0, 1, 0], [3.99, -1, 0]])
    read = encoder._from_map(bev, places, torch.zeros(3).long())
    assert read[:, 0].tolist() == pytest.approx([2, 2.5, 9], abs=1e-4)


def test_loss_of_key_points_by_hand():
    encoder = key_point_encoder()
    # Inside, within the margin of 0.1 m, and outside of a box from x = 0 to 2.
    places = torch.tensor([[1., 0, 0.5], [2.05, 0, 0.5], [3, 0, 0.5]])
    logits = torch.zeros(3)
    keypoints = Keypoints(places, torch.zeros(3).long(), torch.zeros(3, 6), logits)
    loss = encoder.losses(keypoints, [torch.tensor([[1., 0, 0, 2, 1, 1, 0]])])
    # Each counts ln 2 / 4; weights 0.25, 0, 0.75; one object point.
    assert loss['loss_keypoint_score'].item() == pytest.approx(0.693147 / 4)


def test_regions_see_key_points_by_their_score():
    pooling = randomize(KeypointRoIPooling(in_channels=6, channels=[[4]], radii=[1.0],
                                           limits=[4]))
    places = torch.zeros(1, 3)
    features = torch.randn(1, 6)

    def pooled(logit: float):
        keypoints = Keypoints(places, torch.zeros(1).long(), features, torch.tensor([logit]))
        return pooling(dict(keypoints=keypoints), torch.zeros(1, 3), torch.zeros(1).long())
    with torch.no_grad():
        grouped = torch.cat([torch.zeros(1, 3), features * 0.5], 1)
        torch.testing.assert_close(pooled(0.0), pooling.layer.layers[0](grouped))
        assert not torch.equal(pooled(0.0), pooled(3.0))
