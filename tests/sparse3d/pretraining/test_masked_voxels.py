"""Nothing of what is hidden reaches the encoder, and it learns what is hidden."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.pretraining.masked_inputs import occupied_voxels
from tiny_voxel_detectors import RANGE, SIZE, cloud, pillar_encoder, sparse_encoder

COLUMNS = dict(voxel_size=SIZE, point_cloud_range=RANGE, stride=4, shape=[8, 8])


def model(encoder='sparse', seed=0, **masking):
    init_default_scope('mmdet3d')
    torch.manual_seed(seed)
    columns, size, dynamic = dict(COLUMNS), SIZE, False
    voxel_encoder, middle_encoder = dict(type='HardSimpleVFE', num_features=4), sparse_encoder()
    if encoder in ('pillars', 'dynamic'):
        size = [1.6, 1.6, 3.2]
        columns.update(voxel_size=size, stride=1)
        middle_encoder = dict(type='PointPillarsScatter', in_channels=8, output_shape=[8, 8])
        voxel_encoder = pillar_encoder(size)
    if encoder == 'dynamic':
        dynamic = True
        voxel_encoder = dict(type='DynamicVoxelEncoder', in_channels=4, feat_channels=(8, 8),
                             voxel_size=size, point_cloud_range=RANGE)
    layer = dict(max_num_points=-1 if dynamic else 3, point_cloud_range=RANGE, voxel_size=size,
                 max_voxels=(-1, -1) if dynamic else (2000, 2000))
    return MODELS.build(dict(
        type='MaskedVoxelPretraining', voxel_encoder=voxel_encoder, middle_encoder=middle_encoder,
        columns=columns, bev_channels=8, point_channels=4, masking=masking,
        data_preprocessor=dict(type='Det3DDataPreprocessor', voxel=True, voxel_layer=layer,
                               voxel_type='dynamic' if dynamic else 'hard')))


def inputs(network, *clouds):
    data = dict(inputs=dict(points=list(clouds)), data_samples=None)
    return network.data_preprocessor(data, False)['inputs']


def moved_inside(points, hidden, grid, seed=5):
    """The points of hidden columns elsewhere in their voxels, others in number and intensity."""
    random = torch.Generator().manual_seed(seed)
    low, size = torch.tensor(RANGE[:3]), torch.tensor(grid.voxel_size)
    voxel = ((points[:, :3] - low) / size).floor()
    moved = points.clone()
    share = torch.rand(len(points), 3, generator=random) * 0.98 + 0.01
    moved[:, :3] = low + (voxel + share) * size
    moved[:, 3] = torch.rand(len(points), generator=random)
    twice = moved[hidden]
    twice[:, 3] += 1
    return torch.cat([torch.where(hidden[:, None], moved, points), twice])


def elsewhere(points, hidden, seed=6):
    """Other points in the same hidden columns of 1.6 m, at any height."""
    random = torch.Generator().manual_seed(seed)
    low = torch.tensor(RANGE[:2])
    column = ((points[:, :2] - low) / 1.6).floor()
    other = torch.rand(len(points), 4, generator=random)
    other[:, :2] = low + (column + other[:, :2] * 0.98 + 0.01) * 1.6
    other[:, 2] = RANGE[2] + other[:, 2] * 3.1
    # The first one of each column stays, so that the columns do.
    return torch.cat([points[~hidden], other[hidden]])


def encoded(network, points, seed=9):
    """The map, and which points are hidden."""
    torch.manual_seed(seed)
    batch = inputs(network, points)
    occupied, mask, _ = network.draw(batch)
    columns = ((points[:, :2] - torch.tensor(RANGE[:2])) / 1.6).long()
    hidden = torch.zeros(8, 8, dtype=torch.bool)
    cells = mask.cells[mask.masked]
    hidden[cells[:, 1], cells[:, 2]] = True
    return network.masked_map(batch, occupied, mask), hidden[columns[:, 1], columns[:, 0]]


@pytest.mark.parametrize('encoder', ['sparse', 'pillars', 'dynamic'])
@pytest.mark.parametrize('published', [False, True])
@pytest.mark.parametrize('training', [True, False])
def test_behind_a_token_only_the_voxel_set_shows(encoder, published, training):
    network = model(encoder, published_token=published).train(training)
    with torch.no_grad():
        network.point_token.copy_(torch.randn(len(network.point_token)))
    points = cloud(300)
    expected, hidden = encoded(network, points)
    assert 0.3 < float(hidden.float().mean()) < 0.95
    found, _ = encoded(network, moved_inside(points, hidden, network.grid))
    assert torch.equal(found, expected)
    shown = points.clone()
    shown[~hidden, 3] += 0.5  # the control: visible ones change
    assert not torch.equal(encoded(network, shown)[0], expected)


@pytest.mark.parametrize('encoder', ['sparse', 'pillars', 'dynamic'])
@pytest.mark.parametrize('training', [True, False])
def test_what_is_removed_does_not_show_at_all(encoder, training):
    network = model(encoder, mode='removed').train(training)
    points = cloud(300)
    expected, hidden = encoded(network, points)
    found, same = encoded(network, elsewhere(points, hidden))
    assert same[-int(hidden.sum()):].all()
    assert torch.equal(found, expected)
    assert not torch.equal(found, encoded(network, points[1:], seed=10)[0])


def test_points_above_a_pillar_are_hidden_with_it():
    """An encoder of all heights would see them."""
    network = model('dynamic')
    network.voxel_encoder.all_heights = True
    points = cloud(300)
    high = points[::3].clone()
    high[:, 2] += 10
    expected, hidden = encoded(network, torch.cat([points, high]))
    changed = high.clone()
    changed[:, 3] = 7
    kept = torch.where(hidden[len(points):, None], changed, high)
    assert hidden[len(points):].any()
    assert torch.equal(encoded(network, torch.cat([points, kept]))[0], expected)
    assert not torch.equal(encoded(network, torch.cat([points, changed]))[0], expected)


def test_losses_have_gradients_everywhere():
    network = model()
    torch.manual_seed(0)
    losses = network(inputs(network, cloud(300), cloud(200, 3)), mode='loss')
    sum(losses.values()).backward()
    assert set(losses) == {'loss_points', 'loss_density'}
    lacking = [name for name, value in network.named_parameters()
               if value.grad is None or not value.grad.isfinite().all()]
    assert lacking == []
    assert network.point_token.grad.any()


@pytest.mark.parametrize('mode', ['token', 'removed'])
def test_a_cloud_of_nothing_and_one_with_all_hidden(mode):
    network = model(mode=mode, ratio=1.0).eval()
    for points in (cloud(50), torch.tensor([[90.0, 0, 0, 0]])):
        losses = network(inputs(network, points, cloud(20)), mode='loss')
        assert all(bool(value.isfinite()) for value in losses.values())


def test_another_mode_is_refused_and_nothing_is_detected():
    with pytest.raises(ConfigError, match="'erased'"):
        model(mode='erased')
    with pytest.raises(ConfigError, match='pretrained_encoder'):
        model()({}, mode='predict')


def test_voxels_voxel_of_point_are_told():
    network = model('dynamic')
    batch = inputs(network, cloud(100))
    occupied = occupied_voxels(batch['voxels'], network.grid)
    assert int(occupied.counts.sum()) == 100 == int((occupied.voxel_of_point >= 0).sum())
    assert torch.equal(occupied.coordinates[occupied.voxel_of_point],
                       batch['voxels']['coors'].long())


def test_it_learns_more_than_a_constant_and_than_an_encoder_that_stays_random():
    """Points lie in one of two ways in a column, as its neighbor's; a map alone cannot tell."""
    def learn(frozen):
        network = model(seed=1, ratio=0.5)
        for part in (network.voxel_encoder, network.middle_encoder):
            part.requires_grad_(not frozen)
        optimizer = torch.optim.Adam([value for value in network.parameters()
                                      if value.requires_grad], 1e-2)
        for step in range(70):
            torch.manual_seed(step)
            losses = network(inputs(network, *(walls(4 * step + k) for k in range(4))), mode='loss')
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
        torch.manual_seed(1000)
        with torch.no_grad():
            return float(network(inputs(network, *(walls(1000 + k) for k in range(16))),
                                 mode='loss')['loss_points'])
    learned = learn(frozen=False)
    assert learned < 0.9 * learn(frozen=True)


def walls(seed):
    """Each half of a cloud has its points low and bright, or high and dark."""
    random = torch.Generator().manual_seed(seed)
    points = cloud(400, seed)
    for half in (points[:, 1] < 0, points[:, 1] >= 0):
        low = bool(torch.rand((), generator=random) < 0.5)
        points[half, 2] = (-1.9 if low else 0.7) + 0.1 * torch.rand(int(half.sum()),
                                                                    generator=random)
    return points
