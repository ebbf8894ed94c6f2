from __future__ import annotations

import pytest
import torch

from sparse3d.ops import near_boxes
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.near_boxes import points_near_boxes
from sparse3d.ops.points_in_boxes import count_points_in_boxes, points_in_boxes

pytestmark = pytest.mark.skipif(lack() is not None, reason=f'the compiled backend {lack()}')


def scene(points, boxes, dtype=torch.float32):
    cloud = torch.randn(points, 4, dtype=dtype) * 10
    table = torch.rand(boxes, 7, dtype=dtype) * torch.tensor([20, 20, 2, 5, 3, 4, 6.0])
    return cloud, table - torch.tensor([10, 10, 3, 0, 0, 0, 3])


@pytest.mark.parametrize('dtype', near_boxes.NAMES)
@pytest.mark.parametrize(('points', 'boxes'), [(0, 3), (3, 0), (1, 1), (63, 5), (1000, 40)])
@pytest.mark.parametrize('room', [0, 2])
def test_pairs_are_those_of_the_whole_table(monkeypatch, points, boxes, dtype, room):
    monkeypatch.setattr(near_boxes, 'PAIRS_PER_POINT', room)
    cloud, table = scene(points, boxes, dtype)
    reach = torch.rand(boxes, dtype=dtype) * 4
    rows, held_by = points_near_boxes(cloud, table, reach)
    near = ((cloud[None, :, :2] >= table[:, None, :2] - reach[:, None, None])
            & (cloud[None, :, :2] <= table[:, None, :2] + reach[:, None, None])).all(2)
    assert torch.equal(torch.stack([held_by, rows], 1), near.nonzero())


def test_members_are_those_found_without_kernels(monkeypatch):
    cloud, table = scene(3000, 60)
    cloud[::50] = torch.nan
    cloud[:60, :3] = table[:, :3]      # centers of bottoms, on the surface
    found = points_in_boxes(cloud, table), count_points_in_boxes(cloud, table)
    monkeypatch.setattr(near_boxes, 'library', lambda: None)
    assert torch.equal(found[0], points_in_boxes(cloud, table))
    assert torch.equal(found[1], count_points_in_boxes(cloud, table))
    assert torch.equal(found[0], points_in_boxes(cloud, table, backend='reference'))
    assert found[1].sum() > 60
