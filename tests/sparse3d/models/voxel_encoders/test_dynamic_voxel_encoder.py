"""Dynamic voxel features against a loop over voxels."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sparse3d.errors import ConfigError
from sparse3d.models.voxel_encoders import DynamicVoxelEncoder
from sparse3d.ops.cells import segments_of
from sparse3d.ops.voxelization import voxel_coordinates

SIZE, RANGE = (1.0, 2.0, 3.0), (0.0, -4.0, -3.0, 4.0, 4.0, 3.0)


def encoder(**settings) -> DynamicVoxelEncoder:
    return DynamicVoxelEncoder(4, (8, 6), SIZE, RANGE, **settings)


def batch(counts=(60, 40)):
    points, coordinates = [], []
    for sample, count in enumerate(counts):
        cloud = torch.rand(count, 4) * torch.tensor([6, 8, 6, 1.]) - torch.tensor([1, 4, 3, 0.])
        cells = voxel_coordinates(cloud, SIZE, RANGE)
        points.append(cloud)
        coordinates.append(F.pad(cells, (1, 0), value=sample))
    return torch.cat(points), torch.cat(coordinates)


def in_a_loop(module: DynamicVoxelEncoder, points, coordinates):
    """Voxel after voxel, by sample, x, y, z."""
    members = {}
    for row, (sample, z, y, x) in enumerate(coordinates.tolist()):
        if z >= 0:
            members.setdefault((sample, x, y, z), []).append(row)
    features, cells = [], []
    for key in sorted(members):
        sample, x, y, z = key
        own = points[members[key]]
        center = torch.tensor([(x + 0.5) * 1.0, (y + 0.5) * 2.0 - 4, (z + 0.5) * 3.0 - 3])
        to_mean, to_center = own[:, :3] - own[:, :3].mean(0), own[:, :3] - center
        if not module.meters:
            own = torch.cat([(own[:, :3] - torch.tensor([2., 0, 0])) / torch.tensor([2., 4, 3]),
                             own[:, 3:]], 1)
            to_mean, to_center = (offset / torch.tensor([0.5, 1, 1.5])
                                  for offset in (to_mean, to_center))
        described = torch.cat([own, to_mean, to_center], 1)
        first, second = module.pfn_layers
        hidden = first.norm(first.linear(described)).relu()
        joined = torch.cat([hidden, hidden.amax(0).expand_as(hidden)], 1)
        features.append(second.norm(second.linear(joined)).relu().amax(0))
        cells.append([sample, z, y, x])
    return torch.stack(features), torch.tensor(cells, dtype=torch.int32)


@pytest.mark.parametrize('published', [False, True])
def test_agrees_with_the_loop(published):
    module = encoder(meters=published).eval()
    points, coordinates = batch()
    assert (coordinates[:, 1] == -1).any()
    features, cells = module(points, coordinates)
    expected, expected_cells = in_a_loop(module, points, coordinates)
    assert torch.equal(cells, expected_cells)
    torch.testing.assert_close(features, expected)


def test_everything_comes_in_on_one_scale():
    """A far corner of the range and the far corner of a voxel are both 1."""
    module = encoder()
    described = module._describe(torch.tensor([[4., 4, 3, 0.5]]), torch.tensor([[0, 1, 3, 3]]),
                                 segments_of(torch.tensor([7])))
    assert described.tolist() == [[1, 1, 1, 0.5, 0, 0, 0, 1, 1, 1]]


def test_the_order_of_points_does_not_matter():
    module = encoder().eval()
    points, coordinates = batch()
    shuffled = torch.randperm(len(points))
    features, cells = module(points, coordinates)
    again, cells_again = module(points[shuffled], coordinates[shuffled])
    assert torch.equal(cells, cells_again)
    torch.testing.assert_close(features, again)


def test_no_point_and_one_point_in_training():
    module = encoder().train()
    for counts in ((0, 0), (1, 0)):
        points, coordinates = batch(counts)
        points[:, 0] = points[:, 0].clamp(min=0.5)
        coordinates = torch.cat([coordinates[:, :1], voxel_coordinates(points, SIZE, RANGE)], 1)
        features, cells = module(points, coordinates)
        assert features.shape == (counts[0], 6)
        assert cells.shape == (counts[0], 4)
        features.sum().backward()


def test_gradients_reach_points_and_weights():
    module = encoder().double().eval()
    points, coordinates = batch((12, 5))
    points = points.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: module(values, coordinates)[0], points)


def test_pillars_hold_points_of_any_height_where_they_are_asked_to():
    pillars = dict(voxel_size=(1.0, 2.0, 6.0), point_cloud_range=RANGE)
    points = torch.tensor([[0.5, 0.5, 9, 1], [0.5, 0.5, 0, 1], [9.0, 0.5, 0, 1]])
    coordinates = F.pad(voxel_coordinates(points, *pillars.values()), (1, 0), value=1)
    assert (coordinates[0] == -1).any()
    kept = DynamicVoxelEncoder(4, (8, 6), **pillars, all_heights=True).eval()
    features, cells = kept(points, coordinates)
    assert cells.tolist() == [[1, 0, 2, 0]]
    dropped = DynamicVoxelEncoder(4, (8, 6), **pillars).eval()
    dropped.load_state_dict(kept.state_dict())
    assert not torch.allclose(dropped(points, coordinates)[0], features)
    with pytest.raises(ConfigError, match='2 voxels along z'):
        encoder(all_heights=True)


def test_samples_behind_the_overflow_of_32_bits_are_lost_where_that_is_asked_for():
    """The grid of Argoverse 2 up to 200 m has 640 million voxels: the fourth sample is too much."""
    size, limits = (0.1, 0.1, 0.2), (-200.0, -200, -4, 200, 200, 4)
    points = torch.tensor([[150.0, 1, 0, 0]] * 5)
    coordinates = F.pad(voxel_coordinates(points, size, limits), (1, 0))
    coordinates[:, 0] = torch.arange(5)
    right = DynamicVoxelEncoder(4, (8, 6), size, limits).eval()
    assert torch.equal(right(points, coordinates)[1], coordinates)
    published = DynamicVoxelEncoder(4, (8, 6), size, limits, int32_keys=True).eval()
    features, cells = published(points, coordinates)
    assert torch.equal(cells, coordinates[:3]) and len(features) == 3
