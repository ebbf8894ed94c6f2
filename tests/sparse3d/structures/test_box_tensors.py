"""Boxes with z at the bottom or the center, and velocities that nobody knows."""
from __future__ import annotations

import torch

from sparse3d.structures.box_tensors import at_bottoms, at_centers, lifted, with_velocities

BOXES = torch.tensor([[1.0, 2, 3, 4, 5, 6, 7, 8, 9]])


def test_z_of_bottom_and_center():
    assert at_centers(BOXES).tolist() == [[1, 2, 6, 4, 5, 6, 7, 8, 9]]
    assert at_bottoms(BOXES[:, :7]).tolist() == [[1, 2, 0, 4, 5, 6, 7]]
    torch.testing.assert_close(at_bottoms(at_centers(BOXES)), BOXES)
    assert lifted(BOXES, 1.0)[0, 2] == 9 and BOXES[0, 2] == 3


def test_velocities():
    two = BOXES.repeat(2, 1)
    assert with_velocities(two)[:, 7:].tolist() == [[8, 9]] * 2
    assert with_velocities(two[:, :7])[:, 7:].isnan().all()
    marked = with_velocities(two, torch.tensor([True, False]))
    assert marked[:, 7:].isnan().all(1).tolist() == [False, True] and two.isfinite().all()
