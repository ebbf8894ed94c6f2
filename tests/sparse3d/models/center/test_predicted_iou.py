"""Distance IoU and rectified scores by hand; what a branch of overlaps should have said."""
from __future__ import annotations

import pytest
import torch

from sparse3d.models.center.predicted_iou import (
    diou_aligned,
    iou_error,
    predicted_quality,
    rectified_scores,
)


def test_diou_by_hand():
    cube = torch.tensor([[0.0, 0, 0, 2, 2, 2]])
    moved = torch.tensor([[1.0, 0, 0, 2, 2, 2]])
    # 4 of 12 cubic meters shared; centers 1 m apart in a hull of 3 x 2 x 2 m.
    assert diou_aligned(cube, moved).item() == pytest.approx(4 / 12 - 1 / 17, abs=1e-6)
    assert diou_aligned(cube, cube).item() == pytest.approx(1)


def test_diou_of_boxes_without_volume_is_finite_and_so_is_its_gradient():
    point = torch.zeros(1, 6, requires_grad=True)
    diou = diou_aligned(point, torch.zeros(1, 6))
    diou.sum().backward()
    assert diou.isfinite().all() and point.grad.isfinite().all()


def test_rectified_scores_by_hand():
    scores, power = torch.tensor([0.25, 0.25, 0.25]), torch.tensor([0.5, 0.5, 0.0])
    quality = predicted_quality(torch.tensor([1.2, -1.0, -1.0]))
    assert quality.tolist() == [1, 0, 0]
    assert rectified_scores(scores, quality, power).tolist() == pytest.approx([0.5, 0, 0.25])


def test_the_error_of_a_predicted_overlap_teaches_the_branch_alone():
    box = torch.tensor([[0.0, 0, 1, 2, 2, 2, 0.3]], requires_grad=True)
    higher = torch.tensor([[0.0, 0, 2, 2, 2, 2, 0.3]])  # half of each shared: 4 of 12
    said = torch.tensor([0.0], requires_grad=True)
    error = iou_error(said, box, higher)
    error.sum().backward()
    assert error.item() == pytest.approx(1 - 2 / 3, abs=1e-5) and box.grad is None
    assert said.grad.item() == 1
