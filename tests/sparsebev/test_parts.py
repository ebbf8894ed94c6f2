"""Parts of the decoder: by hand, and against the published operators' stored outputs."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from torch import nn

from sparse3d.models.query.box_code import (
    box_to_code,
    box_to_query,
    centers_in_meters,
    code_to_box,
    ground_truth_boxes,
    query_to_box,
    query_to_code,
)
from sparse3d.ops.sample_views import sample_views
from sparsebev.adaptive_mixing import AdaptiveMixing, mix
from sparsebev.box_selection import as_detections, select_boxes
from sparsebev.decoder_layer import DecoderLayer, DecoderOptions, refine
from sparsebev.published_names import LAYER, ours
from sparsebev.scale_adaptive_attention import ScaleAdaptiveSelfAttention, pairwise_distance
from sparsebev.spatio_temporal_sampling import (
    SpatioTemporalSampling,
    follow_motion,
    sampling_points,
    scale_weights_by_frame,
)

RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)


def fill(module: nn.Module, part: str, names: Sequence[str], filled: Callable) -> None:
    """Fill a part of the layer as the stored outputs were made: by released name and shape."""
    wanted = module.state_dict()
    state = {}
    for name in names:
        mine = ours(f'{LAYER}{name}').removeprefix(f'bbox_head.layer.{part}.')
        state[mine] = torch.from_numpy(filled(f'{LAYER}{name}', wanted[mine].shape))
    module.load_state_dict(state)
    module.eval()


def close(ours_: torch.Tensor, stored: torch.Tensor) -> None:
    assert ours_.shape == stored.shape
    assert (ours_ - stored).abs().max() <= 1e-4 * stored.abs().max()


# Boxes ------------------------------------------------------------------------


def test_forms_of_a_box_turn_into_each_other():
    box = torch.tensor([[10.0, -20, -1, 4, 2, 1.5, 0.7, 3, -1], [0.0, 0, 0, 1, 1, 1, -3, 0, 0]])
    torch.testing.assert_close(query_to_box(box_to_query(box, RANGE), RANGE), box)
    torch.testing.assert_close(code_to_box(box_to_code(box)), box)
    torch.testing.assert_close(query_to_code(box_to_query(box, RANGE), RANGE), box_to_code(box))
    assert centers_in_meters(torch.tensor([0.0, 0.5, 1.0]), RANGE).tolist() == \
        pytest.approx([-51.2, 0, 3])


def test_truth_has_gravity_centers_and_says_which_velocities_are_unknown():
    boxes = LiDARInstance3DBoxes(torch.tensor([[1.0, 2, 3, 4, 2, 2, 0, 5, 6]] * 2), box_dim=9)
    truth = ground_truth_boxes(boxes, torch.tensor([True, False]))
    assert truth[0].tolist() == [1, 2, 4, 4, 2, 2, 0, 5, 6]
    assert truth[1, 7:].isnan().all()
    assert ground_truth_boxes(LiDARInstance3DBoxes(torch.ones(1, 7)))[0, 7:].isnan().all()


def test_published_decoding(stored_operators):
    stored = stored_operators
    boxes, scores, labels = select_boxes(
        stored['coder_cls'], stored['coder_bbox'], [-61.2, -61.2, -10, 61.2, 61.2, 10], 20, 0.05)
    close(boxes, stored['coder_boxes'])
    close(scores, stored['coder_scores'])
    assert labels.equal(stored['coder_labels'])


def test_detections_lie_on_their_bottom_faces_and_may_be_none():
    found = as_detections(torch.tensor([[0.0, 0, 1, 4, 2, 2, 0, 0, 0]]), torch.ones(1),
                          torch.zeros(1))
    assert found.bboxes_3d.tensor[0, 2] == 0
    boxes, scores, _ = select_boxes(torch.full((4, 3), -9.0), torch.zeros(4, 10),
                                    [-9, -9, -9, 9, 9, 9])
    assert boxes.shape == (0, 9) and scores.shape == (0,)


def test_a_score_of_exactly_the_threshold_is_no_detection_and_the_limits_belong_to_the_range():
    codes = torch.zeros(1, 10)
    codes[0, 0] = 9.0
    for threshold, limit, count in ((0.5, 9.0, 0), (0.499, 9.0, 1), (0.499, 8.99, 0)):
        boxes, _, _ = select_boxes(torch.zeros(1, 1), codes, [-9, -9, -9, limit, 9, 9],
                                   score_threshold=threshold)
        assert len(boxes) == count


# Self attention ---------------------------------------------------------------


def test_published_self_attention(stored_operators, published_weights):
    stored = stored_operators
    attention = ScaleAdaptiveSelfAttention()
    names = [f'self_attn.{name}' for name in (
        'attention.attn.in_proj_weight', 'attention.attn.in_proj_bias',
        'attention.attn.out_proj.weight', 'attention.attn.out_proj.bias', 'gen_tau.weight',
        'gen_tau.bias')]
    fill(attention, 'self_attention', names, published_weights.filled)
    # The stored outputs have a chosen bias of tau: 0.1 ... 2.0.
    steps = stored['sa_tau'] - stored['sa_query_feat'] @ attention.tau.weight.t()
    attention.tau.bias.data = steps[0, 0]
    assert attention.tau.bias[0].item() == pytest.approx(0.1, abs=1e-4)
    centers = centers_in_meters(stored['sa_query_bbox'], RANGE)[..., :2]
    close(-pairwise_distance(centers), stored['sa_dist_neg'])
    close(attention.tau(stored['sa_query_feat']), stored['sa_tau'])
    close(attention(stored['sa_query_feat'], centers), stored['sa_out'])
    close(attention(stored['sa_query_feat'], centers, stored['sa_mask']), stored['sa_out_masked'])


def test_a_large_tau_sees_only_itself_and_plain_attention_no_distance():
    torch.manual_seed(0)
    attention = ScaleAdaptiveSelfAttention(8, num_heads=2, dropout=0.0)
    attention.tau.bias.data.fill_(1e4)
    features, centers = torch.randn(1, 3, 8), torch.randn(1, 3, 2) * 10
    value = attention.query_key_value(features)[..., 16:]
    torch.testing.assert_close(attention(features, centers), features + attention.output(value))
    plain = ScaleAdaptiveSelfAttention(8, num_heads=2, dropout=0.0, adaptive=False)
    torch.testing.assert_close(plain(features, centers), plain(features, centers * 5))


def test_dropout_of_the_attention_acts_in_training_alone():
    layer = ScaleAdaptiveSelfAttention(8, 2, dropout=1.0)  # of all weights: nothing is attended to
    features, centers = torch.randn(1, 5, 8), torch.randn(1, 5, 2)
    assert torch.equal(layer.train()(features, centers), features + layer.output.bias)
    assert not torch.allclose(layer.eval()(features, centers), features)


def test_where_queries_stand_gets_no_gradient_from_their_attention():
    layer = ScaleAdaptiveSelfAttention(8, 2, dropout=0.0)
    features = torch.randn(1, 5, 8, requires_grad=True)
    centers = torch.randn(1, 5, 2, requires_grad=True)
    layer(features, centers).square().sum().backward()
    assert centers.grad is None and features.grad.any() and layer.tau.weight.grad.any()


def test_dropout_of_the_layer_reaches_attention_and_network():
    layer = DecoderLayer([0, 0, 0, 1, 1, 1], 3, DecoderOptions(
        channels=8, num_heads=2, num_groups=2, feedforward_channels=16, dropout=1.0)).train()
    features = torch.randn(1, 5, 8)
    assert torch.equal(layer.feedforward(features), features)
    assert layer.self_attention.dropout == 1.0
    assert not torch.allclose(layer.eval().feedforward(features), features)


def test_gradient_of_self_attention():
    attention = ScaleAdaptiveSelfAttention(4, num_heads=2, dropout=0.0).double()
    nn.init.normal_(attention.tau.weight)
    centers = torch.randn(1, 3, 2).double()
    features = torch.randn(1, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda f: attention(f, centers), [features])


# Sampling ---------------------------------------------------------------------


def test_points_turn_with_the_box():
    box = torch.tensor([[[0.0, 0, 0, 4, 2, 1, math.pi / 2, 0, 0]]])
    offset = torch.tensor([[[[0.5, 0.0, 0.0], [0.0, 0.5, 0.5]]]])
    points = sampling_points(box_to_query(box, RANGE), offset, RANGE)
    torch.testing.assert_close(points[0, 0], torch.tensor([[0.0, 2, 0], [-1, 0, 0.5]]),
                               atol=1e-5, rtol=0)


def test_published_points_and_sampling(stored_operators):
    stored = stored_operators
    close(sampling_points(stored['pts_query_bbox'], stored['pts_offset'], RANGE),
          stored['pts_v1'])
    features = [stored[f's4d_feat{level}'].unflatten(1, (3, 6)) for level in range(4)]
    weights = scale_weights_by_frame(stored['s4d_scale_weight'], 3, published_order=True)
    used = stored['s4d_weight_used'].permute(0, 3, 1, 2, 4, 5)
    assert weights.equal(used)
    sampled = sample_views(
        features, stored['s4d_points'].flatten(3, 4), weights.flatten(3, 4),
        stored['s4d_lidar2img'].view(1, 3, 6, 4, 4), (64, 192), groups=4,
        published_view_choice=True, published_alignment=True)
    sampled = sampled.unflatten(3, (4, 4)).transpose(2, 3).flatten(3, 4)
    close(sampled, stored['s4d_out'])


def test_scale_weights_belong_to_their_group_unless_published():
    weights = torch.arange(4.0).view(1, 1, 4, 1, 1)
    assert scale_weights_by_frame(weights, 8, False)[0, 0, :, :, 0, 0].equal(
        torch.arange(4.0).expand(8, 4))
    published = scale_weights_by_frame(weights, 8, True)[0, 0, :, :, 0, 0]
    assert published.equal((torch.arange(8.0) // 2)[:, None].expand(8, 4))
    assert scale_weights_by_frame(weights, 1, True).equal(scale_weights_by_frame(weights, 1, False))


def test_points_were_behind_in_the_past_and_are_ahead_in_the_future():
    points = torch.zeros(1, 1, 1, 3)
    moved = follow_motion(points, torch.tensor([[[2.0, -1.0]]]), torch.tensor([[0.0, 0.5, -0.5]]))
    assert moved[0, 0, :, 0].tolist() == [[0, 0, 0], [-1, 0.5, 0], [1, -0.5, 0]]


def test_frozen_sampling_does_not_learn():
    sampling = SpatioTemporalSampling(RANGE, 8, 2, 2, 1, adaptive=False)
    assert not sampling.sampling_offset.bias.requires_grad
    assert sampling.scale_weights.bias.requires_grad


# Mixing -----------------------------------------------------------------------


def test_published_mixing(stored_operators, published_weights):
    mixing = AdaptiveMixing()
    names = [f'mixing.{name}.{kind}' for name in ('parameter_generator', 'out_proj')
             for kind in ('weight', 'bias')]
    fill(mixing, 'mixing', names, published_weights.filled)
    stored = stored_operators
    with torch.no_grad():
        close(mixing(stored['mix_x'], stored['mix_query']), stored['mix_out'])


def test_gradient_of_mixing():
    inputs = [torch.randn(2, 3, 4), torch.randn(2, 4, 4), torch.randn(2, 5, 3)]
    assert torch.autograd.gradcheck(mix, [value.double().requires_grad_() for value in inputs])


# Box update -------------------------------------------------------------------


def test_refinement_by_hand():
    query = torch.tensor([[[0.5, 0.0, 2.0, 1, 1, 1, 0, 1, 9, 9]]])
    correction = torch.tensor([[[1.0, 0, 0, 2, 3, 4, 0.5, 0.6, 1.0, -1.0]]])
    refined = refine(query, correction, torch.tensor([[0.0, 0.5]]))[0, 0]
    assert refined[0].item() == pytest.approx(1 / (1 + math.exp(-1)))
    assert 0 < refined[1] < 1e-4 and 1 - 1e-4 < refined[2] < 1
    assert refined[3:8].tolist() == pytest.approx([2, 3, 4, 0.5, 0.6])
    assert refined[8:].tolist() == [2, -2]
    still = refine(query, correction, torch.tensor([[0.0, 0.0]]))[0, 0]
    assert still[8:].tolist() == [1, -1]
    assert refine(query, correction, torch.tensor([[0.0]]))[0, 0, 8:].tolist() == [1, -1]
