"""Targets by hand; a plain oracle for the heatmap; people without cells."""
from __future__ import annotations

import math

import pytest
import torch

from sparse3d.models.center.bev_grid import BEVGrid
from voxelkp.keypoint_targets import People, assign_targets

GRID = BEVGrid((-8.0, -8.0), (0.8, 0.8), (20, 20))


def person(x: float, y: float, visibility: float = 2.0) -> tuple:
    box = torch.tensor([[x, y, 1.0, 0.9, 0.8, 1.8, 0.5]])
    joints = torch.tensor([x, y, 1.0]).expand(1, 14, 3) + torch.linspace(-.4, .4, 42).view(14, 3)
    return box, joints, torch.full((1, 14), visibility)


def people(*members: tuple) -> People:
    if not members:
        return People(torch.zeros(0, 7), torch.zeros(0, 14, 3), torch.zeros(0, 14))
    return People(*(torch.cat(parts) for parts in zip(*members, strict=True)))


def test_one_person_by_hand():
    cells = torch.tensor([[0, 3, 2], [0, 9, 12], [0, 10, 14]]).int()   # frame, y, x
    targets = assign_targets(cells, [people(person(2.0, -0.4))], GRID)
    # In cells the center is at x 12.5, y 9.5: (12, 9) is nearest, (14, 10) has distance^2 2.5.
    assert targets.rows.tolist() == [1]
    assert targets.positions[0, 0].tolist() == pytest.approx([0.5, 0.5, 1.0], abs=1e-5)
    assert targets.heatmap[1] == 1.0
    spread = (2 * 2 + 1) / 6
    assert targets.heatmap[2].item() == pytest.approx(math.exp(-2.5 / (2 * spread ** 2)), rel=1e-4)
    assert targets.size[0].exp().tolist() == pytest.approx([0.9, 0.8, 1.8])
    assert targets.heading[0].tolist() == pytest.approx([math.cos(.5), math.sin(.5)])
    joint = targets.positions[0, 1:]
    meters = GRID.to_meters(joint[:, :2] + torch.tensor([12.0, 9.0]))
    torch.testing.assert_close(meters, person(2.0, -0.4)[1][0, :, :2], atol=1e-5, rtol=0)


def test_missing_joints_get_finite_places_and_are_marked():
    box, joints, visibility = person(2.0, -0.4)
    visibility[0, 3], joints[0, 3] = 0, float('nan')
    cells = torch.tensor([[0, 9, 12]]).int()
    targets = assign_targets(cells, [People(box, joints, visibility)], GRID)
    assert targets.positions[0, 4].tolist() == pytest.approx([0.5, 0.5, 1.0], abs=1e-5)
    assert targets.valid[0].tolist() == [place != 3 for place in range(14)]


def test_people_belong_to_their_frame_and_need_a_cell_there():
    cells = torch.tensor([[2, 9, 12], [0, 9, 12], [0, 0, 0]]).int()
    frames = [people(person(2.0, -0.4), person(-8.0, -8.0)), people(person(2.0, -0.4)), people()]
    targets = assign_targets(cells, frames, GRID)
    assert targets.rows.tolist() == [1, 2]      # nobody of frame 1, which has no cell
    assert targets.heatmap.tolist() == [0, 1, 1]
    nobody = assign_targets(cells[:0], [people(person(0.0, 0.0))], GRID)
    assert len(nobody) == 0 and nobody.positions.shape == (0, 15, 3)


def test_people_outside_are_drawn_into_the_grid():
    cells = torch.tensor([[0, 19, 19]]).int()
    targets = assign_targets(cells, [people(person(20.0, 20.0))], GRID)
    assert targets.positions[0, 0].tolist() == pytest.approx([0.5, 0.5, 1.0], abs=1e-5)


def test_heatmap_against_a_loop():
    random = torch.Generator().manual_seed(2)
    cells = torch.cat([torch.randint(0, 2, (40, 1), generator=random),
                       torch.randint(0, 20, (40, 2), generator=random)], 1).unique(dim=0).int()
    frames = [people(*(person(*(torch.rand(2, generator=random) * 16 - 8).tolist())
                       for _ in range(5))) for _ in range(2)]
    targets = assign_targets(cells, frames, GRID)
    spread = 5 / 6
    for row, (frame, y, x) in enumerate(cells.tolist()):
        values = []
        for number in range(5):
            cx, cy = ((frames[frame].boxes[number, :2] + 8) / 0.8).clamp(0, 19.5).tolist()
            _, ny, nx = cells[targets.rows[5 * frame + number]].tolist()
            distance = min((x - cx) ** 2 + (y - cy) ** 2, (x - nx) ** 2 + (y - ny) ** 2)
            values.append(math.exp(-distance / (2 * spread ** 2)))
        assert targets.heatmap[row].item() == pytest.approx(max(values), abs=1e-5)


def test_labels_in_double_precision_give_targets_in_single():
    people = People(torch.tensor([[1.0, 2, 1, 0.6, 0.6, 1.8, 0]]).double(),
                    torch.rand(1, 14, 3).double(), torch.full((1, 14), 2).double())
    targets = assign_targets(torch.tensor([[0, 12, 11]]), [people],
                             BEVGrid((-8.0, -8.0), (0.8, 0.8), (20, 20)))
    numbers = [value for value in vars(targets).values() if value.is_floating_point()]
    assert len(numbers) == 6 and all(value.dtype == torch.float32 for value in numbers)
