"""Hard and mean voxelization against a loop, mmcv's compiled operator and hand-made clouds."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.utils import ext_loader

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.voxelization import hard_voxelize, mean_voxelize, voxel_coordinates

SIZE = (0.5, 0.5, 1.0)
RANGE = (-2.0, -1.0, -1.0, 2.0, 1.0, 1.0)
NUSCENES = ((0.075, 0.075, 0.2), (-54.0, -54.0, -5.0, 54.0, 54.0, 3.0))

compiled = ext_loader.load_ext('_ext', ['hard_voxelize_forward', 'dynamic_voxelize_forward'])


def mmcv_hard(points, voxel_size, point_cloud_range, max_points, max_voxels):
    """mmcv's compiled operator, past any repair of its Python side."""
    voxels = points.new_zeros((max_voxels, max_points, points.shape[1]))
    coordinates = torch.zeros((max_voxels, 3), dtype=torch.int)
    num_points = torch.zeros(max_voxels, dtype=torch.int)
    count = torch.zeros((), dtype=torch.long)
    compiled.hard_voxelize_forward(
        points, torch.tensor(voxel_size), torch.tensor(point_cloud_range), voxels, coordinates,
        num_points, count, max_points=max_points, max_voxels=max_voxels, NDim=3,
        deterministic=True)
    return voxels[:count], coordinates[:count], num_points[:count]


def assert_same(left, right):
    for ours, theirs in zip(left, right, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def test_three_points_by_hand():
    points = torch.tensor([[0.1, 0.1, 0.0, 7.0],    # voxel x 4, y 2, z 1
                           [-2.0, -1.0, -1.0, 8.0],  # the corner: voxel 0, 0, 0
                           [0.4, 0.4, 0.9, 9.0],     # with the first
                           [2.0, 0.0, 0.0, 1.0]])    # upper face: outside
    voxels, coordinates, num_points = hard_voxelize(points, SIZE, RANGE, 3, 10)
    assert coordinates.tolist() == [[1, 2, 4], [0, 0, 0]]
    assert num_points.tolist() == [2, 1]
    assert torch.equal(voxels[0], torch.stack([points[0], points[2], torch.zeros(4)]))
    means, mean_coordinates, counts = mean_voxelize(points, SIZE, RANGE)
    assert torch.equal(mean_coordinates, coordinates) and torch.equal(counts, num_points)
    assert torch.allclose(means[0], (points[0] + points[2]) / 2)
    assert voxel_coordinates(points, SIZE, RANGE).tolist() == [
        [1, 2, 4], [0, 0, 0], [1, 2, 4], [-1, -1, -1]]


@pytest.mark.parametrize('max_points, max_voxels', [(1, 5), (3, 1000), (35, 7)])
def test_equals_mmcv_on_random_points_with_both_limits(max_points, max_voxels):
    points = torch.rand(3000, 5) * torch.tensor([5.0, 3.0, 3.0, 1.0, 1.0]) - 2.5
    assert_same(hard_voxelize(points, SIZE, RANGE, max_points, max_voxels),
                mmcv_hard(points, SIZE, RANGE, max_points, max_voxels))


def test_equals_mmcv_on_every_face_of_the_grid():
    """Multiples of the voxel size and their float neighbors, where rounding decides."""
    size, limits = NUSCENES
    faces = torch.arange(-725, 726, dtype=torch.float64).mul(size[0]).float()
    infinity = torch.tensor(float('inf'))
    x = torch.cat([faces, faces.nextafter(infinity), faces.nextafter(-infinity)])
    heights = torch.tensor([-5.0, 3.0, -0.2, 0.0, 2.9999999]).repeat(len(x))[:len(x)]
    points = torch.stack([x, x.flip(0), heights], 1)
    assert_same(hard_voxelize(points, size, limits, 2, 5000),
                mmcv_hard(points, size, limits, 2, 5000))
    theirs = torch.zeros((len(points), 3), dtype=torch.int)
    compiled.dynamic_voxelize_forward(
        points, torch.tensor(size), torch.tensor(limits), theirs, NDim=3)
    assert torch.equal(voxel_coordinates(points, size, limits), theirs)


@pytest.mark.parametrize('extent', [2.5, 3.5, 2.4, 2.6])
def test_equals_mmcv_where_the_range_is_not_a_whole_number_of_voxels(extent):
    """Half a voxel counts as one, of an even number and of an odd one."""
    places = torch.arange(0.1, 4.5, 0.2)
    points = torch.stack([places, places.flip(0) % extent, places % extent], 1)
    setting = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0, extent, extent, extent), 5, 100
    ours = hard_voxelize(points, *setting)
    assert_same(ours, mmcv_hard(points, *setting))
    cells = 2 if extent == 2.4 else round(extent + 0.01)
    assert ours[1][:, 2].max() == cells - 1


def test_equals_mmcv_in_double_precision():
    points = torch.rand(2000, 4, dtype=torch.float64) * 6 - 3
    assert_same(hard_voxelize(points, SIZE, RANGE, 4, 300), mmcv_hard(points, SIZE, RANGE, 4, 300))


def test_equals_mmcv_on_a_real_sweep(real_data_dir):
    sweep, = (real_data_dir / 'nuscenes_frame').glob('*LIDAR_TOP*.bin')
    points = torch.from_numpy(np.fromfile(sweep, np.float32).reshape(-1, 5))
    ours = hard_voxelize(points, *NUSCENES, 10, 120000)
    assert_same(ours, mmcv_hard(points, *NUSCENES, 10, 120000))
    means, coordinates, _ = mean_voxelize(points, *NUSCENES, max_points=10)
    assert torch.equal(coordinates, ours[1])
    expected = ours[0].double().sum(1) / ours[2][:, None]
    torch.testing.assert_close(means.double(), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sorting_agrees_with_the_reference(data):
    number = data.draw(st.integers(0, 40))
    coordinate = st.one_of(st.floats(-3, 3, width=32),
                           st.sampled_from([float('nan'), float('inf'), -1.0, 2.0, 0.5, -0.0]))
    rows = data.draw(st.lists(st.tuples(coordinate, coordinate, coordinate),
                              min_size=number, max_size=number))
    points = torch.tensor(rows, dtype=torch.float32).reshape(-1, 3)
    limits = [data.draw(st.sampled_from([1, 2, 5, -1])) for _ in range(2)]
    assert_same(hard_voxelize(points, SIZE, RANGE, *limits),
                hard_voxelize(points, SIZE, RANGE, *limits, backend='reference'))


@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 1e-6), (torch.float16, 2e-3)])
def test_mean_agrees_with_hard_voxels(dtype, tolerance):
    points = (torch.rand(500, 4) * 4 - 2).to(dtype)
    for limit in (2, -1):
        voxels, coordinates, num_points = hard_voxelize(points, SIZE, RANGE, limit, -1)
        means, mean_coordinates, counts = mean_voxelize(points, SIZE, RANGE, limit)
        assert means.dtype == dtype
        assert torch.equal(mean_coordinates, coordinates) and torch.equal(counts, num_points)
        expected = voxels.double().sum(1) / num_points[:, None]
        torch.testing.assert_close(means.double(), expected, rtol=tolerance, atol=tolerance)


def test_mean_has_the_gradient_of_a_mean():
    points = torch.rand(12, 4, dtype=torch.float64) * 2 - 1
    features = torch.rand(12, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda f: mean_voxelize(torch.cat([points, f], 1), SIZE, RANGE)[0], (features,))


@pytest.mark.parametrize('points', [
    torch.zeros(0, 4),
    torch.full((3, 4), 100.0),
    torch.tensor([[float('nan'), 0, 0, 0], [float('inf'), 0, 0, 0], [0, -float('inf'), 0, 0]]),
    torch.tensor([[3e38, 0.0, 0.0, 0.0], [-3e38, 0.0, 0.0, 0.0]]),
], ids=['no points', 'all outside', 'not finite', 'beyond integers'])
def test_nothing_inside_gives_no_voxels(points):
    for limit in (5, -1):
        voxels, coordinates, num_points = hard_voxelize(points, SIZE, RANGE, limit, 10)
        assert voxels.shape == (0, max(limit, 0), 4)
        assert coordinates.shape == (0, 3) and num_points.shape == (0,)
    assert mean_voxelize(points, SIZE, RANGE)[0].shape == (0, 4)
    assert (voxel_coordinates(points, SIZE, RANGE) == -1).all()


@pytest.mark.parametrize('change, message', [
    (dict(points=torch.zeros(3, 2)), 'float table'),
    (dict(points=torch.zeros(3, 4, dtype=torch.int)), 'float table'),
    (dict(voxel_size=(0.1, 0.1)), '3 numbers'),
    (dict(voxel_size=(0.1, 0.0, 0.1)), 'holds no voxel'),
    (dict(point_cloud_range=(0, 0, 0, -1, 1, 1)), 'holds no voxel'),
    (dict(max_points=0), 'max_points'),
    (dict(max_voxels=-2), 'max_voxels'),
])
def test_wrong_input_is_named(change, message):
    arguments = dict(points=torch.zeros(3, 4), voxel_size=SIZE, point_cloud_range=RANGE) | change
    with pytest.raises(ValueError, match=message):
        hard_voxelize(**arguments)


def test_a_backend_that_is_not_there_is_named():
    with pytest.raises(BackendUnavailable, match="hard_voxelize has no backend 'triton'"):
        hard_voxelize(torch.zeros(3, 4), SIZE, RANGE, backend='triton')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
def test_gpu_gives_the_voxels_of_the_cpu():
    points = torch.rand(5000, 5) * 6 - 3
    ours = hard_voxelize(points.cuda(), SIZE, RANGE, 4, 200)
    assert_same([part.cpu() for part in ours], hard_voxelize(points, SIZE, RANGE, 4, 200))
    means = mean_voxelize(points.cuda(), SIZE, RANGE)[0].cpu()
    torch.testing.assert_close(means, mean_voxelize(points, SIZE, RANGE)[0])
