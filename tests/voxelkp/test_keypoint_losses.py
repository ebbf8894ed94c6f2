"""Losses: zero where the head is right, masks, meters, gradients, nobody."""
from __future__ import annotations

import math

import pytest
import torch

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import heatmap_loss
from voxelkp.head_outputs import HeadOutputs
from voxelkp.keypoint_losses import distance_iou_loss, keypoint_losses
from voxelkp.keypoint_targets import People, assign_targets
from voxelkp.skeleton import BONES, bone_lengths, joint_weights

GRID = BEVGrid((-8.0, -8.0), (0.8, 0.8), (20, 20))
CELLS = torch.tensor([[0, 3, 4], [0, 12, 15], [1, 5, 5], [1, 9, 2]]).int()


def labeled(dtype=torch.float32) -> list[People]:
    random = torch.Generator().manual_seed(3)
    center = torch.tensor([[-4.6, -5.4, 1.0], [4.3, 1.8, 0.9]])
    boxes = torch.cat([center, torch.rand(2, 3, generator=random) + 0.5,
                       torch.rand(2, 1, generator=random)], 1)
    joints = center[:, None] + torch.rand(2, 14, 3, generator=random) - 0.5
    nobody = People(torch.zeros(0, 7), torch.zeros(0, 14, 3), torch.zeros(0, 14))
    return [People(boxes.to(dtype), joints.to(dtype), torch.full((2, 14), 2)), nobody]


def right_outputs(people: list[People]) -> HeadOutputs:
    """What the head should say, exactly."""
    targets = assign_targets(CELLS, people, GRID)
    number, rows = len(CELLS), targets.rows

    def spread(values: torch.Tensor) -> torch.Tensor:
        full = torch.zeros(number, *values.shape[1:])
        full[rows] = values
        return full

    x, y, z = targets.positions.unbind(-1)
    hot = torch.full((number,), -20.0)
    hot[rows] = 20.0
    return HeadOutputs(CELLS, 2, hot, spread(x), spread(y), spread(z), spread(targets.size),
                       spread(targets.heading), spread(torch.ones(len(rows))),
                       spread(targets.visibility))


def changed(outputs: HeadOutputs, **values) -> HeadOutputs:
    return HeadOutputs(**{**vars(outputs), **values})


@pytest.mark.parametrize('published', [False, True])
def test_nothing_is_lost_where_the_head_is_right(published):
    people = labeled()
    losses = keypoint_losses(right_outputs(people), assign_targets(CELLS, people, GRID), GRID,
                             published)
    assert set(losses) == {'loss_heatmap', 'loss_box', 'loss_joints', 'loss_visibility',
                           'loss_bones', 'loss_iou', 'loss_iou_box'}
    for name, loss in losses.items():
        assert abs(loss.item()) < 2e-3, name


def test_the_heading_has_a_weight_of_its_own():
    people, outputs = labeled(), right_outputs(labeled())
    wrong = changed(outputs, heading=-outputs.heading, size=outputs.size + 0.1)
    targets = assign_targets(CELLS, people, GRID)

    def loss(weight: float) -> float:
        return keypoint_losses(wrong, targets, GRID, heading_weight=weight)['loss_box'].item()

    of_heading = 2 * targets.heading.abs().sum().item() / len(targets)
    assert loss(0.0) == pytest.approx(0.3, rel=1e-4)
    assert loss(1.0) == pytest.approx(0.3 + of_heading, rel=1e-4)
    assert loss(5.0) == pytest.approx(0.3 + 5 * of_heading, rel=1e-4)


def test_joints_count_in_meters_and_only_if_labeled():
    people, outputs = labeled(), right_outputs(labeled())
    people[0].visibility[0, 5] = 0                # a wrist of the first person
    shifted = outputs.x.clone()
    shifted[:, 1:] += 1.0                         # a cell, 0.8 m

    def joints(published: bool) -> float:
        targets = assign_targets(CELLS, people, GRID)
        return keypoint_losses(changed(outputs, x=shifted), targets, GRID,
                               published)['loss_joints'].item()

    # 10 joints weigh 1, four weigh 3; 2 people; weight 2, mean over 3 axes, half.
    assert joints(False) == pytest.approx(0.8 * (22 + 19) / 2 * 2 / 3 / 2, rel=1e-5)
    assert joints(True) > (22 + 21) / 2 / 3       # in cells, and the missing wrist counts


def test_visibility_of_missing_joints_is_learned():
    people, outputs = labeled(), right_outputs(labeled())
    people[0].visibility[0, 5] = 0
    losses = keypoint_losses(outputs, assign_targets(CELLS, people, GRID), GRID)
    assert losses['loss_visibility'].item() == pytest.approx(2 / 14 / 2)


def test_bones_compare_person_by_person():
    people, outputs = labeled(), right_outputs(labeled())
    targets = assign_targets(CELLS, people, GRID)
    parts = {axis: getattr(outputs, axis).clone() for axis in 'xyz'}
    for axis in parts:                            # one person grows, the other shrinks
        parts[axis][targets.rows[0], 1:] *= 1.5
        parts[axis][targets.rows[1], 1:] *= 0.5
    loss = keypoint_losses(changed(outputs, **parts), targets, GRID)['loss_bones'].item()
    scale = torch.tensor([0.8, 0.8, 1.0])
    lengths = bone_lengths(targets.positions[:, 1:] * scale)
    assert loss == pytest.approx(0.5 * lengths.mean().item(), rel=1e-4)
    people[0].visibility[1] = 0                   # nothing known of the second person
    masked = keypoint_losses(changed(outputs, **parts), assign_targets(CELLS, people, GRID), GRID)
    assert masked['loss_bones'].item() == pytest.approx(0.5 * lengths[0].mean().item(), rel=1e-4)


def test_heatmap_by_hand():
    logits, target = torch.zeros(2), torch.tensor([1.0, 0.5])
    expected = (-math.log(.5) * .25) + (-math.log(.5) * .25 * .5 ** 4)
    assert heatmap_loss(logits, target).item() == pytest.approx(expected)


def test_boxes_apart_lose_more_than_one():
    people, outputs = labeled(), right_outputs(labeled())
    targets = assign_targets(CELLS, people, GRID)
    at = changed(outputs, z=outputs.z + 50).select(targets.rows)
    far = distance_iou_loss(at, targets, GRID)
    assert (far > 1).all() and (far <= 2).all()


@pytest.mark.parametrize('published', [False, True])
@pytest.mark.parametrize('cells', [CELLS, CELLS[:0]])
def test_nobody(published, cells):
    people = [labeled()[1]] * 2
    raw = {name: torch.randn(len(cells), width, requires_grad=True) for name, width in
           dict(x=15, y=15, z=15, size=3, heading=2, visibility=14).items()}
    raw |= {name: torch.randn(len(cells), requires_grad=True) for name in ('heatmap', 'iou')}
    losses = keypoint_losses(HeadOutputs(cells, 2, **raw),
                             assign_targets(cells, people, GRID), GRID, published)
    sum(losses.values()).backward()
    assert all(value.grad.isfinite().all() for value in raw.values())
    assert all(losses[name].item() == 0 for name in losses if name != 'loss_heatmap')


def test_gradients():
    people = labeled()
    targets = assign_targets(CELLS, people, GRID)
    targets = type(targets)(**{name: value.double() if value.is_floating_point() else value
                               for name, value in vars(targets).items()})
    start = right_outputs(people)
    names = ('heatmap', 'x', 'y', 'z', 'size', 'heading', 'iou', 'visibility')
    random = torch.Generator().manual_seed(4)
    raw = [(getattr(start, name).clamp(-3, 3).double() + 0.3 * torch.randn(
        getattr(start, name).shape, generator=random)).requires_grad_() for name in names]

    def total(*values):
        outputs = HeadOutputs(CELLS, 2, **dict(zip(names, values, strict=True)))
        losses = keypoint_losses(outputs, targets, GRID)
        del losses['loss_iou']                    # its target follows the box, without gradient
        return sum(losses.values())

    assert torch.autograd.gradcheck(total, raw)


def test_skeleton():
    assert len(BONES) == 13 and joint_weights(14, torch.zeros(1)).sum() == 22
    assert joint_weights(5, torch.zeros(1)).tolist() == [1.0] * 5
    joints = torch.zeros(1, 14, 3, requires_grad=True)
    bone_lengths(joints).sum().backward()
    assert joints.grad.isfinite().all()
