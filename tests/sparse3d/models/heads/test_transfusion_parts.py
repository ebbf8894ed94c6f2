"""Coder, peaks, matching, targets and suppression of the TransFusion head."""
from __future__ import annotations

from itertools import permutations

import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.models.center.peaks import local_peaks, top_peaks
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_decoder import MapDecoderLayer, QueryDecoder
from sparse3d.models.heads.transfusion_detections import Suppression, doubles, select_detections
from sparse3d.models.heads.transfusion_losses import code_loss, heat_loss, label_loss
from sparse3d.models.heads.transfusion_matching import MatchWeights, match, match_cost
from sparse3d.models.heads.transfusion_targets import boxes_and_labels, heat_target, query_targets

RANGE = [-8.0, -4.0, -3.0, 8.0, 4.0, 1.0]  # twice as long as wide
BOXES = torch.tensor([[1.0, 2.0, -1.0, 4.0, 1.6, 1.5, 0.4, 3.0, -1.0],
                      [-5.0, -3.0, -1.2, 3.9, 1.7, 1.4, -2.0, 0.0, 0.5]])
LABELS = torch.tensor([0, 2])
EVERYWHERE = [-1e6] * 3 + [1e6] * 3


@pytest.fixture
def coder() -> TransFusionBoxCoder:
    return TransFusionBoxCoder(RANGE, [0.25, 0.5], 2)


def test_a_box_in_cells_worked_by_hand(coder):
    code = coder.encode(torch.tensor([[-7.0, 0.0, -1.0, 1.0, 1.0, 2.0, 0.0, 5.0, 6.0]]))
    torch.testing.assert_close(code, torch.tensor([[2.0, 4, 0, 0, 0, 2 ** 0.5, 0, 1, 5, 6]])
                               .index_fill(1, torch.tensor(5), torch.tensor(2.0).log().item()))
    assert coder.map_size == (32, 8)


@pytest.mark.parametrize('top', [False, True])
def test_decoding_is_the_inverse_of_encoding(top):
    coder = TransFusionBoxCoder(RANGE, [0.25, 0.5], 2, top_height=top)
    torch.testing.assert_close(coder.decode(coder.encode(BOXES)), BOXES)


def test_the_published_height_is_that_of_the_top():
    code = TransFusionBoxCoder(RANGE, [0.25, 0.5], 2, top_height=True).encode(BOXES)
    torch.testing.assert_close(code[:, 2], BOXES[:, 2] + BOXES[:, 5])


def test_boxes_without_velocity(coder):
    still = TransFusionBoxCoder(RANGE, [0.25, 0.5], 2, velocity=False)
    torch.testing.assert_close(still.decode(still.encode(BOXES)), BOXES[:, :7])
    assert coder.encode(BOXES[:, :7])[:, 8:].isnan().all()


def test_peaks_are_the_highest_of_their_window_and_not_on_the_border():
    heat = torch.zeros(1, 2, 5, 6)
    heat[0, :, 2, 2], heat[0, :, 2, 3], heat[0, :, 0, 5] = 0.9, 0.8, 0.7
    peaks = local_peaks(heat, unsuppressed_classes=[1])
    assert peaks[0, 0].count_nonzero() == 1 and peaks[0, 1].count_nonzero() == 3
    top = top_peaks(peaks.flatten(2), 4)
    assert top.labels.tolist()[0].count(1) == 3
    assert sorted(top.cells.tolist()[0]) == [5, 14, 14, 15]
    torch.testing.assert_close(top.scores, torch.tensor([[0.9, 0.9, 0.8, 0.7]]))


def test_more_queries_than_cells_gives_what_there_is():
    assert top_peaks(torch.rand(2, 3, 4), 100).scores.shape == (2, 12)
    assert top_peaks(torch.rand(2, 3, 0), 100).scores.shape == (2, 0)


def test_matching_agrees_with_all_permutations():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, generator=generator)
    centers, objects = (torch.rand(n, 2, generator=generator) * 8 for n in (5, 3))
    overlaps = torch.rand(5, 3, generator=generator)
    labels = torch.tensor([2, 0, 2])
    probability = logits.double().sigmoid()

    def cost(rows):
        total = 0.0
        for column, row in enumerate(rows):
            p = probability[row, labels[column]]
            total += 0.15 * (-p.log() * 0.25 * (1 - p) ** 2 + (1 - p).log() * 0.75 * p ** 2)
            total += 0.25 * ((centers[row] - objects[column]).abs() / torch.tensor([16, 8])).sum()
            total -= 0.25 * overlaps[row, column]
        return float(total)

    best = min(permutations(range(5), 3), key=cost)
    costs = match_cost(logits, centers, overlaps, labels, objects, [16.0, 8.0], MatchWeights())
    other, pairs = match([costs[:2, :1], costs], [overlaps[:2, :1], overlaps])
    assert len(other.objects) == 1
    assert {int(o): int(p) for p, o in zip(pairs.predictions, pairs.objects, strict=True)} == (
        dict(enumerate(best)))


def test_matching_survives_what_is_not_a_number(coder):
    boxes = BOXES.repeat(2, 1)
    boxes[0] = torch.nan
    targets = query_targets(boxes[None], torch.zeros(1, 4, 3), [(BOXES, LABELS)], coder,
                            MatchWeights())
    assert targets.labels.tolist() == [[3, 2, 0, 3]]


def test_targets_of_matched_and_unmatched_queries(coder):
    truth = BOXES.clone()
    truth[0, 7:] = torch.nan  # no velocity known
    logits = torch.zeros(3, 3)
    predictions = torch.cat([BOXES[1:], BOXES[:1] + 20, BOXES[:1]])
    targets = query_targets(torch.stack([predictions, predictions]), torch.stack([logits, logits]),
                            [(truth, LABELS), (truth[1:], LABELS[1:])], coder, MatchWeights())
    assert targets.labels.tolist() == [[2, 3, 0], [2, 3, 3]]
    assert targets.positives.tolist() == [2, 1]
    torch.testing.assert_close(targets.ious, torch.tensor([[1.0, -1, 1], [1.0, -1, -1]]))
    assert targets.code_weights.sum(2).tolist() == [[10, 0, 8], [10, 0, 0]]
    torch.testing.assert_close(coder.decode(targets.codes[0, 0]), BOXES[1])


def test_a_velocity_marked_as_unknown_is_not_learned():
    objects = InstanceData(bboxes_3d=LiDARInstance3DBoxes(BOXES, box_dim=9), labels_3d=LABELS,
                           velocity_known=torch.tensor([True, False]))
    boxes, labels = boxes_and_labels(objects, torch.device('cpu'))
    assert boxes[:, 7:].isnan().all(1).tolist() == [False, True]
    assert objects.bboxes_3d.tensor.isfinite().all() and labels.tolist() == [0, 2]


def test_a_sample_without_objects_is_all_background(coder):
    targets = query_targets(BOXES[None], torch.zeros(1, 2, 3), [(BOXES[:0], LABELS[:0])], coder,
                            MatchWeights())
    assert targets.labels.tolist() == [[3, 3]] and not targets.code_weights.any()
    assert not heat_target([(BOXES[:0], LABELS[:0])], coder, 3).any()


def test_heat_is_one_at_the_objects_cell_and_objects_outside_are_left_out(coder):
    outside = torch.cat([BOXES, BOXES[:1] + 100])
    heat, = heat_target([(outside, torch.tensor([0, 2, 1]))], coder, 3)
    assert heat.shape == (3, 8, 32)
    assert (heat == 1).nonzero().tolist() == [[0, 6, 18], [2, 1, 6]]


def test_losses_by_hand():
    one = torch.tensor(1.0)
    logits = torch.tensor([[[0.0, 0.0]]])
    loss = label_loss(logits, torch.tensor([[1]]), torch.ones(1, 1), one)
    torch.testing.assert_close(loss, 0.25 * torch.tensor(2.0).log() * (0.25 + 0.75))
    codes = torch.tensor([[1.0, -2.0]])
    assert code_loss(codes, codes * 0, torch.tensor([[1.0, 0.5]]), 2 * one) == 1.0
    heat = heat_loss(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.5]]]]))
    torch.testing.assert_close(heat, 0.25 * torch.tensor(2.0).log() * (1 + 0.5 ** 4))


def test_doubles_agree_with_a_plain_loop():
    generator = torch.Generator().manual_seed(1)
    centers = torch.rand(60, 2, generator=generator) * 5
    scores = torch.rand(60, generator=generator)
    kept: list[int] = []
    for row in scores.argsort(descending=True).tolist():
        if all((centers[row] - centers[other]).norm() > 0.6 for other in kept):
            kept.append(row)
    assert sorted(kept) == (~doubles(centers, scores, 0.36)).nonzero().flatten().tolist()
    assert len(doubles(centers[:0], scores[:0], 1.0)) == 0


def test_radii_count_in_meters_unless_the_published_way_is_asked_for():
    boxes = BOXES[:1, :7].repeat(2, 1)
    boxes[1, 0] += 0.5
    scores = torch.tensor([[0.9, 0.0], [0.8, 0.0]])
    for published, left in ((False, 2), (True, 1)):
        chosen = Suppression(radii=[0.35, -1], squared_radius=published)
        assert len(select_detections(boxes, scores, EVERYWHERE, chosen).scores_3d) == left


def test_zero_scores_go_and_stay_only_when_asked_for():
    scores = torch.tensor([[0.0, 0.0], [0.0, 0.3]])
    found = select_detections(BOXES, scores, EVERYWHERE, Suppression())
    assert found.labels_3d.tolist() == [1] and found.bboxes_3d.box_dim == 9
    kept = select_detections(BOXES, scores, EVERYWHERE, Suppression(zero_scores=True))
    assert kept.labels_3d.tolist() == [0, 1]


def test_overlaps_and_range_remove_boxes():
    boxes = torch.cat([BOXES, BOXES[:1] + 0.01, BOXES + 500])
    scores = torch.tensor([[0.9, 0], [0, 0.8], [0.7, 0], [0.6, 0], [0.5, 0]])
    chosen = Suppression(iou_thresholds=[0.5, -1])
    found = select_detections(boxes, scores, [-50.0] * 3 + [50.0] * 3, chosen)
    torch.testing.assert_close(found.scores_3d, torch.tensor([0.9, 0.8]))


def test_dropout_of_the_decoder_acts_in_training_alone():
    """Of everything: three normalizations of the queries are left."""
    layer = MapDecoderLayer(8, num_heads=2, feedforward_channels=16, dropout=1.0)
    queries, positions, bev = torch.randn(1, 3, 8), torch.rand(1, 3, 2), torch.randn(1, 8, 4, 5)
    expected = queries
    for part in (layer.self_attention, layer.cross_attention, layer.feed_forward):
        expected = part.norm(expected)
    assert torch.equal(layer.train()(queries, positions, bev), expected)
    assert not torch.allclose(layer.eval()(queries, positions, bev), expected)


def test_a_matched_overlap_is_at_most_one_however_it_was_rounded():
    ious = torch.tensor([[1.0 + 1e-6], [-1e-6]])
    pairs, = match([-ious], [ious])
    assert pairs.predictions.tolist() == [0] and pairs.ious.tolist() == [1.0]


def test_a_layer_starts_at_the_centers_of_the_last_without_their_gradient():
    class Branches(torch.nn.Module):
        def forward(self, queries):
            return dict(center=queries.transpose(1, 2)[:, :2])

    seen = []
    decoder = QueryDecoder([torch.nn.Identity(), torch.nn.Identity()], Branches())
    for layer in decoder.layers:
        layer.forward = lambda queries, positions, bev: seen.append(positions) or queries
    queries = torch.randn(1, 3, 4, requires_grad=True)
    _, places, outputs = decoder(queries, torch.ones(1, 3, 2), torch.zeros(1, 4, 2, 2))
    torch.testing.assert_close(places[1], 1 + queries[..., :2].detach())
    torch.testing.assert_close(places[2], 1 + 2 * queries[..., :2].detach())
    assert seen[1] is places[1] and not any(place.requires_grad for place in places)
    assert all(found['center'].requires_grad for found in outputs)
