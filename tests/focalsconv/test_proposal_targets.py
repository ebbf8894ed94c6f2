"""Boxes, proposals, targets and losses of the second stage, by hand and against plain rules."""
from __future__ import annotations

import math

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope

from focalsconv.proposal_boxes import (
    apply_residuals,
    box_corners,
    grid_points,
    residuals,
)
from focalsconv.proposal_targets import (
    ProposalTargets,
    SamplingOptions,
    choose,
    match_by_class,
    sample_proposals,
)
from focalsconv.proposals import ProposalOptions, Proposals, propose
from focalsconv.roi_losses import corner_loss, roi_losses
from sparse3d.structures.box_tensors import at_bottoms, at_centers


def boxes(count: int) -> torch.Tensor:
    random = torch.rand(count, 7)
    random[:, 3:6] += 0.5
    random[:, 6] = random[:, 6] * 6 - 3
    return random


def proposals(given, labels=None, scores=None) -> Proposals:
    given = torch.as_tensor(given)
    labels = [0] * len(given) if labels is None else labels
    scores = [1.0] * len(given) if scores is None else scores
    return Proposals(given, torch.tensor(labels).long(), torch.tensor(scores))


def test_residuals_by_hand():
    proposal = torch.tensor([[1., 2, 0, 3, 4, 2, math.pi / 2]])
    box = torch.tensor([[1., 7, 1, 6, 4, 2, math.pi / 2 + 0.1]])
    # 5 m along y is 5 m along the proposal's own x; its diagonal is 5 m.
    assert residuals(box, proposal)[0].tolist() == pytest.approx(
        [1, 0, 0.5, math.log(2), 0, 0, 0.1], abs=1e-6)


def test_residuals_and_back():
    regions_, targets = boxes(50), boxes(50)
    box_deltas = residuals(targets, regions_)
    assert (box_deltas[:, 6].abs() <= math.pi / 2 + 1e-6).all()
    back = apply_residuals(box_deltas, regions_)
    torch.testing.assert_close(back[:, :6], targets[:, :6], rtol=0, atol=1e-5)
    turns = (back[:, 6] - targets[:, 6]) / math.pi  # whole half turns
    torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-5)


def test_gradients_of_corrected_boxes():
    box_deltas = (torch.rand(4, 7, dtype=torch.float64) - 0.5).requires_grad_()
    fixed = boxes(4).double()
    assert torch.autograd.gradcheck(lambda given: box_corners(apply_residuals(given, fixed)),
                                    box_deltas)


def test_grid_points_fill_the_region():
    proposal = torch.tensor([[10., 0, 1, 4, 2, 2, math.pi / 2]])
    points = grid_points(proposal, 2)[0]
    # The first point is the lower corner's part: -x, -y, -z of the proposal.
    assert points[0].tolist() == pytest.approx([10.5, -1, 0.5], abs=1e-6)
    assert points[1].tolist() == pytest.approx([10.5, -1, 1.5], abs=1e-6)  # z is innermost
    assert points[4].tolist() == pytest.approx([10.5, 1, 0.5], abs=1e-6)   # x is outermost
    torch.testing.assert_close(points.mean(0), proposal[0, :3])
    assert grid_points(proposal[:0], 3).shape == (0, 27, 3)


def test_bottoms_and_centers():
    given = boxes(5)
    torch.testing.assert_close(at_centers(at_bottoms(given)), given)
    assert at_bottoms(given)[0, 2].item() == pytest.approx((given[0, 2] - given[0, 5] / 2).item())


def test_a_region_is_matched_with_its_own_class():
    car = [0., 0, 0, 4, 2, 2, 0]
    given = proposals([car, car, [9.] + car[1:]], labels=[0, 1, 0])
    truth = torch.tensor([[1., 0, 0, 4, 2, 2, 0], car])
    ious, matched = match_by_class(given, truth, torch.tensor([0, 1]))
    assert ious.tolist() == pytest.approx([3 / 5, 1, 0], abs=1e-5)
    assert matched.tolist()[:2] == [0, 1]
    ious, _ = match_by_class(given, truth, torch.tensor([2, 2]))
    assert ious.tolist() == [0, 0, 0]
    assert match_by_class(given, truth[:0], torch.zeros(0).long())[0].tolist() == [0, 0, 0]


def test_shares_of_chosen_regions():
    ious = torch.cat([torch.full((100,), 0.8), torch.full((10,), 0.3), torch.zeros(50)])
    chosen = ious[choose(ious, SamplingOptions(num_proposals=40))]
    # Half foreground; of the other 20 at most 80 % hard, and only 10 hard ones exist.
    assert [(chosen > 0.5).sum(), (chosen == 0.3).sum(), (chosen == 0).sum()] == [20, 10, 10]
    few = torch.cat([torch.full((3,), 0.8), torch.zeros(5)])
    chosen = few[choose(few, SamplingOptions(num_proposals=12))]
    assert (chosen > 0.5).sum() == 3 and len(chosen) == 12
    assert len(choose(few[:3], SamplingOptions(num_proposals=12))) == 12
    assert len(choose(few[:0], SamplingOptions(num_proposals=12))) == 0


def test_grades_and_what_is_learned():
    car = [0., 0, 0, 4, 2, 2, 0]
    given = proposals([[shift] + car[1:] for shift in (0., 1., 2., 8.)])
    made = sample_proposals(
        given, torch.tensor([car]), torch.tensor([0]), SamplingOptions(num_proposals=64)
    )
    expected = {0.0: (1, 1.0, True), 1.0: (3 / 5, 0.7, True), 2.0: (1 / 3, 1 / 6, False),
                8.0: (0, 0.0, False)}
    assert set(made.proposals.boxes[:, 0].tolist()) == set(expected)
    for proposal, overlap, grade, learned in zip(made.proposals.boxes, made.ious, made.iou_targets,
                                                 made.regress, strict=True):
        values = expected[proposal[0].item()]
        assert (overlap.item(), grade.item()) == pytest.approx(values[:2], abs=1e-5)
        assert learned.item() is values[2]


def test_corner_loss_forgives_half_turns_and_is_linear_far_off():
    box = torch.tensor([[0., 0, 0, 4, 2, 2, 0.3]])
    twin = box + torch.tensor([0, 0, 0, 0, 0, 0, math.pi])
    assert corner_loss(twin, box).item() == pytest.approx(0, abs=1e-6)
    moved = box + torch.tensor([0, 0, 5., 0, 0, 0, 0])
    assert corner_loss(moved, box).item() == pytest.approx(4.5, abs=1e-5)


def test_losses_by_hand():
    car = torch.tensor([[0., 0, 0, 3, 4, 2, 0]])
    far = car + torch.tensor([50., 0, 0, 0, 0, 0, 0])
    target = ProposalTargets(proposals(torch.cat([car, far])), torch.cat([car, car]),
                             torch.tensor([1., 0]), torch.tensor([1., 0]),
                             torch.tensor([True, False]))
    scores, box_deltas = torch.tensor([0., math.log(3)]), torch.zeros(2, 7)
    # 5 m ahead; what the far proposal says does not count
    box_deltas[0, 0], box_deltas[1] = 1.0, 9.0
    losses = roi_losses(scores, box_deltas, [target])
    assert losses['loss_roi_score'].item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert losses['loss_roi_box'].item() == pytest.approx(1 - 1 / 18, abs=1e-6)
    # Front corners are 5 m off; rear ones are nearer to the twin's: 2 m along, 4 m across.
    assert losses['loss_roi_corner'].item() == pytest.approx(
        (4.5 + math.sqrt(20) - 0.5) / 2, abs=1e-5)
    nothing = ProposalTargets(*(part for part in (
        proposals(car[:0]), car[:0], torch.zeros(0), torch.zeros(0), torch.zeros(0).bool())))
    empty = roi_losses(torch.zeros(0), torch.zeros(0, 7), [nothing])
    assert all(loss.item() == 0 for loss in empty.values())


def test_losses_of_half_precision_are_taken_in_float32():
    car = torch.tensor([[0., 0, 0, 3, 4, 2, 0]])
    target = ProposalTargets(proposals(car), car, torch.ones(1), torch.ones(1),
                             torch.ones(1).bool())
    scores, box_deltas = torch.tensor([-30.0]), torch.full((1, 7), 0.25)
    for dtype in (torch.float16, torch.bfloat16):
        found = roi_losses(scores.to(dtype), box_deltas.to(dtype), [target])
        for name, loss in roi_losses(scores, box_deltas, [target]).items():
            assert found[name].dtype == torch.float32
            torch.testing.assert_close(found[name], loss)


def test_proposals_are_the_boxes_of_mmdet3d():
    """mmdet3d decodes all anchors; its suppression needs a GPU, so none is asked for here."""
    init_default_scope('mmdet3d')
    head = MODELS.build(dict(
        type='Anchor3DHead', num_classes=2, in_channels=4, feat_channels=4, assign_per_class=True,
        use_direction_classifier=True, dir_offset=0.78539, dir_limit_offset=0,
        anchor_generator=dict(
            type='Anchor3DRangeGenerator',
            ranges=[[0, -4, -1.8, 8, 4, -1.8], [0, -4, -.6, 8, 4, -.6]],
            sizes=[[3.9, 1.6, 1.56], [0.8, 0.6, 1.73]], rotations=[0, 1.57], reshape_out=False),
        bbox_coder=dict(type='DeltaXYZWLHRBBoxCoder'),
        loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True), train_cfg=ConfigDict(
            assigner=[dict(type='Max3DIoUAssigner', pos_iou_thr=0.6, neg_iou_thr=0.45,
                           iou_calculator=dict(type='BboxOverlapsNearest3D'))] * 2)))
    outputs = head([torch.randn(1, 4, 3, 5)])
    found = propose(head, outputs, ProposalOptions(nms_pre=1000, nms_post=1000, iou_threshold=2.0))[
        0
    ]
    anchors = head.prior_generator.grid_anchors([(3, 5)], device='cpu')[0].reshape(-1, 7)
    scores, box_deltas, directions = (level[0][0].permute(1, 2, 0) for level in outputs)
    decoded = head.bbox_coder.decode(anchors, box_deltas.reshape(-1, 7))
    best, labels = scores.reshape(-1, 2).sigmoid().max(1)
    order = best.argsort(descending=True)
    assert len(found.boxes) == len(anchors) == 60
    torch.testing.assert_close(found.scores, best[order])
    assert torch.equal(found.labels, labels[order])
    torch.testing.assert_close(at_bottoms(found.boxes)[:, :6], decoded[order][:, :6])
    # The direction decides between [offset, offset + pi) and the half turn beyond.
    yaw = found.boxes[:, 6] - 0.78539
    half = (yaw / math.pi).floor()
    assert torch.equal(half.long(), directions.reshape(-1, 2)[order].argmax(1))
    turns = (found.boxes[:, 6] - decoded[order][:, 6]) / math.pi
    torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-4)
    thinned = propose(head, outputs, ProposalOptions(nms_pre=30, nms_post=7, iou_threshold=0.5))[0]
    assert len(thinned.boxes) <= 7
