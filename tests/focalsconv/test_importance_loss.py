"""Targets and loss of the voxel importance."""
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from focalsconv.importance_loss import (
    importance_loss,
    inside_boxes,
    inside_doubled_boxes,
    voxel_corners,
)


def test_corner_by_hand():
    coordinates = torch.tensor([[1, 2, 3, 4]])
    corners = voxel_corners(coordinates, 2, torch.tensor([0.05, 0.1, 0.2]),
                            torch.tensor([10., 20., -3.]))
    torch.testing.assert_close(corners, torch.tensor([[10.4, 20.6, -2.2]]))


def test_loss_at_one_half_is_the_known_number():
    for target in (True, False):
        loss = importance_loss(torch.full((5,), 0.5), torch.full((5,), target))
        assert loss.item() == pytest.approx(0.25 * math.log(2) / 2)  # 0.0866


def test_loss_cannot_fall_below_its_floor():
    right = importance_loss(torch.tensor([0., 1.]), torch.tensor([False, True])).item()
    q = 1 / (1 + math.exp(-1))
    assert right == pytest.approx(-(1 - q) ** 2 * math.log(q) / 2)
    assert 0.011 < right < 0.0115


def test_an_importance_however_wrong_costs_no_more_than_a_chance_of_a_ten_millionth():
    importance = torch.tensor([60.0, -60.0], requires_grad=True)
    loss = importance_loss(importance, torch.tensor([False, True]))
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-7) / 2, rel=1e-4)
    assert importance.grad.isfinite().all()


def test_loss_agrees_with_two_softmaxes():
    importance, targets = torch.rand(50), torch.rand(50) > 0.5
    scores = torch.softmax(torch.stack([1 - importance, importance], 1), 1)
    one_hot = torch.nn.functional.one_hot(targets.long(), 2)
    expected = (-one_hot * scores.log() * (1 - scores) ** 2).mean()
    torch.testing.assert_close(importance_loss(importance, targets), expected)


def test_gradient_of_the_loss():
    importance = torch.rand(20, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(20) > 0.5
    importance_loss(importance, targets).backward()
    assert ((importance.grad < 0) == targets).all()  # towards the target
    assert torch.autograd.gradcheck(
        lambda p: importance_loss(p.float(), targets).double(), importance, eps=1e-3, atol=1e-3)


def test_loss_without_voxels_is_zero_and_trainable():
    importance = torch.zeros(0, requires_grad=True)
    loss = importance_loss(importance, torch.zeros(0, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0


def box(x=0., y=0., z=0., dx=4., dy=2., dz=1., yaw=0.) -> Tensor:
    return torch.tensor([[x, y, z, dx, dy, dz, yaw]])


def inside(point: tuple[float, float, float], boxes: list[Tensor], sample: int = 0,
           rule=inside_boxes) -> bool:
    return bool(rule(torch.tensor([point]), torch.tensor([sample]), boxes)[0])


def test_box_stands_on_its_bottom_face():
    assert inside((0, 0, 0.9), [box()]) and inside((0, 0, 0.), [box()])
    assert not inside((0, 0, -0.1), [box()]) and not inside((0, 0, 1.1), [box()])


def test_yaw_turns_counter_clockwise_from_x_to_y():
    # A 4 x 2 box turned by 45 degrees reaches out to its heading (1.3, 1.3), not to (1.3, -1.3).
    turned = box(yaw=math.pi / 4)
    assert inside((1.3, 1.3, 0.5), [turned])
    assert not inside((1.3, -1.3, 0.5), [turned])


def test_margin_on_vertical_faces():
    assert inside((0., 1 + 8e-6, 0.5), [box()])
    assert not inside((0., 1 + 3e-5, 0.5), [box()])


def test_each_sample_has_its_own_boxes():
    boxes = [torch.zeros(0, 7), box(), box(x=10.)]
    assert [inside((0, 0, 0.5), boxes, sample) for sample in range(3)] == [False, True, False]


def test_velocities_are_ignored_and_empty_inputs_are_normal():
    nine = torch.cat([box(), torch.ones(1, 2)], 1)
    assert inside((0, 0, 0.5), [nine])
    nothing = inside_boxes(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), [box()])
    assert nothing.shape == (0,) and nothing.dtype == torch.bool


def test_doubled_boxes_of_the_nuscenes_release():
    # Twice the size about the geometric center (0, 0, 0.5), yaw ignored.
    turned = [box(yaw=1.)]
    for point in ((3.9, 0, 0.5), (0, 1.9, 0.5), (0, 0, -0.4), (0, 0, 1.4)):
        assert inside(point, turned, rule=inside_doubled_boxes)
    for point in ((4.1, 0, 0.5), (0, 2.1, 0.5), (0, 0, -0.6), (0, 0, 1.6)):
        assert not inside(point, turned, rule=inside_doubled_boxes)


def test_random_points_agree_with_a_plain_rule():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(300, 3, generator=generator) * 6
    sample = torch.randint(0, 2, (300,), generator=generator)
    boxes = [torch.rand(4, 7, generator=generator) * 4 + 0.5 for _ in range(2)]
    marked = inside_boxes(points, sample, boxes)
    for point, index, mark in zip(points.tolist(), sample.tolist(), marked.tolist(), strict=True):
        assert mark == any(holds(one, point) for one in boxes[index].tolist())
    assert 20 < marked.sum() < 280


def holds(one: list[float], point: list[float]) -> bool:
    x, y, z, length, width, height, yaw = one
    distance = complex(point[0] - x, point[1] - y) * complex(math.cos(yaw), -math.sin(yaw))
    return (abs(distance.real) <= length / 2 and abs(distance.imag) <= width / 2
            and z <= point[2] <= z + height)
